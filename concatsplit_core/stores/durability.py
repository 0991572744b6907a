"""Making files and folders durable: their bytes are on the disk, not only in the page cache."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterable
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

_MANY_FILES = 32
_WRITE = 2
"""Linux's ``SYNC_FILE_RANGE_WRITE``."""
_PAGE = 4096
"""Bytes of a page; while it is on its way to the disk, what would write to it has to wait."""
_WORTH_STARTING = 1 << 20
"""Bytes of a range for which the disk is started; it does more with shorter ones together."""


def start_writing(fd: int, offset: int, nbytes: int) -> None:
    """Have the system begin to write a range of a file to its disk, without waiting for that.

    So the disk works while the rest of the file is made. Nothing is durable before it is synced,
    which then takes less time; it is the sync that says if something could not be written.
    """
    if nbytes >= _WORTH_STARTING and (call := _sync_file_range()) is not None:
        start, stop = (at // _PAGE * _PAGE for at in (offset, offset + nbytes))
        call(fd, start, stop - start, _WRITE)


@cache
def _sync_file_range() -> Callable[..., Any] | None:
    """The C library's function, where the system has it."""
    call = getattr(ctypes.CDLL(None), "sync_file_range", None)
    if call is not None:
        call.argtypes = (ctypes.c_int, ctypes.c_longlong, ctypes.c_longlong, ctypes.c_uint)
    return call


def make_durable(paths: Iterable[Path | str], may_vanish: bool = False) -> None:
    """Make files and folders durable, with all they hold.

    Up to 32 files are synced one by one; more are synced with one call for their file system.

    Parameters
    ----------
    paths : iterable of path
    may_vanish : bool
        Other processes write there as well, and rename or remove what is theirs.
    """
    paths = list(paths)
    if len(paths) <= _MANY_FILES:
        try:
            files = [file for path in paths for file in _files_below(Path(path), _MANY_FILES + 1)]
            if len(files) <= _MANY_FILES:
                for file in files:
                    sync_path(file)
                return
        except FileNotFoundError:
            if not may_vanish:
                raise
    folders = {os.path.dirname(path) for path in paths}  # no path is where something is mounted
    for device in {os.stat(folder).st_dev: folder for folder in folders}.values():
        fd = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.syncfs(fd) != 0:
                raise OSError(ctypes.get_errno(), "syncfs", str(device))
        finally:
            os.close(fd)


def _files_below(path: Path, enough: int) -> list[Path]:
    """A path and everything below it; the walk stops when it has found enough."""
    paths, waiting = [path], [path] if path.is_dir() else []
    while waiting and len(paths) <= enough:
        with os.scandir(waiting.pop()) as entries:
            for entry in islice(entries, enough):
                paths.append(Path(entry.path))
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(paths[-1])
    return paths


def sync_path(path: Path) -> None:
    """Make one file or folder durable; of a folder, only its list of names."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
