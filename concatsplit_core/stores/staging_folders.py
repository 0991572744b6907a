"""Staging folders: hidden folders in which outputs are built, locked while their run lives."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from concatsplit_core.stores.owner import (
    OWNER_FILE,
    Owner,
    create_owner_file,
    lock,
    open_owner_file,
    read_owner,
    write_all_bytes,
    write_owner,
)

PREFIX = ".concatsplit-"
_DIGITS = 12
KEPT = "kept"
"""The file that keeps a folder when its process has ended, and names its run; see `keeping`."""
_CLAIMS, _OTHERS, _NEW = "claims", "folders", "new"


class StagingFolder:
    """One staging folder and its lock.

    A run makes one for every folder that it writes to. The first one is its *home*: it holds the
    journal, and a list of the others::

        .concatsplit-0123456789ab/
            run.json        the owner: which process made it; locked while that process runs
            claims          the outputs that the run is going to publish
            folders         the other staging folders of the run
            journal.json    what is about to be published
            new/            the outputs while they are built

    Parameters
    ----------
    parent : Path
        The folder to make it in.
    home : StagingFolder, optional
        The home, if it is not this folder.
    made : sequence of Path
        Folders that the run made for its outputs.
    """

    def __init__(self, parent: Path, home: StagingFolder | None, made: list[Path]) -> None:
        while True:
            self.path = parent / f"{PREFIX}{os.urandom(_DIGITS // 2).hex()}"
            self.path.mkdir(0o700)
            try:
                self._write_owner(self.path if home is None else home.path, made)
                break
            except FileNotFoundError:  # another run's recovery has just removed it
                self._unlock()
            except BaseException:
                self.remove()
                raise
        self._names: dict[str, int] = {}
        self._announced = 0

    def _write_owner(self, home: Path, made: list[Path]) -> None:
        owner = Owner.of_this_process(
            self.path,
            os.path.relpath(home, self.path),
            tuple(os.path.relpath(path, self.path) for path in made),
        )
        self._fd = create_owner_file(self.path, owner)
        self._new = f"{self.path}/{_NEW}"
        os.mkdir(self._new)

    @classmethod
    def adopted(cls, path: Path, made: Sequence[Path]) -> StagingFolder | None:
        """Take over a folder whose process has ended; None if another process has it.

        Parameters
        ----------
        path : Path
        made : sequence of Path
            Folders that its run made for its outputs.
        """
        fd = open_owner_file(path)
        if fd is None:
            raise FileNotFoundError(2, os.strerror(2), str(path / OWNER_FILE))
        try:
            is_locked, owner = lock(fd), read_owner(fd, path)
            is_free = is_locked or (is_locked is None and (owner is None or owner.fate != "alive"))
            if not is_free:
                os.close(fd)
                return None
            folder = cls.__new__(cls)
            folder.path, folder._fd, folder._new = path, fd, f"{path}/{_NEW}"
            folder._names, folder._announced = {}, 0
            home = "." if owner is None else owner.home
            relative = tuple(os.path.relpath(each, path) for each in made)
            write_owner(fd, Owner.of_this_process(path, home, relative))
        except BaseException:
            os.close(fd)
            raise
        return folder

    def name_for(self, name: str) -> str:
        """A new path inside the folder, for an output of this name."""
        number = self._names.get(name, 0)
        self._names[name] = number + 1
        if not number:
            return f"{self._new}/{name}"
        folder = self.path / f"{_NEW}-{number}"
        folder.mkdir(exist_ok=True)
        return f"{folder}/{name}"

    def announce_outputs(self, finals: list[str]) -> None:
        """Tell other runs which outputs this run is going to publish.

        Called again with a longer list, it appends the new ones, so that a run that reads the list
        at the same time never misses one.
        """
        more = finals[self._announced :]
        self._announced = len(finals)
        if more:
            with open(self.path / _CLAIMS, "ab") as file:
                file.write(b"".join(os.fsencode(final) + b"\0" for final in more))

    def note_sibling(self, path: Path) -> None:
        """Note another staging folder of the run, so that a recovery removes it with this one."""
        with open(self.path / _OTHERS, "ab") as file:
            file.write(os.fsencode(os.path.relpath(path, self.path)) + b"\0")

    def remove(self) -> None:
        """Remove the folder and all it holds; errors of the system are ignored."""
        remove_folder(self.path)
        self._unlock()

    def remove_as(self, name: str) -> None:
        """As `remove`; the folder gets another name before it loses the file `kept`."""
        with suppress(OSError):
            _remove_within(self.path, but=(OWNER_FILE, KEPT))
            path = self.path.with_name(name)
            os.rename(self.path, path)
            self.path = path
        self.remove()

    def release(self) -> None:
        """Let go of the folder, and leave it as it is."""
        self._unlock()

    def _unlock(self) -> None:
        fd, self._fd = getattr(self, "_fd", -1), -1
        if fd >= 0:
            with suppress(OSError):
                os.close(fd)


def remove_folder(path: Path) -> None:
    """Remove a staging folder, as far as the system allows it.

    The owner file goes last: a recovery does not touch a folder without one.
    """
    for _ in range(2):  # network file systems fail now and then
        with suppress(OSError):
            _remove_within(path)
            path.rmdir()
            return


def _remove_within(path: Path, but: Sequence[str] = ()) -> None:
    for name in sorted(os.listdir(path), key=_place_in_removal):
        if name in but:
            continue
        inner = path / name
        if name == OWNER_FILE and len(os.listdir(path)) > 1:
            return
        with suppress(OSError):
            if inner.is_dir() and not inner.is_symlink():
                _remove_tree(inner)
            else:
                inner.unlink()


def _place_in_removal(name: str) -> int:
    """The files that say to whom the folder belongs go last."""
    return 2 * (name == OWNER_FILE) + (name == KEPT)


def _remove_tree(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        with suppress(OSError):  # what a run has replaced
            _remove_inside(folder)
            folder.rmdir()
            return
        import shutil  # imported late: only here something could not be removed

        shutil.rmtree(folder, onexc=_retry_writable)


def _remove_inside(folder: Path) -> None:
    """Remove all that lies in a folder, and follow no link out of it."""
    for _, folders, files, fd in os.fwalk(folder, topdown=False):
        for name in files:
            os.unlink(name, dir_fd=fd)
        for name in folders:
            try:
                os.rmdir(name, dir_fd=fd)
            except NotADirectoryError:  # a link to one
                os.unlink(name, dir_fd=fd)


def _retry_writable(_call: Callable[[str], None], path: str, _error: BaseException) -> None:
    """Try again to remove something, after making its folder writable."""
    import shutil

    with suppress(OSError):
        os.chmod(os.path.dirname(path), 0o700)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)


def write_new(path: Path, data: bytes) -> None:
    """Create a small file that only its owner can read."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        write_all_bytes(fd, data)
    finally:
        os.close(fd)


