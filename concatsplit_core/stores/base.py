"""What a store is: files by key, which are read, listed and written, wherever they are kept.

A disk is one, memory or a bucket of objects could be another. A format names its files by a
`Location`, a store and a key, and leaves to the store what becomes of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from concatsplit_core.foundation.records import NamedTuple

if TYPE_CHECKING:
    from concatsplit_core.stores.identity import Identity
    from concatsplit_core.stores.publishing import Recovered, Staging

Kind = Literal["file", "folder", "link", "other"]


class Status(NamedTuple):
    """What is at a key; of a link, what it leads to.

    Parameters
    ----------
    kind : {"file", "folder", "link", "other"}
    size : int
        Bytes of a file.
    """

    kind: Kind
    size: int


class Entry(NamedTuple):
    """One of the files and folders in a folder.

    Parameters
    ----------
    name : str
    kind : {"file", "folder", "link", "other"}
        Links are not followed.
    """

    name: str
    kind: Kind


class Look(NamedTuple):
    """How a file or folder looks, to be compared with how it looks later.

    Parameters
    ----------
    number : int, optional
        Changes with anything in it, and is the same in every process; None if it is gone.
    links : list of str
        The keys of the links in a folder.
    newest_ns : int
        When any of it was last changed, by the clock of the store; 0 where it keeps no such times.
    """

    number: int | None
    links: list[str]
    newest_ns: int = 0


class OpenFile(ABC):
    """A file that is open for reading.

    Parameters
    ----------
    size : int
        In bytes, when it was opened.
    """

    __slots__ = ("size",)

    def __init__(self, size: int) -> None:
        self.size = size

    @abstractmethod
    def read(self, offset: int, nbytes: int) -> bytearray:
        """A range of the file.

        Raises
        ------
        InputChanged
            The file has become shorter.
        """

    def close(self) -> None:
        """Close the file."""


class Store(ABC):
    """Files by key; parts of a key are divided by ``/``, as those of a path are.

    What is missing raises `FileNotFoundError`, and what else goes wrong an `OSError`. A store can
    be pickled: the tasks of a run may be done by other processes, which open it again.
    """

    has_paths: ClassVar[bool] = False
    """Whether keys are paths of files, which the kernel can copy and other programs find."""

    file: Location | None = None
    """The one file, in another store, that all of this store lies in, if it does."""

    @abstractmethod
    def stat(self, key: str) -> Status | None:
        """What is at a key; None if nothing is."""

    @abstractmethod
    def entries(self, key: str) -> Iterator[Entry]:
        """The files and folders in a folder, in any order."""

    @abstractmethod
    def read_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes | bytearray]:
        """Ranges of a file.

        Parameters
        ----------
        key : str
        ranges : sequence of (int, int)
            The offset and the size of each, in bytes.

        Raises
        ------
        InputChanged
            The file ends inside a range.
        """

    @abstractmethod
    def write(self, key: str, parts: Iterable[Any]) -> None:
        """Write a file, and the folders that it lies in.

        Whoever writes the same bytes twice, also at the same time, leaves the same bytes. Only what
        is staged is written, which nobody reads before it is published.

        Parameters
        ----------
        key : str
        parts : iterable of buffers
            What the file holds, one behind the other.
        """

    @abstractmethod
    def identify(self, key: str) -> Identity | None:
        """By what a file or folder is recognised; links are not followed; None if nothing is."""

    @abstractmethod
    def look(self, key: str) -> Look:
        """How a file, or a folder with all that it holds, looks now."""

    def changed_ns(self, key: str) -> int | None:
        """When a file or folder was last changed, as in `Look.newest_ns`; None if it is gone."""
        return 0

    def look_at(self, key: str) -> int | None:
        """How one file looks now, as one number; None if it is not there."""
        return self.look(key).number

    def looks(self, key: str) -> Iterable[tuple[str, int]] | None:
        """The files below a folder, by their names there, and how each looks, as `look_at` does.

        None where what is at the key is no folder, or can only be looked at as a whole.
        """
        return None

    @abstractmethod
    def staging(self, sync: bool) -> Staging:
        """What stages and publishes the outputs of one run.

        Parameters
        ----------
        sync : bool
            Make everything durable before it is published.
        """

    def recover(self, folders: Sequence[str]) -> Iterator[Recovered]:
        """Complete or undo what killed runs left in folders.

        A store in which a killed run leaves nothing that readers see may leave this as it is.
        """
        return iter(())

    def spell(self, key: str) -> str:
        """What users call a file or folder, as in a reference: a path, or a URL."""
        return key

    def from_root(self, key: str) -> str:
        """The same key for a process that has another working folder, where that matters."""
        return key

    def resolve(self, key: str) -> str:
        """The key of what is meant: links are followed, where a store has them."""
        return key

    def size(self, key: str) -> int:
        """Bytes of a file."""
        found = self.stat(key)
        if found is None:
            raise FileNotFoundError(2, "No such file or directory", key)
        return found.size

    def read(self, key: str) -> bytes | bytearray:
        """All of a file."""
        return self.read_ranges(key, [(0, self.size(key))])[0]

    def walk(self, key: str) -> Iterator[str]:
        """The keys of all files below a folder; links to folders are not followed."""
        for name, kind in self.entries(key):
            if kind == "folder":
                yield from self.walk(join(key, name))
            else:
                yield join(key, name)

    def open(self, key: str) -> OpenFile:
        """Open a file to read several ranges of it."""
        return _Ranges(self, key)

    def open_for_writing(self, key: str) -> int | None:
        """A descriptor of a file that is made, or written over but not shortened.

        The folders that it lies in are made; the caller closes it. None where there are no
        descriptors.
        """
        return None

    def path(self, key: str) -> str | None:
        """The path of a file; None where there are no paths."""
        return key if self.has_paths else None


class _Ranges(OpenFile):
    """A file of a store in which nothing is open: every read is a request."""

    __slots__ = ("_key", "_store")

    def __init__(self, store: Store, key: str) -> None:
        super().__init__(store.size(key))
        self._store, self._key = store, key

    def read(self, offset: int, nbytes: int) -> bytearray:
        """A range of the file."""
        data = self._store.read_ranges(self._key, [(offset, nbytes)])[0]
        return data if isinstance(data, bytearray) else bytearray(data)


def join(key: str, name: str) -> str:
    """The key of something in a folder, from its name or the rest of its key."""
    return f"{key}/{name}" if key and name else key or name


class Location(NamedTuple):
    """A file or folder: in which store, and by which key.

    Parameters
    ----------
    store : Store
    key : str
    """

    store: Store
    key: str

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process, which reads what is pickled, may have another working folder."""
        return Location, (self.store, self.store.from_root(self.key))

    def __truediv__(self, name: str) -> Location:
        return Location(self.store, join(self.key, name))

    def __str__(self) -> str:
        return self.store.spell(self.key)

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    @property
    def parent(self) -> Location:
        """The folder that it lies in."""
        head, mark, _ = self.key.rpartition("/")
        return Location(self.store, head or mark if self.store.has_paths else head)

    def is_within(self, folder: Location) -> bool:
        """Whether it is a folder, or lies in it, by their keys."""
        return self.store == folder.store and (
            self.key == folder.key
            or not folder.key
            or self.key.startswith(f"{folder.key.rstrip('/')}/")
        )

    def below(self, folder: Location) -> str:
        """The rest of its key, below a folder that it lies in."""
        return self.key[len(folder.key) :].lstrip("/")

    @property
    def resolved(self) -> Location:
        """What is meant, with links followed."""
        return Location(self.store, self.store.resolve(self.key))

    @property
    def identity(self) -> Identity | None:
        """By what it is recognised; links are not followed; None if there is nothing."""
        return self.store.identify(self.key)

    @property
    def path(self) -> str | None:
        """Its path; None in a store without paths."""
        return self.store.path(self.key)

    @property
    def kind(self) -> Kind | None:
        """What it is, or what the link there leads to; None if there is nothing."""
        found = self.store.stat(self.key)
        return None if found is None else found.kind

    def read(self) -> bytes | bytearray:
        """All of the file."""
        return self.store.read(self.key)

    def write(self, data: Any) -> None:
        """Write the file, and the folders that it lies in."""
        self.store.write(self.key, [data])

    def entries(self) -> Iterator[Entry]:
        """The files and folders in the folder."""
        return self.store.entries(self.key)

    def walk(self) -> Iterator[str]:
        """The keys of all files below the folder."""
        return self.store.walk(self.key)
