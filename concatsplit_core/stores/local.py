"""The local disk as a store: its keys are paths."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from concatsplit_core.stores.base import Entry, Kind, Location, OpenFile, Status, Store
from concatsplit_core.stores.files import open_input, read_exactly, write_all

_NOTHING = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
_WRITING = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC


class _LocalFile(OpenFile):
    """An open file on the disk."""

    __slots__ = ("_fd", "_key")

    def __init__(self, key: str) -> None:
        self._key, self._fd = key, open_input(key)
        try:
            super().__init__(os.fstat(self._fd).st_size)
        except BaseException:
            os.close(self._fd)
            raise

    def read(self, offset: int, nbytes: int) -> bytearray:
        """A range of the file."""
        data = bytearray(nbytes)
        read_exactly(self._fd, memoryview(data), offset, self._key)
        return data

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


class LocalStore(Store):
    """The files of the local disk by their paths; there is one, `LOCAL`."""

    has_paths: ClassVar[bool] = True

    def stat(self, key: str) -> Status | None:
        """What is at a path; a link that leads to nothing is nothing."""
        try:
            found = os.stat(key)
        except OSError as error:
            if error.errno in _NOTHING:
                return None
            raise
        except ValueError:  # no file can have this name
            return None
        mode = found.st_mode
        kind: Kind = "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "other"
        return Status(kind, found.st_size)

    def entries(self, key: str) -> Iterator[Entry]:
        """The files and folders in a folder."""
        with os.scandir(key) as found:
            for entry in found:
                yield Entry(entry.name, _kind(entry))

    def size(self, key: str) -> int:
        """Bytes of a file."""
        return os.stat(key).st_size

    def read(self, key: str) -> bytes:
        """All of a file."""
        with open(key, "rb") as file:
            return file.read()

    def read_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes | bytearray]:
        """Ranges of a file."""
        file = self.open(key)
        try:
            return [file.read(offset, nbytes) for offset, nbytes in ranges]
        finally:
            file.close()

    def walk(self, key: str) -> Iterator[str]:
        """The paths of all files below a folder."""
        for where, _, names in os.walk(key, onerror=_fail):
            for name in names:
                yield f"{where}/{name}"

    def write(self, key: str, parts: Iterable[Any]) -> None:
        """Write a file, over what may be there."""
        fd, at = self.open_for_writing(key), 0
        try:
            for part in parts:
                write_all(fd, part, at)
                at += memoryview(part).nbytes
            os.ftruncate(fd, at)
        finally:
            os.close(fd)

    def open(self, key: str) -> OpenFile:
        """Open a file to read several ranges of it."""
        return _LocalFile(key)

    def open_for_writing(self, key: str) -> int:
        """A descriptor of a file that is made, or written over but not shortened.

        So a task that was killed half-way can be done again, even by two workers at once: they
        write the same bytes over what is there. To write to a temporary name and rename it would
        take up to four times as long.
        """
        try:
            return os.open(key, _WRITING, 0o666)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(key), exist_ok=True)
            return os.open(key, _WRITING, 0o666)

    def __reduce__(self) -> str:
        return "LOCAL"


LOCAL = LocalStore()


def local(path: Path | str) -> Location:
    """A file or folder of the local disk."""
    return Location(LOCAL, path if isinstance(path, str) else str(path))


def _kind(entry: os.DirEntry[str]) -> Kind:
    if entry.is_symlink():
        return "link"
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    return "file" if entry.is_file(follow_symlinks=False) else "other"


def _fail(error: OSError) -> None:
    raise error
