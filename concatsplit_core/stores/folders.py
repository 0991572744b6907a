"""Staging folders: hidden, marked as ours, locked while their run lives."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

PREFIX = ".concatsplit-"
_SCHEME = re.compile(r"\.concatsplit-[0-9a-f]{12}")
_MARKER, _CLAIMS, _NEW = "run.json", "claims", "new"
_SCHEMA = 1
_LONGEST_MARKER = 1 << 20
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
"""What file systems say that have no locks, as some of those on a network."""


class Marker(NamedTuple):
    """What a staging folder says of its run.

    Parameters
    ----------
    host, boot : str
        The machine, and which of its starts it was.
    process, started : int
        The process, and when it started, in ticks since then.
    home : str
        The folder of the run that holds its journal, as seen from this one.
    made : tuple of str
        Folders above it that the run made, the innermost last, as seen from this one.
    """

    host: str
    boot: str
    process: int
    started: int
    home: str = "."
    made: tuple[str, ...] = ()

    @classmethod
    def of_this_process(cls, home: str, made: tuple[str, ...]) -> Marker:
        """A marker for a folder of a run of this process."""
        pid = os.getpid()
        return cls(os.uname().nodename, _boot(), pid, _started(pid) or 0, home, made)

    @property
    def is_of_another_host(self) -> bool:
        """Whether its process can be asked after here."""
        return self.host != os.uname().nodename

    @property
    def lives(self) -> bool:
        """Whether its process, of this machine, still runs."""
        return self.boot == _boot() and _started(self.process) == self.started


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
        self._fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        lock(self._fd, wait=True)
        marker = Marker.of_this_process(
            os.path.relpath(home, self.path),
            tuple(os.path.relpath(path, self.path) for path in made),
        )
        document = {"concatsplit": _SCHEMA, **marker._asdict()}
        write_new(self.path / _MARKER, json.dumps(document).encode())
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
    for name in sorted(os.listdir(path), key=lambda name: name == _MARKER):
        inner = path / name
        if inner.is_dir() and not inner.is_symlink():
            shutil.rmtree(inner, ignore_errors=True)
        else:
            with suppress(OSError):
                inner.unlink()


def write_new(path: Path, data: bytes) -> None:
    """Write a small file that only its owner may read."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
    finally:
        os.close(fd)


def lock(fd: int, wait: bool = False) -> bool | None:
    """Lock a folder for this process; None where the file system has no locks.

    Parameters
    ----------
    fd : int
    wait : bool
        Until nobody else has it; else the answer is False.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return None
        raise
    return True


def candidates(folder: Path) -> list[Path]:
    """What in a folder is named as staging folders are."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return [folder / name for name in names if name.startswith(PREFIX) and _SCHEME.fullmatch(name)]


def read_marker(path: Path) -> Marker | None:
    """What a staging folder of ours says of its run; None of anything else.

    It is ours if it is a folder, belongs to the user who runs this, and holds a marker.
    """
    try:
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            return None
        fd = os.open(path / _MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
                return None
            found = json.loads(os.read(fd, _LONGEST_MARKER))
        finally:
            os.close(fd)
        return _checked(found)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def remove_unmarked(path: Path) -> None:
    """Remove a folder whose run was killed before it had written a byte into it.

    Raises
    ------
    OSError
        It holds something.
    """
    marker = path / _MARKER
    if os.listdir(path) == [_MARKER] and not marker.lstat().st_size:
        marker.unlink()
    path.rmdir()


def _checked(found: Any) -> Marker | None:
    if found.pop("concatsplit") != _SCHEMA:
        return None
    marker = Marker(**{**found, "made": tuple(found["made"])})
    texts = (marker.host, marker.boot, marker.home, *marker.made)
    numbers = (marker.process, marker.started)
    right = all(type(t) is str for t in texts) and all(type(n) is int for n in numbers)
    return marker if right else None


def read_claims(path: Path) -> set[Path]:
    """The names that a run which lives is going to give."""
    try:
        names = (path / _CLAIMS).read_bytes().split(b"\0")
    except OSError:
        return set()
    return {Path(os.fsdecode(name)) for name in names if name}


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _started(pid: int) -> int | None:
    """When a process started; None if there is none."""
    try:
        line = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    state, *_ = fields = line[line.rindex(b")") + 2 :].split()
    return None if state == b"Z" else int(fields[19])
