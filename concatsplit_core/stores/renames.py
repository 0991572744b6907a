"""Moving a file or folder to its name in one step, also where the file system makes that hard.

`renameat2` does it in one step on most file systems. Where it does not:

- without its flags, a hard link gives the name only if it is free, and an exchange takes three
  renames: old -> waiting path, new -> name, old -> staging folder;
- across file systems, a copy is made beside the name (at the copy path), the staged one is moved to
  the copied path, which says that the copy is complete, and the copy is renamed.
"""

from __future__ import annotations

import ctypes
import errno
import os
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from concatsplit_core.stores.durability import make_durable, sync_path

_AT_FDCWD = -100
NOREPLACE, EXCHANGE = 1, 2
_NO_FLAGS = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}
"""Errors of kernels and file systems that do not know the flags of renameat2."""


def move_to_free_name(staged: str, final: str, sync: bool, is_first: bool = False) -> None:
    """Move a staged file or folder to a name that is free.

    Parameters
    ----------
    staged, final : str
    sync : bool
        Make copies durable, where the file system needs a copy.
    is_first : bool
        No killed run has tried it before: there cannot be a complete copy already.

    Raises
    ------
    FileExistsError
        Something has the name.
    """
    if not is_first and os.path.lexists(_copied_path(staged)):
        _copy_to_free_name(Path(staged), Path(final), sync)
        return
    try:
        renameat2(staged, final, NOREPLACE)
    except OSError as error:
        if error.errno == errno.EXDEV:
            _copy_to_free_name(Path(staged), Path(final), sync)
        elif error.errno in _NO_FLAGS:
            _rename_to_free_name(Path(staged), Path(final))
        else:
            raise


def exchange(
    staged: str,
    final: str,
    sync: bool,
    is_right: Callable[[Path], bool],
    before: Callable[[], None] = lambda: None,
) -> None:
    """Exchange a staged file or folder with the one that it replaces.

    Parameters
    ----------
    staged, final : str
    sync : bool
        Make copies durable, where the file system needs copies.
    is_right : callable
        Whether the entry at a path is the one that may be replaced.
    before : callable
        Called if the exchange takes more than one step. The old entry is at `waiting_path` in
        between, so the caller has to write a journal first.

    Raises
    ------
    FileExistsError
        Something else has the name, and keeps it.
    """
    try:
        renameat2(staged, final, EXCHANGE)
    except OSError as error:
        if error.errno != errno.EXDEV and error.errno not in _NO_FLAGS:
            raise
        before()
        way = _exchange_by_copies if error.errno == errno.EXDEV else _exchange_by_renames
        way(Path(staged), Path(final), sync, is_right)
        return
    if not is_right(Path(staged)):
        renameat2(staged, final, EXCHANGE)
        raise _name_is_taken(Path(final))


def waiting_path(staged: str) -> str:
    """Where the old entry waits during an exchange that takes more than one step."""
    folder, name = os.path.split(staged)
    return f"{folder}.old/{name}"


def has_copy_beside(staged: str, final: str) -> bool:
    """Whether a complete copy of a staged output lies beside its name."""
    copy = _copy_path(Path(staged), Path(final))
    return os.path.lexists(_copied_path(staged)) and os.path.lexists(copy)


def was_copied_from(folder: str) -> bool:
    """Whether outputs that were staged in a folder may have been copied before, by a killed run."""
    return os.path.lexists(f"{folder}.moved")


def _copied_path(staged: Path | str) -> str:
    """Where a staged output is moved when a complete copy of it lies beside its name."""
    folder, name = os.path.split(staged)
    return f"{folder}.moved/{name}"


def _copy_path(staged: Path, final: Path) -> Path:
    """Where a staged output is copied to, beside its name."""
    folder = next(p for p in staged.parents if p.name.startswith(".concatsplit-"))
    return final.with_name(f"{folder.name}-{zlib.crc32(os.fsencode(final.name)):08x}")


def _name_is_taken(final: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(final))


def _rename_to_free_name(here: Path, final: Path) -> None:
    """Rename to a free name, in the same folder or where the kernel knows no flags."""
    try:
        renameat2(here, final, NOREPLACE)
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
        raise _name_is_taken(final)
    os.rename(here, final)


def _exchange_by_renames(
    staged: Path, final: Path, _sync: bool, is_right: Callable[[Path], bool]
) -> None:
    old = Path(waiting_path(str(staged)))
    old.parent.mkdir(exist_ok=True)
    os.rename(final, old)
    try:
        if not is_right(old):
            raise _name_is_taken(final)
        os.rename(staged, final)
    except BaseException:
        os.rename(old, final)
        raise
    os.rename(old, staged)


def _exchange_by_copies(
    staged: Path, final: Path, sync: bool, is_right: Callable[[Path], bool]
) -> None:
    """Exchange where renames between folders fail, as on overlay file systems."""
    old = Path(waiting_path(str(staged)))
    old.parent.mkdir(exist_ok=True)
    if not os.path.lexists(old):
        draft = old.with_name(f"{zlib.crc32(os.fsencode(old.name)):08x}.draft")
        _remove(draft)
        _copy(final, draft, sync)
        os.rename(draft, old)
    if not is_right(final):
        raise _name_is_taken(final)
    _remove(final)
    try:
        _copy_to_free_name(staged, final, sync)
    except BaseException:
        _copy_to_free_name(old, final, sync)
        raise
    os.rename(old, staged)


def _copy_to_free_name(staged: Path, final: Path, sync: bool) -> None:
    """Copy to a path beside the name, then rename the copy.

    The staged output is moved to the copied path as soon as the copy is complete. So a recovery
    knows whether a copy that it finds is complete.
    """
    copy, copied = _copy_path(staged, final), Path(_copied_path(staged))
    try:
        if not os.path.lexists(copied):
            _remove(copy)
            _copy(staged, copy, sync)
            copied.parent.mkdir(exist_ok=True)
            os.rename(staged, copied)
        _rename_to_free_name(copy, final)
    except BaseException:
        with suppress(OSError):
            _remove(copy)
        if os.path.lexists(copied):
            os.rename(copied, staged)
        raise
    if sync:
        sync_path(final.parent)
    _remove(copied)


def _copy(here: Path, there: Path, sync: bool) -> None:
    import shutil

    if here.is_dir():
        shutil.copytree(here, there, symlinks=True)
    else:
        shutil.copy2(here, there)
    if sync:
        make_durable([there])


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        import shutil

        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@cache
def _renameat2() -> Callable[..., int] | None:
    """The system's function, looked up once; None where there is none."""
    return getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)


def renameat2(here: Path | str, there: Path | str, flags: int) -> None:
    """Call renameat2(2), which Python does not offer."""
    code = errno.ENOSYS
    call = _renameat2()
    if call is not None:
        names = os.fsencode(here), os.fsencode(there)
        if call(_AT_FDCWD, names[0], _AT_FDCWD, names[1], flags) == 0:
            return
        code = ctypes.get_errno()
    raise OSError(code, os.strerror(code), str(here), None, str(there))
