"""Moves of a file or folder to its name, each of them at once."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import zlib
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
    if os.path.lexists(_moved(staged)):
        _put_copy(staged, final, sync)
        return
    try:
        rename(staged, final, NOREPLACE)
    except OSError as error:
        if error.errno == errno.EXDEV:
            _put_copy(staged, final, sync)
        elif error.errno in _NO_FLAGS:
            _give(staged, final)
        else:
            raise


def exchange(
    staged: Path,
    final: Path,
    sync: bool,
    is_right: Callable[[Path], bool],
    before: Callable[[], None] = lambda: None,
) -> None:
    """Exchange two entries.

    Parameters
    ----------
    staged, final : Path
    sync : bool
        Make copies durable, where there have to be any.
    is_right : callable
        Whether what is at a path is what is to be replaced.
    before : callable
        Called where it takes more than one step: while it lasts what is replaced is kept at
        `kept_beside`, so a journal has to say so first.

    Raises
    ------
    FileExistsError
        Something else has the name; it has it still.
    """
    try:
        rename(staged, final, EXCHANGE)
    except OSError as error:
        if error.errno != errno.EXDEV and error.errno not in _NO_FLAGS:
            raise
        before()
        steps = _exchange_copies if error.errno == errno.EXDEV else _exchange_by_three
        steps(staged, final, sync, is_right)
        return
    if not is_right(staged):
        rename(staged, final, EXCHANGE)
        raise _taken(final)


def kept_beside(staged: Path) -> Path:
    """Where what is replaced waits while its replacement is moved, without an exchange."""
    room = staged.parent
    return room.with_name(f"{room.name}.old") / staged.name


def is_on_its_way(staged: Path, final: Path) -> bool:
    """Whether a whole copy of what was staged lies beside its name, which it has not got yet."""
    return os.path.lexists(_moved(staged)) and os.path.lexists(_on_its_way(staged, final))


def _moved(staged: Path) -> Path:
    """Where what was staged goes when there is a whole copy of it beside its name."""
    room = staged.parent
    return room.with_name(f"{room.name}.moved") / staged.name


def _on_its_way(staged: Path, final: Path) -> Path:
    folder = next(p for p in staged.parents if p.name.startswith(".concatsplit-"))
    return final.with_name(f"{folder.name}-{zlib.crc32(os.fsencode(final.name)):08x}")


def _taken(final: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(final))


def _give(here: Path, final: Path) -> None:
    """Move to a name that nothing has, in the same folder or where the kernel knows no flags."""
    try:
        rename(here, final, NOREPLACE)
        return
    except OSError as error:
        if error.errno not in {*_NO_FLAGS, errno.EXDEV}:
            raise
    if not here.is_dir():
        with suppress(PermissionError):  # a file system without hard links
            os.link(here, final, follow_symlinks=False)
            os.unlink(here)
            return
    if os.path.lexists(final):
        raise _taken(final)
    os.rename(here, final)


def _exchange_by_three(
    staged: Path, final: Path, sync: bool, is_right: Callable[[Path], bool]
) -> None:
    old = kept_beside(staged)
    old.parent.mkdir(exist_ok=True)
    os.rename(final, old)
    try:
        if not is_right(old):
            raise _taken(final)
        os.rename(staged, final)
    except BaseException:
        os.rename(old, final)
        raise
    os.rename(old, staged)


def _exchange_copies(
    staged: Path, final: Path, sync: bool, is_right: Callable[[Path], bool]
) -> None:
    """For a file system that lets neither of the two leave its folder, as overlays do."""
    old = kept_beside(staged)
    old.parent.mkdir(exist_ok=True)
    if not os.path.lexists(old):
        draft = old.with_name(f"{zlib.crc32(os.fsencode(old.name)):08x}.draft")
        _remove(draft)
        _copy(final, draft, sync)
        os.rename(draft, old)
    if not is_right(final):
        raise _taken(final)
    _remove(final)
    try:
        _put_copy(staged, final, sync)
    except BaseException:
        _put_copy(old, final, sync)
        raise
    os.rename(old, staged)


def _put_copy(staged: Path, final: Path, sync: bool) -> None:
    """Copy beside the name, then give the copy its name.

    What was staged leaves its place when the copy is whole: so it can be told whether a copy that
    lies beside the name is.
    """
    there, away = _on_its_way(staged, final), _moved(staged)
    try:
        if not os.path.lexists(away):
            _remove(there)
            _copy(staged, there, sync)
            away.parent.mkdir(exist_ok=True)
            os.rename(staged, away)
        _give(there, final)
    except BaseException:
        with suppress(OSError):
            _remove(there)
        if os.path.lexists(away):
            os.rename(away, staged)
        raise
    if sync:
        sync_path(final.parent)
    _remove(away)


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
