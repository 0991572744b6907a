"""The local disk as a store: its keys are paths."""

from __future__ import annotations

import errno
import os
import stat
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from concatsplit_core.stores.base import Entry, Kind, Location, Look, OpenFile, Status, Store
from concatsplit_core.stores.files import identify, open_input, read_exactly, write_all

if TYPE_CHECKING:
    from concatsplit_core.stores.identity import Identity
    from concatsplit_core.stores.publishing import Recovered, Staging

_NOTHING = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
_READING_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_WRITING = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC


def _make_folder(path: str) -> None:
    """Make a folder and those above it, but no staging folder.

    A worker of a cluster may outlive a killed run, and write on after the next run has cleared
    what was left: what is cleared has to stay so.
    """
    try:
        os.mkdir(path)
    except FileExistsError:
        return
    except FileNotFoundError:
        from concatsplit_core.stores.staging_folders import PREFIX

        above = os.path.dirname(path)
        if os.path.basename(above).startswith(PREFIX):
            raise
        _make_folder(above)
        with suppress(FileExistsError):
            os.mkdir(path)


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
            _make_folder(os.path.dirname(key))
            return os.open(key, _WRITING, 0o666)

    def identify(self, key: str) -> Identity | None:
        """By what a file or folder is recognised."""
        return identify(key)

    def look(self, key: str) -> Look:
        """The sizes, times and identities of all files below a path, as one number."""
        links: list[str] = []
        try:
            status = os.stat(key)
            number, newest_ns = _look_at(status), status.st_ctime_ns
            if stat.S_ISDIR(status.st_mode):
                inside, newest_ns = _look_inside(key, links)
                number ^= inside
        except (FileNotFoundError, NotADirectoryError):
            return Look(None, links)
        return Look(number, links, newest_ns)

    def changed_ns(self, key: str) -> int | None:
        """When a file or folder was last changed, its owner and permissions included."""
        try:
            return os.stat(key).st_ctime_ns
        except (FileNotFoundError, NotADirectoryError):
            return None

    def look_at(self, key: str) -> int | None:
        """The size, times and identity of one file, as one number."""
        try:
            return _look_at(os.stat(key))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def looks(self, key: str) -> Iterable[tuple[str, int]] | None:
        """The sizes, times and identities of all files below a folder without links to others."""
        if not os.path.isdir(key):
            return None
        links: list[str] = []
        try:
            found = [
                (f"{inside}/{name}" if inside else name, _look_at(status))
                for inside, name, status in _walk(key, links)
                if name
            ]
        except FileNotFoundError:  # one was removed meanwhile, so that the whole has changed
            return None
        return None if any(map(os.path.isdir, links)) else found

    def staging(self, sync: bool) -> Staging:
        """What stages outputs in folders beside them, and renames them."""
        from concatsplit_core.stores.staging import LocalStaging

        return LocalStaging(sync)

    def recover(self, folders: Sequence[str]) -> Iterator[Recovered]:
        """Complete or undo what killed runs left in folders."""
        from concatsplit_core.stores.staging_folders import find_staging_folders

        left = [Path(folder) for folder in folders if find_staging_folders(folder)]
        if left:
            from concatsplit_core.stores.recovery import recover

            yield from recover(left)

    def from_root(self, key: str) -> str:
        """The path, seen from the root."""
        return from_root(key)

    def resolve(self, key: str) -> str:
        """The path with all links followed, from the root."""
        return os.path.realpath(key)

    def __reduce__(self) -> str:
        return "LOCAL"


LOCAL = LocalStore()


def local(path: os.PathLike[str] | str) -> Location:
    """A file or folder of the local disk."""
    return Location(LOCAL, path if isinstance(path, str) else os.fspath(path))


def from_root(path: str) -> str:
    """A path seen from the root, with all its parts: those before ``..`` may be links."""
    return path if path[:1] == os.sep else os.path.join(os.getcwd(), path)


def _kind(entry: os.DirEntry[str]) -> Kind:
    if entry.is_symlink():
        return "link"
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    return "file" if entry.is_file(follow_symlinks=False) else "other"


def _fail(error: OSError) -> None:
    raise error


def _walk(path: str, links: list[str]) -> Iterator[tuple[str, str, os.stat_result]]:
    """All files below a folder: each one's folder, as the rest of its path, its name and status.

    Of each folder there comes its own status as well, without a name. Links are noted; the files
    that they lead to count as files, and the folders are not looked into. There may be very many
    files: folders are read by their descriptors, so that the kernel does not look up the path of
    every file, and most files are told from folders and links by one question.
    """
    start, waiting = len(path) + 1, [path]
    while waiting:
        folder = waiting.pop()
        inside = folder[start:]
        fd = os.open(folder, _READING_FOLDER)
        try:
            yield inside, "", os.fstat(fd)
            with os.scandir(fd) as entries:
                for entry in entries:
                    if not entry.is_file(follow_symlinks=False):
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(f"{folder}/{entry.name}")
                            continue
                        if entry.is_symlink():
                            links.append(f"{folder}/{entry.name}")
                        if not entry.is_file():
                            continue
                    yield inside, entry.name, entry.stat()
        finally:
            os.close(fd)


def _look_inside(path: str, links: list[str]) -> tuple[int, int]:
    """A number made of how all files below a folder look, by their names; notes the links there.

    Returns
    -------
    number, newest_ns : int
    """
    number = newest_ns = above = 0
    crc32, encoded = zlib.crc32, os.fsencode
    for inside, name, status in _walk(path, links):
        if name:
            number ^= hash((crc32(encoded(name), above), _look_at(status)))
        else:
            above = crc32(encoded(f"/{inside}/" if inside else "/"))
        newest_ns = max(newest_ns, status.st_ctime_ns)
    return number, newest_ns


def _look_at(status: os.stat_result) -> int:
    """Hashes numbers only, which differ neither between processes nor between machines.

    The hash of a text differs between processes, and the number of a network file system between
    machines.
    """
    if stat.S_ISDIR(status.st_mode):
        return hash(status.st_ino)
    return hash((status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