def folder_for(final: Path, container: Path) -> Path:
    """The folder that an output is staged in.

    That is beside a store, so that no listing of members shows it. It is inside the store if that
    is a file system of its own, or if the folder around it may not be written to.
    """
    beside = container.parent
    if final == container or not container.exists():
        return beside
    same = beside.stat().st_dev == container.stat().st_dev
    return beside if same and os.access(beside, os.W_OK) else final.parent


def is_staging_name(path: str) -> bool:
    """Whether a path has the name of a staging folder."""
    name = os.path.basename(path)
    is_long_enough = name.startswith(PREFIX) and len(name) == len(PREFIX) + _DIGITS
    return is_long_enough and set(name[len(PREFIX) :]) <= set("0123456789abcdef")


def find_staging_folders(folder: Path | str) -> list[Path]:
    """The paths in a folder that have the name of a staging folder."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    found = filter(is_staging_name, names)
    return [Path(folder, name) for name in found]


def remove_empty(path: Path) -> None:
    """Remove a staging folder whose run was killed before it wrote anything into it.

    Raises
    ------
    OSError
        The folder is not empty.
    """
    owner_file = path / OWNER_FILE
    if os.listdir(path) == [OWNER_FILE] and not owner_file.lstat().st_size:
        owner_file.unlink()
    path.rmdir()


def read_siblings(home: Path) -> list[Path]:
    """The other staging folders of a run, without those that belong to another run by now."""
    try:
        names = (home / _OTHERS).read_bytes().split(b"\0")[:-1]
    except OSError:
        return []
    paths = [Path(os.path.normpath(home / os.fsdecode(name))) for name in names]
    return [path for path in paths if belongs_to(path, home)]


def belongs_to(path: Path, home: Path) -> bool:
    """Whether a folder is a staging folder of the run that has its journal in `home`."""
    fd = open_owner_file(path) if is_staging_name(path.name) else None
    if fd is None:
        return False
    try:
        owner = read_owner(fd, path)
    finally:
        os.close(fd)
    return owner is not None and Path(os.path.normpath(path / owner.home)) == home


def read_announced(path: Path) -> set[Path]:
    """The outputs that the run of a staging folder is going to publish."""
    try:
        names = (path / _CLAIMS).read_bytes().split(b"\0")
    except OSError:
        return set()
    return {Path(os.fsdecode(name)) for name in names if name}
