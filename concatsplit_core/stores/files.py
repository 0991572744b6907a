"""Files: complete reads and writes, copies inside the kernel, and what errors mean."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from concatsplit_core.foundation.errors import (
    ConcatsplitError,
    InputChanged,
    InputUnavailable,
    IOFailure,
    NoSpace,
)
from concatsplit_core.stores.disk_space import WORTH_TAKING, take_space
from concatsplit_core.stores.identity import Identity

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
UNAVAILABLE = {
    errno.ENOENT,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENXIO,
}


_WHAT_TO_DO = {
    errno.EROFS: "; write elsewhere",
    errno.ENOTDIR: "; what its name has before the last / is a file, and no folder",
    errno.EACCES: "; write elsewhere, or ask for the permission",
}
COPY_BUFFER = 64 << 10


def open_input(path: Path | str) -> int:
    """Open a file for reading and return its descriptor; does not wait if it is a FIFO."""
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)


def open_staged(path: Path | str) -> int:
    """Open a staged file for reading and writing and return its descriptor."""
    return os.open(path, os.O_RDWR | os.O_CLOEXEC)


close_file = os.close
"""Closes a descriptor."""


def read_exactly(fd: int, view: memoryview, offset: int, path: Path | str) -> None:
    """Fill a buffer from a file.

    Raises
    ------
    InputChanged
        The file ends before the buffer is full; it was long enough when it was opened.
    """
    done = 0
    while done < len(view):
        count = os.preadv(fd, [view[done:]], offset + done)
        if not count:
            raise InputChanged(
                f"{path}: the file became shorter while it was read; run again when it is complete",
                ref=str(path),
            )
        done += count


def read_file(path: str, view: memoryview, offset: int) -> None:
    """Fill a buffer from a file that is opened for it; see `read_exactly`."""
    fd = open_input(path)
    try:
        read_exactly(fd, view, offset, path)
    finally:
        os.close(fd)


SHARED_BLOCK = 4096
"""Bytes of a file system's block; two files can share whole blocks."""

SHAREABLE = 1 << 18
"""Bytes of the shortest range for which sharing blocks is faster than copying them."""


def copy_range(
    source: int,
    start: int,
    target: int,
    to: int,
    size: int,
    ref: str,
    buffer: int = COPY_BUFFER,
) -> None:
    """Copy a range of one file to another, inside the kernel where it can do that.

    Where the file system can share blocks and both offsets are equal modulo the block size, the
    bytes before the first whole block are copied by a call of their own, so that the kernel shares
    the whole blocks::

        source  |  head  | block | block | tail |
                ^ start  ^ start + head: a multiple of the block size, as is to + head

    Elsewhere the target gets its disk space first: that is faster than page by page.
    What the kernel cannot copy goes through a buffer.

    Parameters
    ----------
    source, target : int
        File descriptors.
    start, to : int
        The offsets of the range in the source and in the target.
    size : int
        In bytes.
    ref : str
        The source's name in messages.
    buffer : int
        The most bytes that go through a buffer at once.

    Raises
    ------
    InputChanged
        The source ends inside the range.
    """
    make_room(source, start, target, to, size)
    head = -start % SHARED_BLOCK
    is_shareable = size >= SHAREABLE and not (start - to) % SHARED_BLOCK
    if head and is_shareable and _can_share(source, start, target, to):
        _copy(source, start, target, to, head, ref, buffer)
        start, to, size = start + head, to + head, size - head
    _copy(source, start, target, to, size, ref, buffer)


def make_room(source: int, start: int, target: int, to: int, size: int) -> bool:
    """Take disk space for a range that is going to be copied, unless files can share it.

    Returns
    -------
    bool
        Whether space has been taken.
    """
    return (
        size >= WORTH_TAKING
        and not _can_share(source, start, target, to)
        and take_space(target, to, size)
    )


_FICLONERANGE = 0x4020940D
_CANNOT_SHARE = {errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV}
_sharing: dict[tuple[int, int], bool] = {}
"""Whether files on two devices, which may be the same, can share blocks."""


def _can_share(source: int, start: int, target: int, to: int) -> bool:
    """Whether two files lie where files can share blocks; each pair of devices is asked once."""
    devices = os.fstat(source).st_dev, os.fstat(target).st_dev
    if devices not in _sharing:
        try:  # one byte is no block: it is refused there for that, and elsewhere altogether
            fcntl.ioctl(target, _FICLONERANGE, struct.pack("=qQQQ", source, start, 1, to))
            _sharing[devices] = True
        except OSError as error:
            _sharing[devices] = error.errno not in _CANNOT_SHARE
    return _sharing[devices]


