"""Arrays that are read: contiguous ones by their offset, all others by being decoded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from concatsplit_core.array.geometry import Box, Shape
from concatsplit_core.array.layouts import Contiguous
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.storage import Extent, Storage
from concatsplit_core.formats.stored import Stored
from concatsplit_core.foundation.records import dataclass, field
from concatsplit_core.stores.base import Location
from concatsplit_core.stores.local import from_root, local


@dataclass(slots=True, eq=False, weakref_slot=True)
class BaseSource:
    """One array that is read.

    A source of a file can be pickled. Fields that are not arguments hold what is open: they are
    not pickled, and filled again when they are needed.

    Parameters
    ----------
    path : str, optional
        The file or folder; None where the array is in memory, or in a store without paths.
    ref : str
        What messages call it.
    spec : ArraySpec
    storage : Storage
    member : str
        Its name in a container.
    root : str, optional
        The store that no link should lead out of.
    """

    path: str | None
    ref: str
    spec: ArraySpec
    storage: Storage
    member: str = field(default="", kw_only=True)
    root: str | None = field(default=None, kw_only=True)

    format: ClassVar[str]
    """What users call its format."""
    whole_checksum: ClassVar[str | None] = None
    """What its format calls a checksum of the whole array, which `prepare` can compare."""

    @property
    def place(self) -> Location | None:
        """The file or folder, in whichever store; None where the array is in memory."""
        return None if self.path is None else local(self.path)

    @property
    def pieces(self) -> Sequence[Source]:
        """The inputs that it is joined of, if a program has joined them without writing them."""
        return ()

    def file_of(self, element: Shape) -> Location | None:
        """The file that holds an element, if the array is a folder of files; it may not exist."""
        return None

    def prepare(self, folder: Path, check: bool = False) -> None:
        """Make ready to be read.

        Parameters
        ----------
        folder : Path
            A folder for files that are unpacked first.
        check : bool
            Compare the checksum of the whole array, where there is one.
        """

    def files(self, box: Box) -> Iterator[str] | None:
        """The files that hold a box, by their names below `place`; some may not be there.

        None where that is not known, or `place` is a file.
        """
        return None

    def stored_bytes(self) -> int:
        """Bytes that the array takes in its file."""
        return self.spec.nbytes

    def check(self) -> None:
        """Look for damage that other readers would find, though reading all of it here does not."""

    def close(self) -> None:
        """Close what it has open."""

    def __reduce__(self) -> tuple[Any, ...]:
        names = _arguments.get(type(self))
        if names is None:  # asking takes longer than pickling a hundred sources
            from dataclasses import fields  # which knows those of any class derived from ours

            names = _arguments[type(self)] = [each.name for each in fields(self) if each.init]
        given = {name: getattr(self, name) for name in names}
        for name in ("path", "root"):  # another process may have another working folder
            if given.get(name) is not None:
                given[name] = from_root(given[name])
        return partial(type(self), **given), ()


_arguments: dict[type[BaseSource], list[str]] = {}
"""The names of the arguments of each class of sources, once they were asked for."""


class ContiguousSource(BaseSource):
    """An array whose elements are one run of bytes in a file."""

    __slots__ = ()

    @property
    def extent(self) -> Extent:
        """Where the run of bytes lies."""
        return located(self.path, self.spec)


FindSpace = Callable[[Box], memoryview | None]
"""Returns the memory where a box belongs, if it lies there in C order and in the source's dtype."""


class DecodedSource(BaseSource, ABC):
    """An array that gives its elements box by box."""

    __slots__ = ()

    @abstractmethod
    def read(self, box: Box) -> Iterator[tuple[Box, np.ndarray]]:
        """Parts that cover a box, decoded one after another.

        An array handed out is valid until the next one is asked for.
        """


class ChunkedSource(DecodedSource):
    """An array in chunks of one shape; each may move as it is stored."""

    __slots__ = ()

    @abstractmethod
    def read_to(self, box: Box, find_space: FindSpace | None) -> Iterator[tuple[Box, np.ndarray]]:
        """As `read`; a part may be decoded into the memory that `find_space` returns for it."""

    def read(self, box: Box) -> Iterator[tuple[Box, np.ndarray]]:
        """Decode chunk by chunk."""
        return self.read_to(box, None)

    @property
    @abstractmethod
    def fill(self) -> np.ndarray | None:
        """The element that an absent chunk is full of; None for strings."""

    @abstractmethod
    def stored(self, box: Box, shards: bool) -> Iterator[tuple[Box, Stored | None]]:
        """Every chunk, or shard, that lies in a box, as it is stored; None where it is absent."""

    def unit_paths(self, shards: bool, compares: bool) -> Callable[[Shape], str] | None:
        """A function from the grid index of a chunk, or shard, to the path of its file.

        None where a file holds more than that, where its contents have to be looked at, or where
        only a few are stored and it is known which.

        Parameters
        ----------
        shards : bool
            Shards are meant, not chunks.
        compares : bool
            Their checksums are compared, if they have any.
        """
        return None

    @abstractmethod
    def checked(self, box: Box, stored: Stored, full: bool) -> Stored:
        """The same chunk or shard; it is checked when it is read or copied.

        Parameters
        ----------
        box : Box
        stored : Stored
            What `stored` gave for the box.
        full : bool
            Whether chunks without a checksum are decoded; if not, only checksums are compared.
        """


Source = ContiguousSource | DecodedSource
"""Every source is one or the other: a reader has two cases."""


class GivesSource(ABC):
    """An object of a program that is an input by itself, and knows how it is read."""

    __slots__ = ()

    @abstractmethod
    def as_source(self, ref: str) -> Source:
        """The input; messages call it `ref`."""


def located(path: str | None, spec: ArraySpec) -> Extent:
    """Where the run of bytes of a contiguous array lies, as its layout says."""
    layout = spec.layout
    if path is None or not isinstance(layout, Contiguous) or layout.offset is None:
        raise ValueError("no file, or no place in it, is known for the elements")
    return Extent(path, layout.offset)


def fill_of(source: Source) -> np.ndarray | None:
    """The element that absent chunks of a source are full of, if it has chunks."""
    return source.fill if isinstance(source, ChunkedSource) else None
