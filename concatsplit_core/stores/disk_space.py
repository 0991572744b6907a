"""Disk space of parts of a file: taken before they are written, given back when not needed."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from functools import cache
from typing import Any

_KEEP_SIZE, _PUNCH_HOLE = 1, 2
WORTH_TAKING = 1 << 20
"""Bytes of a range for which to take space at once saves more than a call."""


def take_space(fd: int, offset: int, nbytes: int) -> bool:
    """Take the space that a range of a file needs, all at once and not page by page.

    What is in the range stays, and so does the size of the file. If there is not enough space,
    nothing is taken: the writes take what they need, and say what is wrong.

    Returns
    -------
    bool
        Whether it has been taken.
    """
    if nbytes < WORTH_TAKING or not _is_on_disk(fd):
        return False
    return _fallocate()(fd, _KEEP_SIZE, offset, nbytes) == 0


def _is_on_disk(fd: int) -> bool:
    """Whether a file is on a block device, not in memory or on another machine.

    In memory pages are all that there is to take, and another machine would have to be asked.
    """
    return os.major(os.fstat(fd).st_dev) != 0


def give_back(fd: int, offset: int, nbytes: int) -> None:
    """Turn a range into a hole, which reads as zeros and takes no disk space.

    A file system that has no holes leaves the range as it is.
    """
    _fallocate()(fd, _PUNCH_HOLE | _KEEP_SIZE, offset, nbytes)


@cache
def _fallocate() -> Callable[[int, int, int, int], int]:
    """The C library's function, with offsets of 64 bits."""
    libc = ctypes.CDLL(None)
    fallocate: Any = getattr(libc, "fallocate64", None) or libc.fallocate
    fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_longlong, ctypes.c_longlong)
    return fallocate  # type: ignore[no-any-return]
