"""What a staging folder says of its run: whose it is, and whether that run still goes on."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
from pathlib import Path
from typing import Any, Literal

MARKER = "run.json"
_SCHEMA = 1
_LONGEST = 1 << 20
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
"""What file systems say that have no locks, as some of those on a network."""

Fate = Literal["alive", "dead", "unknown"]


class Marker:
    """What a staging folder says of its run.

    Parameters
    ----------
    host, boot, space : str
        The machine, which of its starts it was, and the name space of process numbers there.
    process, started : int
        The process, and when it started, in ticks since the machine did.
    inode : int
        Of the staging folder: a copy of one, or one out of an archive, is nobody's.
    home : str
        The folder of the run that holds its journal, as seen from this one.
    made : tuple of str
        Folders above it that the run made, the innermost last, as seen from this one.
    """

    __slots__ = ("boot", "home", "host", "inode", "made", "process", "space", "started")

    def __init__(
        self,
        host: str,
        boot: str,
        space: str,
        process: int,
        started: int,
        inode: int,
        home: str,
        made: tuple[str, ...],
    ) -> None:
        self.host, self.boot, self.space = host, boot, space
        self.process, self.started, self.inode = process, started, inode
        self.home, self.made = home, made

    def to_dict(self) -> dict[str, Any]:
        """As it is written."""
        return {"concatsplit": _SCHEMA, **{name: getattr(self, name) for name in self.__slots__}}

    @classmethod
    def of_this_process(cls, path: Path, home: str, made: tuple[str, ...]) -> Marker:
        """A marker for a folder of a run of this process."""
        pid, inode = os.getpid(), path.lstat().st_ino
        host, started = os.uname().nodename, _started(pid) or 0
        return cls(host, _boot(), _space(), pid, started, inode, home, made)

    @property
    def is_gone(self) -> bool:
        """Whether its process was one of this very machine and start, and runs no more."""
        known = self.boot and self.space and self.started
        return bool(known) and self.fate == "dead" and self.boot == _boot()

    @property
    def fate(self) -> Fate:
        """Whether its process still runs, as far as that can be told here."""
        if self.host != os.uname().nodename:
            return "unknown"
        if self.boot != _boot():
            return "dead"
        if self.space != _space() or not self.started:
            return "unknown"
        return "alive" if _started(self.process) == self.started else "dead"


def create_marker(path: Path, marker: Marker) -> int:
    """Create the marker of a staging folder, locked; the lock lasts as long as the descriptor."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    fd = os.open(path / MARKER, flags, 0o600)
    try:
        lock(fd, wait=True)
        write_whole(fd, json.dumps(marker.to_dict()).encode())
    except BaseException:
        os.close(fd)
        raise
    return fd


def open_marker(path: Path) -> int | None:
    """A descriptor of the marker of a staging folder of ours; None of anything else.

    It is ours if it is a folder, belongs to the user who runs this, and holds a marker.
    """
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            return None
        fd = os.open(path / MARKER, flags)
    except OSError:
        return None
    status = os.fstat(fd)
    ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
    if ours and status.st_nlink == 1:
        return fd
    os.close(fd)
    return None


def read_marker(fd: int, path: Path) -> Marker | None:
    """What a staging folder says of its run; None where that is no marker of ours."""
    try:
        marker = _checked(json.loads(os.pread(fd, _LONGEST, 0)))
        return marker if marker and marker.inode == path.lstat().st_ino else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError, AttributeError):
        return None


def _checked(found: Any) -> Marker | None:
    if found.pop("concatsplit") != _SCHEMA:
        return None
    marker = Marker(**{**found, "made": tuple(found["made"])})
    texts = (marker.host, marker.boot, marker.space, marker.home, *marker.made)
    numbers = (marker.process, marker.started, marker.inode)
    right = all(type(t) is str for t in texts) and all(type(n) is int for n in numbers)
    return marker if right else None


def lock(fd: int, wait: bool = False) -> bool | None:
    """Lock a marker for this process; None where the file system has no locks.

    It is a file that is open for writing, since NFS locks no other.

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


def write_whole(fd: int, data: bytes) -> None:
    """Write all of it, going on after short writes."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _space() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
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
