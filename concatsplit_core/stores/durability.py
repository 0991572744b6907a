"""What is written reaches the disk before anything says that it is there."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

_MANY_FILES = 32


def make_durable(paths: Iterable[Path]) -> None:
    """Bring files and folders to the disk: one by one, or many with one call a file system."""
    paths = list(paths)
    files = [file for path in paths for file in _files_below(path, _MANY_FILES + 1)]
    if len(files) <= _MANY_FILES:
        for file in files:
            sync_path(file)
        return
    for device in {path.stat().st_dev: path for path in paths}.values():
        fd = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.syncfs(fd) != 0:
                raise OSError(ctypes.get_errno(), "syncfs", str(device))
        finally:
            os.close(fd)


def _files_below(path: Path, most: int) -> list[Path]:
    """A path and what is below it, up to a number that is enough to know."""
    found = [path]
    if path.is_dir():
        for folder, folders, files in os.walk(path, onerror=_fail):
            found += [Path(folder) / name for name in (*folders, *files)]
            if len(found) > most:
                break
    return found


def _fail(error: OSError) -> None:
    raise error


def sync_path(path: Path) -> None:
    """Bring one file or folder to the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
