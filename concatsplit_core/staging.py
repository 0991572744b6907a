"""Outputs appear complete or not at all.

Every output is staged in a hidden folder beside its place, `.concatsplit-*`, and moved to its
name when all of them are complete and durable. The folder is locked while its run lives: a
folder without a lock is what a killed run left behind, and the next run beside it clears it.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from concatsplit_core.errors import OutputBusy, OutputExists
from concatsplit_core.files import output_error
from concatsplit_core.interrupts import deferred_signals

PREFIX = ".concatsplit-"

_AT_FDCWD = -100
_NOREPLACE, _EXCHANGE = 1, 2
_MANY_FILES = 32


@dataclass(slots=True)
class _Claim:
    final: Path
    staged: Path
    replace: bool
    exchanged: bool | None = None


class _Folder:
    """One staging folder and its lock."""

    def __init__(self, beside: Path) -> None:
        while True:
            self.path = beside / f"{PREFIX}{os.urandom(6).hex()}"
            self.path.mkdir()
            with suppress(FileNotFoundError):  # another run took it for a dead one's
                self.fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                with suppress(OSError):
                    fcntl.flock(self.fd, fcntl.LOCK_EX)
                if self.path.exists():
                    break
                os.close(self.fd)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self.fd)


class Staging:
    """Stages outputs and publishes them together.

    Parameters
    ----------
    sync : bool
        Make everything durable before it is published, and the publishing itself after it.
    """

    def __init__(self, sync: bool = True) -> None:
        self._sync = sync
        self._claims: list[_Claim] = []
        self._folders: dict[Path, _Folder] = {}
        self._made: list[Path] = []

    def claim(self, final: Path, *, replace: bool, beside: Path | None = None) -> Path:
        """Reserve the place of an output and say where to build it.

        Parameters
        ----------
        final : Path
            The file or folder to appear.
        replace : bool
            Whether one that is there may be replaced.
        beside : Path, optional
            Folder to stage in, where that is not the output's own.
        """
        parent = beside or final.parent
        try:
            self._make_folders(final.parent)
            folder = self._folders.get(parent)
            if folder is None:
                folder = self._folders[parent] = _Folder(parent)
            number = len(self._claims)
            (folder.path / f"{number}.claim").symlink_to(final)
            (folder.path / str(number)).mkdir()
        except OSError as error:
            raise output_error(str(final), error) from error
        staged = folder.path / str(number) / final.name
        self._claims.append(_Claim(final, staged, replace))
        return staged

    def refuse_rivals(self) -> None:
        """Clear what dead runs left beside the outputs, and heed the living ones.

        Raises
        ------
        OutputBusy
            Another run is writing one of the outputs.
        """
        finals = {claim.final for claim in self._claims}
        own = {folder.path for folder in self._folders.values()}
        for parent in self._folders:
            for other in parent.glob(f"{PREFIX}*"):
                if other not in own:
                    _refuse_rival(other, finals)

    def _make_folders(self, folder: Path) -> None:
        missing = []
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        for path in reversed(missing):
            path.mkdir()
            self._made.append(path)

    def publish(self, settle: Callable[[], None]) -> None:
        """Move all outputs to their names, or none of them.

        Parameters
        ----------
        settle : callable
            What has to follow the moves; if it fails they are taken back.
        """
        for claim in self._claims:
            _keep_mode(claim)
        if self._sync:
            _make_durable([claim.staged for claim in self._claims])
        done: list[_Claim] = []
        with deferred_signals(forget=True):
            try:
                for claim in self._claims:
                    done.append(claim)
                    _move(claim)
                settle()
                if self._sync:
                    for folder in {claim.final.parent for claim in self._claims}:
                        _sync_path(folder)
            except BaseException:
                for claim in reversed(done):
                    _move_back(claim)
                raise
            self._made.clear()
            self._clean()  # may take long, and is no time to be interrupted: the run has succeeded

    def rollback(self) -> None:
        """Remove all that was staged, and the folders made for it."""
        with deferred_signals(forget=True):
            self._clean()
            for path in reversed(self._made):
                with suppress(OSError):
                    path.rmdir()

    def _clean(self) -> None:
        for folder in self._folders.values():
            folder.remove()
        self._folders.clear()


def _refuse_rival(folder: Path, finals: set[Path]) -> None:
    with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            wanted = finals.intersection(link.readlink() for link in folder.glob("*.claim"))
            for final in wanted:
                raise OutputBusy(
                    f"{final}: another run is writing it; wait for it to end", ref=str(final)
                ) from None
        finally:
            os.close(fd)


def _keep_mode(claim: _Claim) -> None:
    """A file that replaces another one keeps its permissions."""
    with suppress(FileNotFoundError):
        if claim.replace and claim.staged.is_file():
            claim.staged.chmod(stat.S_IMODE(claim.final.stat().st_mode))


def _move(claim: _Claim) -> None:
    """Put one staged output in its place; what it replaces takes its place in the staging."""
    if claim.replace and os.path.lexists(claim.final):
        _exchange(claim.staged, claim.final)
        claim.exchanged = True
        return
    try:
        _rename(claim.staged, claim.final, _NOREPLACE)
    except FileExistsError:
        raise OutputExists(
            f"{claim.final}: appeared while its replacement was built; nothing was changed",
            ref=str(claim.final),
        ) from None
    claim.exchanged = False


def _move_back(claim: _Claim) -> None:
    if claim.exchanged:
        _exchange(claim.staged, claim.final)
    elif claim.exchanged is False:
        claim.final.rename(claim.staged)
    claim.exchanged = None


def _exchange(staged: Path, final: Path) -> None:
    try:
        _rename(staged, final, _EXCHANGE)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}:
            raise
        old = staged.with_name(staged.name + ".old")
        final.rename(old)
        try:
            staged.rename(final)
        except BaseException:
            old.rename(final)
            raise
        old.rename(staged)


def _rename(here: Path, there: Path, flags: int) -> None:
    """renameat2(2), which Python does not offer; plain rename where the kernel has no flags."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        code = errno.ENOSYS
    else:
        paths = os.fsencode(here), os.fsencode(there)
        if libc.renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], flags) == 0:
            return
        code = ctypes.get_errno()
    if flags == _NOREPLACE and code in {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}:
        if os.path.lexists(there):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(there))
        here.rename(there)
        return
    raise OSError(code, os.strerror(code), str(here), None, str(there))


def _make_durable(paths: list[Path]) -> None:
    """Bring files and folders to the disk: one by one, or many with one call a file system."""
    files = [file for path in paths for file in _files_below(path, _MANY_FILES + 1)]
    if len(files) <= _MANY_FILES:
        for file in files:
            _sync_path(file)
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
        for folder, folders, files in os.walk(path):
            found += [Path(folder) / name for name in (*folders, *files)]
            if len(found) > most:
                break
    return found


def _sync_path(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
