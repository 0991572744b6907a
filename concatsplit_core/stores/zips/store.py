"""A zip archive as a store: its members are files by their names, read where they lie."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Any

from concatsplit_core.foundation.errors import (
    ConcatsplitError,
    InputChanged,
    OverBudget,
    UnsafeContent,
)
from concatsplit_core.stores.base import Entry, Look, OpenFile, Status, Store
from concatsplit_core.stores.files import open_input, read_exactly
from concatsplit_core.stores.local import LOCAL, from_root, local
from concatsplit_core.stores.zips.directory import (
    ENCRYPTED,
    Directory,
    data_start,
    directory_of,
    unpacked,
)

if TYPE_CHECKING:
    from concatsplit_core.stores.identity import Identity
    from concatsplit_core.stores.publishing import Staging

_MOST_UNPACKED = 64 << 20
"""Bytes of the largest compressed member that is unpacked as a whole, as documents are."""
_SKIPPED_AT_ONCE = 1 << 20


class _Tree:
    """The members of an archive by their names, and the folders that these make.

    Parameters
    ----------
    files : dict of str to zipfile.ZipInfo
    folders : dict of str to dict of str to Entry
        What is in each folder, by name; the root is "".
    """

    def __init__(self) -> None:
        self.files: dict[str, zipfile.ZipInfo] = {}
        self.folders: dict[str, dict[str, Entry]] = {"": {}}

    def note(self, entry: zipfile.ZipInfo) -> None:
        """Put a member at its place; if two have one name, the last one counts, as for all readers.

        zarr-python writes a document anew by adding it once more.

        Raises
        ------
        ValueError
            Its name leads out of the archive.
        """
        name = entry.filename
        *parts, last = name.removesuffix("/").split("/")
        if any(part in {"", ".", ".."} for part in (*parts, last)):
            raise ValueError(f"the name of the member '{name}' leads out of the archive")
        above = ""
        for part in parts:
            above = self._folder(above, part)
        if entry.is_dir():
            self._folder(above, last)
        else:
            self.files[name] = entry
            self.folders[above].setdefault(last, Entry(last, "file"))

    def _folder(self, above: str, name: str) -> str:
        path = f"{above}/{name}" if above else name
        if path not in self.folders:
            self.folders[path] = {}
            self.folders[above][name] = Entry(name, "folder")
        return path


@lru_cache(maxsize=4)
def _tree_of(directory: Directory) -> _Tree:
    tree = _Tree()
    for entry in directory.entries:
        tree.note(entry)
    return tree


class ZipStore(Store):
    """The members of an archive on the local disk; they are only read.

    Parameters
    ----------
    file : str
    ref : str
        What messages call it.

    Raises
    ------
    MalformedInput
        The archive is damaged.
    UnsafeContent
        The name of a member leads out of the archive.
    """

    def __init__(self, file: str, ref: str) -> None:
        self.archive, self.file = file, local(file)
        self._ref = ref
        try:
            self._tree = _tree_of(directory_of(file, ref))
        except ValueError as error:
            if isinstance(error, ConcatsplitError):
                raise
            raise UnsafeContent(f"{ref}: {error}; make it anew", ref=ref) from error

    def __reduce__(self) -> tuple[Any, ...]:
        return ZipStore, (from_root(self.archive), self._ref)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ZipStore) and self.archive == other.archive

    def __hash__(self) -> int:
        return hash(self.archive)

    def stat(self, key: str) -> Status | None:
        """What the member is."""
        entry = self._tree.files.get(key)
        if entry is not None:
            return Status("file", entry.file_size)
        return Status("folder", 0) if key in self._tree.folders else None

    def identify(self, key: str) -> Identity | None:
        """By what the archive is recognised, for all of its members."""
        return None if self.stat(key) is None else LOCAL.identify(self.archive)

    def look(self, key: str) -> Look:  # noqa: ARG002 - as of every store
        """How the archive looks."""
        return LOCAL.look(self.archive)

    def staging(self, sync: bool) -> Staging:
        """Refused: an archive is written as a whole."""
        raise PermissionError(1, f"members of an archive are not written one by one ({sync=})")

    def entries(self, key: str) -> Iterator[Entry]:
        """The members and folders in a folder."""
        if key not in self._tree.folders:
            raise FileNotFoundError(2, "No such file or directory", key)
        return iter(self._tree.folders[key].values())

    def read(self, key: str) -> bytes | bytearray:
        """All of a member; a compressed one is not unpacked if it is larger than documents are."""
        entry = self._entry(key)
        if entry.compress_type != zipfile.ZIP_STORED and entry.file_size > _MOST_UNPACKED:
            raise OverBudget(
                f"{self._ref}: the member '{key}' unpacks to {entry.file_size} bytes",
                ref=self._ref,
                found=entry.file_size,
                expected=_MOST_UNPACKED,
            )
        return self.read_ranges(key, [(0, entry.file_size)])[0]

    def read_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes | bytearray]:
        """Ranges of a member; a compressed one is unpacked from its start for each of them."""
        file = self.open(key)
        try:
            return [file.read(offset, nbytes) for offset, nbytes in ranges]
        finally:
            file.close()

    def open(self, key: str) -> OpenFile:
        """Open a member to read several ranges of it."""
        entry = self._entry(key)
        if entry.flag_bits & ENCRYPTED:
            raise UnsafeContent(f"{self._ref}: the member '{key}' is encrypted", ref=self._ref)
        if entry.compress_type == zipfile.ZIP_STORED:
            return _StoredMember(self.archive, entry, self._ref)
        return _PackedMember(self.archive, entry, self._ref)

    def write(self, key: str, parts: Iterable[Any]) -> None:  # noqa: ARG002 - as of every store
        """Refused: an archive is written as a whole."""
        raise PermissionError(1, "members of an archive are not written one by one", key)

    def _entry(self, key: str) -> zipfile.ZipInfo:
        try:
            return self._tree.files[key]
        except KeyError:
            raise FileNotFoundError(2, "No such file or directory", key) from None


class _StoredMember(OpenFile):
    """A member that lies in the archive as it is."""

    __slots__ = ("_fd", "_ref", "_start")

    def __init__(self, file: str, entry: zipfile.ZipInfo, ref: str) -> None:
        self._ref = f"{ref}: {entry.filename}"
        super().__init__(entry.file_size)
        self._fd = open_input(file)
        try:
            self._start = data_start(self._fd, entry, self._ref)
        except BaseException:
            os.close(self._fd)
            raise

    def read(self, offset: int, nbytes: int) -> bytearray:
        """A range of the member."""
        _refuse_outside(self, offset, nbytes, self._ref)
        data = bytearray(nbytes)
        read_exactly(self._fd, memoryview(data), self._start + offset, self._ref)
        return data

    def close(self) -> None:
        """Close the archive."""
        os.close(self._fd)


class _PackedMember(OpenFile):
    """A member that is compressed."""

    __slots__ = ("_entry", "_file", "_ref")

    def __init__(self, file: str, entry: zipfile.ZipInfo, ref: str) -> None:
        super().__init__(entry.file_size)
        self._file, self._entry, self._ref = file, entry, f"{ref}: {entry.filename}"

    def read(self, offset: int, nbytes: int) -> bytearray:
        """A range of the member; everything before it is unpacked as well."""
        _refuse_outside(self, offset, nbytes, self._ref)
        with unpacked(self._file, self._entry, self._ref, "cannot be unpacked") as stream:
            _skip(stream, offset)
            data = bytearray(nbytes)
            view, done = memoryview(data), 0
            while done < nbytes:
                piece = stream.read(min(_SKIPPED_AT_ONCE, nbytes - done))
                if not piece:
                    raise EOFError("it unpacks to less than it should")
                view[done : done + len(piece)] = piece
                done += len(piece)
            if offset + nbytes == self.size and stream.read(1):
                raise ValueError("it unpacks to more than it should")
        return data


def _skip(stream: IO[bytes], nbytes: int) -> None:
    while nbytes:
        piece = stream.read(min(_SKIPPED_AT_ONCE, nbytes))
        if not piece:
            raise EOFError("it unpacks to less than it should")
        nbytes -= len(piece)


def _refuse_outside(file: OpenFile, offset: int, nbytes: int, ref: str) -> None:
    if offset + nbytes > file.size:
        raise InputChanged(f"{ref}: ends before byte {offset + nbytes}", ref=ref)
