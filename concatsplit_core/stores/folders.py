"""Staging folders: hidden, marked as ours, locked while their run lives."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from concatsplit_core.stores.markers import (
    MARKER,
    Marker,
    create_marker,
    open_marker,
    read_marker,
    write_whole,
)

PREFIX = ".concatsplit-"
_SCHEME = re.compile(r"\.concatsplit-[0-9a-f]{12}")
_CLAIMS, _OTHERS, _NEW = "claims", "folders", "new"


class StagingFolder:
    """One staging folder and its lock.

    Parameters
    ----------
    beside : Path
        The folder to make it in.
    home : StagingFolder, optional
        The one that is to hold the journal, if it is not this one.
    made : sequence of Path
        Folders that were made for the run.
    """

    def __init__(self, beside: Path, home: StagingFolder | None, made: list[Path]) -> None:
        while True:
            self.path = beside / f"{PREFIX}{os.urandom(6).hex()}"
            self.path.mkdir(0o700)
            try:
                self._mark(self.path if home is None else home.path, made)
                break
            except FileNotFoundError:  # another run took it for a dead one's
                self._let_go()
            except BaseException:
                self.remove()
                raise
        self._names: set[str] = set()
        self._announced = 0

    def _mark(self, home: Path, made: list[Path]) -> None:
        marker = Marker.of_this_process(
            self.path,
            os.path.relpath(home, self.path),
            tuple(os.path.relpath(path, self.path) for path in made),
        )
        self._fd = create_marker(self.path, marker)
        (self.path / _NEW).mkdir()

    def place(self, name: str) -> Path:
        """A path for something of this name to be built at."""
        number = 0
        while f"{number}/{name}" in self._names:
            number += 1
        self._names.add(f"{number}/{name}")
        room = self.path / (f"{_NEW}-{number}" if number else _NEW)
        if number:
            room.mkdir(exist_ok=True)
        return room / name

    def announce(self, finals: list[Path]) -> None:
        """Tell other runs which names this one is going to give, all of them or more than before.

        They are only added to: whoever reads meanwhile sees no fewer.
        """
        more = finals[self._announced :]
        self._announced = len(finals)
        if more:
            with open(self.path / _CLAIMS, "ab") as file:
                file.write(b"".join(os.fsencode(final) + b"\0" for final in more))

    def note_other(self, path: Path) -> None:
        """Note another folder of the run: whoever clears this one clears that as well."""
        with open(self.path / _OTHERS, "ab") as file:
            file.write(os.fsencode(os.path.relpath(path, self.path)) + b"\0")

    def remove(self) -> None:
        """Remove it with all that it holds; what the system has against it is not to be helped."""
        remove_folder(self.path)
        self._let_go()

    def _let_go(self) -> None:
        fd, self._fd = getattr(self, "_fd", -1), -1
        if fd >= 0:
            with suppress(OSError):
                os.close(fd)


def remove_folder(path: Path) -> None:
    """Remove a staging folder, as far as the system allows it.

    The marker goes last: without it nobody would know what the rest is.
    """
    for _ in range(2):  # file systems on a network fail now and then
        with suppress(OSError):
            _remove_within(path)
            path.rmdir()
            return


def _remove_within(path: Path) -> None:
    for name in sorted(os.listdir(path), key=lambda name: name == MARKER):
        inner = path / name
        if name == MARKER and len(os.listdir(path)) > 1:
            return
        with suppress(OSError):
            if inner.is_dir() and not inner.is_symlink():
                shutil.rmtree(inner, onexc=_made_writable)
            else:
                inner.unlink()


def _made_writable(call: Callable[[str], None], path: str, error: BaseException) -> None:
    """Try once more what a folder that is read-only did not allow."""
    with suppress(OSError):
        os.chmod(os.path.dirname(path), 0o700)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)


def write_new(path: Path, data: bytes) -> None:
    """Write a small file that only its owner may read."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        write_whole(fd, data)
    finally:
        os.close(fd)


def candidates(folder: Path) -> list[Path]:
    """What in a folder is named as staging folders are."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return [folder / name for name in names if name.startswith(PREFIX) and _SCHEME.fullmatch(name)]


def remove_unmarked(path: Path) -> None:
    """Remove a folder whose run was killed before it had written a byte into it.

    Raises
    ------
    OSError
        It holds something.
    """
    marker = path / MARKER
    if os.listdir(path) == [MARKER] and not marker.lstat().st_size:
        marker.unlink()
    path.rmdir()


def read_others(home: Path) -> list[Path]:
    """The other folders of a run, as far as they are still its own."""
    try:
        names = (home / _OTHERS).read_bytes().split(b"\0")[:-1]
    except OSError:
        return []
    found = [Path(os.path.normpath(home / os.fsdecode(name))) for name in names]
    return [path for path in found if is_of(path, home)]


def is_of(path: Path, home: Path) -> bool:
    """Whether a folder is one of the run that has its journal in another."""
    fd = open_marker(path) if _SCHEME.fullmatch(path.name) else None
    if fd is None:
        return False
    try:
        marker = read_marker(fd, path)
    finally:
        os.close(fd)
    return marker is not None and Path(os.path.normpath(path / marker.home)) == home


def read_claims(path: Path) -> set[Path]:
    """The names that a run which lives is going to give."""
    try:
        names = (path / _CLAIMS).read_bytes().split(b"\0")
    except OSError:
        return set()
    return {Path(os.fsdecode(name)) for name in names if name}
