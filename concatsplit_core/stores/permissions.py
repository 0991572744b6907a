"""Giving a replacement the mode, owner, access lists and attributes of what it replaces."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

_METADATA = ("zarr.json", ".zarray", ".zgroup")


def create_like(path: Path, old: Path) -> None:
    """Create an empty file or folder that is going to replace another one.

    From the start, only those can read it who can read what it replaces. While it is built, its
    owner can write to it, also if the mode of the old one is read-only.
    """
    status = old.lstat()
    if stat.S_ISDIR(status.st_mode):
        os.mkdir(path, 0o700)
        for_owner = 0o700
    else:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        for_owner = 0o600
    mode = copy_owner_and_attributes(path, old)
    path.chmod(mode | for_owner)


def copy_owner_and_attributes(path: Path, old: Path) -> int:
    """Give a file or folder the owner and attributes of another one; returns the mode to set."""
    mode = _copy_owner(path, old.lstat())
    _copy_attributes(old, path)
    return mode


def copy_mode(path: Path, old: Path) -> None:
    """Give a complete replacement the mode of what it replaces."""
    status = old.lstat()
    new = path.lstat()
    mode = stat.S_IMODE(status.st_mode) if new.st_gid == status.st_gid else _reduced_mode(status)
    if stat.S_ISREG(status.st_mode):
        mode &= 0o777
    else:
        _keep_modes_within(path, old)
    if stat.S_IMODE(new.st_mode) != mode:
        path.chmod(mode)


def _copy_owner(path: Path, status: os.stat_result) -> int:
    """Set the owner and group, as far as the system allows it; returns the mode to set."""
    made = path.lstat()
    if made.st_uid != status.st_uid:
        with suppress(OSError):
            os.chown(path, status.st_uid, -1)
    if made.st_gid != status.st_gid:
        try:
            os.chown(path, -1, status.st_gid)
        except OSError:
            return _reduced_mode(status)
    return stat.S_IMODE(status.st_mode) & (0o7777 if stat.S_ISDIR(status.st_mode) else 0o777)


def _reduced_mode(status: os.stat_result) -> int:
    """A mode that gives the group no more rights than others: the group could not be copied."""
    mode = stat.S_IMODE(status.st_mode) & 0o777
    return mode & 0o707 | (mode & 0o007) << 3 & mode


def _copy_attributes(old: Path, path: Path) -> None:
    with suppress(OSError):  # the file system has no attributes
        for name in os.listxattr(old, follow_symlinks=False):
            with suppress(OSError):  # users cannot set the system's own attributes
                value = os.getxattr(old, name, follow_symlinks=False)
                os.setxattr(path, name, value, follow_symlinks=False)


def _keep_modes_within(path: Path, old: Path) -> None:
    """Give all files of a Zarr store the mode that the old store's metadata file has."""
    for name in _METADATA:
        with suppress(OSError):
            mode = stat.S_IMODE((old / name).lstat().st_mode) & 0o666
            with suppress(FileNotFoundError):
                if stat.S_IMODE((path / name).lstat().st_mode) == mode:
                    return
            for folder, _, files in os.walk(path):
                for file in files:
                    os.chmod(os.path.join(folder, file), mode)
            return
