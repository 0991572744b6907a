"""A replacement has the mode, owner, access lists and attributes of what it replaces."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

_METADATA = ("zarr.json", ".zarray", ".zgroup")


def create_like(path: Path, old: Path) -> None:
    """Create an empty file or folder for a replacement of another one.

    From its first moment nobody may read it who may not read what it replaces. While it is built
    its owner may write to it, whatever the mode.
    """
    status = old.lstat()
    if stat.S_ISDIR(status.st_mode):
        os.mkdir(path, 0o700)
        whole = 0o700
    else:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        whole = 0o600
    mode = resemble(path, old)
    path.chmod(mode | whole)


def resemble(path: Path, old: Path) -> int:
    """Give a file or folder the owner and attributes of another one; the mode that follows."""
    mode = _own(path, old.lstat())
    _copy_attributes(old, path)
    return mode


def keep_mode(path: Path, old: Path) -> None:
    """Give a replacement that is complete the mode of what it replaces, and no other."""
    status = old.lstat()
    new = path.lstat()
    mode = stat.S_IMODE(status.st_mode) if new.st_gid == status.st_gid else _less(status)
    if stat.S_ISREG(status.st_mode):
        mode &= 0o777
    else:
        _keep_modes_within(path, old)
    if stat.S_IMODE(new.st_mode) != mode:
        path.chmod(mode)


def _own(path: Path, status: os.stat_result) -> int:
    """Give to the same owner and group as far as that is allowed; the mode that follows."""
    made = path.lstat()
    if made.st_uid != status.st_uid:
        with suppress(OSError):
            os.chown(path, status.st_uid, -1)
    if made.st_gid != status.st_gid:
        try:
            os.chown(path, -1, status.st_gid)
        except OSError:
            return _less(status)
    return stat.S_IMODE(status.st_mode) & (0o7777 if stat.S_ISDIR(status.st_mode) else 0o777)


def _less(status: os.stat_result) -> int:
    """A mode whose group, which is another one now, may do no more than everybody."""
    mode = stat.S_IMODE(status.st_mode) & 0o777
    return mode & 0o707 | (mode & 0o007) << 3 & mode


def _copy_attributes(old: Path, path: Path) -> None:
    with suppress(OSError):  # the file system has none
        for name in os.listxattr(old, follow_symlinks=False):
            with suppress(OSError):  # of the system's own: nobody may set them
                value = os.getxattr(old, name, follow_symlinks=False)
                os.setxattr(path, name, value, follow_symlinks=False)


def _keep_modes_within(path: Path, old: Path) -> None:
    """Files of a store that are kept from others stay so: its metadata say it for all of them."""
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
