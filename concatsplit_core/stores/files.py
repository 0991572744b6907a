"""File descriptors: few of them open at once, reads that are complete, writes that go on."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import struct
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from concatsplit_core.errors import (
    ConcatsplitError,
    InputChanged,
    InputUnavailable,
    IOFailure,
    NoSpace,
)

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


_POOLS, _SPARE, _FEWEST = 4, 24, 16
"""Pools that may be full at once, and descriptors left for everything else."""

COPY_BUFFER = 64 << 10


class Pool[K: Hashable, V]:
    """Open things by key, the least recently used ones closed when there are too many.

    Parameters
    ----------
    open : callable
    close : callable
    limit : int
        Most things open at once, if the process may have that many descriptors.
    descriptors : int
        How many of them a thing takes.
    """

    def __init__(
        self,
        open: Callable[[K], V],
        close: Callable[[V], None],
        limit: int = 512,
        descriptors: int = 1,
    ) -> None:
        self._open, self._close = open, close
        allowed = max(_FEWEST, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _SPARE)
        self._limit = max(1, min(limit, allowed // (_POOLS * descriptors)))
        self._things: OrderedDict[K, V] = OrderedDict()
        self._users: dict[K, int] = {}
        self._lock = threading.Lock()

    @contextmanager
    def use(self, key: K) -> Iterator[V]:
        """The open thing; it stays open inside the context."""
        with self._lock:
            if key not in self._things:
                self._shrink(self._limit - 1)
                self._things[key] = self._open(key)
            self._things.move_to_end(key)
            self._users[key] = self._users.get(key, 0) + 1
            thing = self._things[key]
        try:
            yield thing
        finally:
            with self._lock:
                self._users[key] -= 1

    def _shrink(self, to: int) -> None:
        while len(self._things) > to:
            key = next((k for k in self._things if not self._users.get(k)), None)
            if key is None:
                break
            self._users.pop(key, None)
            self._close(self._things.pop(key))

    def discard(self, key: K) -> None:
        """Close one thing, if it is open and nobody uses it."""
        with self._lock:
            if key in self._things and not self._users.get(key):
                self._close(self._things.pop(key))

    def close(self) -> None:
        """Close all that is open."""
        with self._lock:
            while self._things:
                self._close(self._things.popitem()[1])


def open_input(path: Path | str) -> int:
    """A descriptor of a regular file, for reading; never waits for a FIFO."""
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)


def read_exactly(fd: int, view: memoryview, offset: int, path: Path | str) -> None:
    """Fill a buffer from a file.

    Raises
    ------
    InputChanged
        The file ends before the buffer is full, though it was long enough when it was opened.
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


SHARED_BLOCK = 4096
"""Bytes of a file system's block; whole blocks can be shared between files."""

SHAREABLE = 1 << 18
"""Bytes of the shortest range that is worth the calls to have its whole blocks shared."""


def copy_range(
    source: int,
    start: int,
    target: int,
    to: int,
    size: int,
    ref: str,
    buffer: int = COPY_BUFFER,
) -> None:
    """Copy a range between files without leaving the kernel, as far as it is able to.

    On file systems that can share blocks between files, and where both offsets agree modulo the
    block size, whole blocks are shared instead: they are a call of their own. What the kernel
    is not able to goes through a buffer.

    Raises
    ------
    InputChanged
        The source ends inside the range.
    """
    head = -start % SHARED_BLOCK
    if head and size >= SHAREABLE and not (start - to) % SHARED_BLOCK:
        _copy(source, start, target, to, head, ref, buffer)
        start, to, size = start + head, to + head, size - head
    _copy(source, start, target, to, size, ref, buffer)


_FICLONERANGE = 0x4020940D


def share_range(source: int, start: int, target: int, to: int, size: int) -> range:
    """Let two files share the whole blocks of a range, where their file system is able to.

    Returns
    -------
    range
        The bytes of the range, from its start, that are shared; nothing else has been written.
    """
    head = -start % SHARED_BLOCK
    length = (size - head) // SHARED_BLOCK * SHARED_BLOCK
    if size < SHAREABLE or (start - to) % SHARED_BLOCK:
        return range(0)
    try:
        asked = struct.pack("=qQQQ", source, start + head, length, to + head)
        fcntl.ioctl(target, _FICLONERANGE, asked)
    except OSError as error:
        if error.errno in FULL:
            raise
        return range(0)
    return range(head, head + length)


def _copy(source: int, start: int, target: int, to: int, size: int, ref: str, buffer: int) -> None:
    done = 0
    while done < size:
        try:
            count = os.copy_file_range(source, target, size - done, start + done, to + done)
        except OSError as error:
            if error.errno in FULL:
                raise
            break  # the kernel cannot, between these two files
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


def write_all(fd: int, data: Any, offset: int) -> None:
    """Write a buffer at an offset, going on after short writes."""
    done = os.pwrite(fd, data, offset)
    size = data.nbytes if hasattr(data, "nbytes") else len(data)
    if done == size:
        return
    view = memoryview(data).cast("B")
    while done < size:
        done += os.pwrite(fd, view[done:], offset + done)


def input_error(ref: str, error: OSError) -> ConcatsplitError:
    """An error of the system while an input is opened or read, in our terms."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in UNAVAILABLE:
        return InputUnavailable(f"{ref}: {reason[0].lower()}{reason[1:]}", ref=ref)
    return IOFailure(f"{ref}: cannot be read: {reason}", ref=ref)


def output_error(ref: str, error: OSError) -> ConcatsplitError:
    """An error of the system while an output is written, in our terms."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in FULL:
        return NoSpace(
            f"{ref}: {reason[0].lower()}{reason[1:]}; nothing was left behind, free some space or "
            "write elsewhere",
            ref=ref,
        )
    return IOFailure(f"{ref}: cannot be written: {reason}", ref=ref)
