"""Moves of a file or folder to its name, each of them at once."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from concatsplit_core.stores.durability import make_durable, sync_path

_AT_FDCWD = -100
NOREPLACE, EXCHANGE = 1, 2
_NO_FLAGS = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}
"""What kernels and file systems say that know no flags of renameat2."""


def put(staged: Path, final: Path, sync: bool) -> None:
    """Move to a name that nothing has.

    Raises
    ------
    FileExistsError
        Something has the name.
    """
    try:
        rename(staged, final, NOREPLACE)
    except OSError as error:
        if error.errno == errno.EXDEV:
            _put_copy(staged, final, sync)
            return
        if error.errno not in _NO_FLAGS:
            raise
        if os.path.lexists(final):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(final)) from None
        os.rename(staged, final)


def exchange(
    staged: Path, final: Path, sync: bool, before: Callable[[], None] = lambda: None
) -> bool:
    """Exchange two entries.

    Parameters
    ----------
    staged, final : Path
    sync : bool
        Make copies durable, where there have to be any.
    before : callable
        Called where it takes more than one step: while it lasts what is replaced is kept at
        `kept_beside`, so a journal has to say so first.

    Returns
    -------
    bool
        Whether what was replaced is the same file or folder still, and no copy.
    """
    try:
        rename(staged, final, EXCHANGE)
    except OSError as error:
        if error.errno == errno.EXDEV:
            before()
            _exchange_copies(staged, final, sync)
            return False
        if error.errno not in _NO_FLAGS:
            raise
        before()
        _exchange_by_three(staged, final)
    return True


def kept_beside(staged: Path) -> Path:
    """Where what is replaced waits while its replacement is moved, without an exchange."""
    room = staged.parent
    return room.with_name(f"{room.name}.old") / staged.name


def _exchange_by_three(staged: Path, final: Path) -> None:
    old = kept_beside(staged)
    old.parent.mkdir(exist_ok=True)
    os.rename(final, old)
    try:
        os.rename(staged, final)
    except BaseException:
        os.rename(old, final)
        raise
    os.rename(old, staged)


def _exchange_copies(staged: Path, final: Path, sync: bool) -> None:
    """For a file system that lets neither of the two leave its folder, as overlays do."""
    old = kept_beside(staged)
    old.parent.mkdir(exist_ok=True)
    if not os.path.lexists(old):
        draft = old.with_name(f"{old.name}.draft")
        _remove(draft)
        _copy(final, draft, sync)
        os.rename(draft, old)
    _remove(final)
    try:
        _put_copy(staged, final, sync)
    except BaseException:
        _put_copy(old, final, sync)
        raise
    _remove(staged)
    os.rename(old, staged)


def _put_copy(staged: Path, final: Path, sync: bool) -> None:
    """Copy beside the name, then give the copy its name."""
    beside = final.with_name(f"{staged.parent.parent.name}-{final.name}"[:255])
    try:
        _copy(staged, beside, sync)
        os.rename(beside, final)
    except BaseException:
        with suppress(OSError):
            _remove(beside)
        raise
    if sync:
        sync_path(final.parent)
    _remove(staged)


def _copy(here: Path, there: Path, sync: bool) -> None:
    if here.is_dir():
        shutil.copytree(here, there, symlinks=True)
    else:
        shutil.copy2(here, there)
    if sync:
        make_durable([there])


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def rename(here: Path, there: Path, flags: int) -> None:
    """renameat2(2), which Python does not offer."""
    libc = ctypes.CDLL(None, use_errno=True)
    code = errno.ENOSYS
    if hasattr(libc, "renameat2"):
        names = os.fsencode(here), os.fsencode(there)
        if libc.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], flags) == 0:
            return
        code = ctypes.get_errno()
    raise OSError(code, os.strerror(code), str(here), None, str(there))