def share_range(source: int, start: int, target: int, to: int, size: int) -> range:
    """Let two files share the whole blocks of a range, if their file system can do that.

    Returns
    -------
    range
        The bytes that are shared now, counted from the start of the range. The caller copies the
        others.
    """
    head = -start % SHARED_BLOCK
    length = (size - head) // SHARED_BLOCK * SHARED_BLOCK
    if size < SHAREABLE or (start - to) % SHARED_BLOCK:
        return range(0)
    try:
        request = struct.pack("=qQQQ", source, start + head, length, to + head)
        fcntl.ioctl(target, _FICLONERANGE, request)
    except OSError as error:
        if error.errno in FULL:
            raise
        return range(0)
    return range(head, head + length)


def _copy(source: int, start: int, target: int, to: int, size: int, ref: str, buffer: int) -> None:
    done = 0
    copy_some = _copy_some(target, size)
    while done < size:
        try:
            count = copy_some(source, target, size - done, start + done, to + done)
        except OSError as error:
            if error.errno in FULL:
                raise
            break  # the kernel cannot copy between these two files
        if not count:
            break
        done += count
    while done < size:
        data = bytearray(min(size - done, buffer))
        try:
            read_exactly(source, memoryview(data), start + done, ref)
        except OSError as error:
            if isinstance(error, ConcatsplitError):
                raise
            raise input_error(ref, error) from error
        write_all(target, data, to + done)
        done += len(data)


def _copy_some(target: int, size: int) -> Callable[[int, int, int, int, int], int]:
    """What copies a part of a range that the kernel is to copy."""
    if size >= WORTH_TAKING:
        from concatsplit_core.stores import memory_files  # imported late: small copies need none

        if memory_files.is_in_memory(target):
            return memory_files.copy_to_memory
    return os.copy_file_range


def write_file(path: str, data: Any, offset: int) -> None:
    """Write a whole buffer into a staged file that is opened for it."""
    fd = open_staged(path)
    try:
        write_all(fd, data, offset)
    finally:
        os.close(fd)


def create_staged(path: str, header: bytes, size: int) -> None:
    """Make a staged file of a header and so many more bytes; what is there already stays."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        write_all(fd, header, 0)
        os.ftruncate(fd, len(header) + size)
    finally:
        os.close(fd)


def write_staged(path: str, header: bytes, data: memoryview) -> None:
    """Make a small staged file with all that it holds, in one write."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        write_all(fd, b"".join((header, data)), 0)
    finally:
        os.close(fd)


def write_all(fd: int, data: Any, offset: int) -> None:
    """Write a whole buffer at an offset, also if the system writes it in parts."""
    done = os.pwrite(fd, data, offset)
    size = data.nbytes if hasattr(data, "nbytes") else len(data)
    if done == size:
        return
    view = memoryview(data).cast("B")
    while done < size:
        done += os.pwrite(fd, view[done:], offset + done)


def input_error(ref: str, error: OSError) -> ConcatsplitError:
    """Our error for a system error that occurred while an input was opened or read."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in UNAVAILABLE:
        return InputUnavailable(f"{ref}: {reason[0].lower()}{reason[1:]}", ref=ref)
    return IOFailure(f"{ref}: cannot be read: {reason}", ref=ref)


class ReadingInput:
    """Inside the context, a system error becomes an error that names the input.

    Parameters
    ----------
    ref : str
        What messages call the input.
    """

    __slots__ = ("_ref",)

    def __init__(self, ref: str) -> None:
        self._ref = ref

    def __enter__(self) -> None:
        """Nothing has to be done first."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, ConcatsplitError):
            raise input_error(self._ref, error) from error


def output_error(ref: str, error: OSError) -> ConcatsplitError:
    """Our error for a system error that occurred while an output was written."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in FULL:
        return NoSpace(
            f"{ref}: {reason[0].lower()}{reason[1:]}; nothing was left behind; free some space or "
            "write elsewhere",
            ref=ref,
        )
    what_to_do = _WHAT_TO_DO.get(error.errno or 0, "")
    return IOFailure(f"{ref}: cannot be written: {reason}{what_to_do}", ref=ref)


def identify(path: Path | str) -> Identity | None:
    """The identity of what is at a path; links are not followed; None if nothing is there."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    mode = status.st_mode
    if stat.S_ISREG(mode):
        return Identity("file", status.st_ino, status.st_size, status.st_mtime_ns)
    kind = "folder" if stat.S_ISDIR(mode) else "link" if stat.S_ISLNK(mode) else "other"
    return Identity(kind, status.st_ino, 0, status.st_mtime_ns if kind == "folder" else 0)
