"""Making files and folders durable: their bytes are on the disk, not only in the page cache."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

_MANY_FILES = 32


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
