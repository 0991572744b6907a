"""The owner file of a staging folder: which run made the folder, and whether that run is alive."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
from functools import cache
from pathlib import Path
from typing import Any, Literal

OWNER_FILE = "run.json"
_SCHEMA = 1
_LONGEST = 1 << 20
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
"""Errors of file systems that have no locks, such as some network file systems."""

Fate = Literal["alive", "dead", "unknown"]


class Owner:
    """The run that a staging folder belongs to.

    Parameters
    ----------
    host, boot, space : str
        The machine, the id of its last start (boot), and the name space of its process numbers.
    process, started : int
        The process number, and when the process started, in clock ticks since the boot.
    inode : int
        The inode of the staging folder. A copy of a staging folder, or one unpacked from an
        archive, has another inode and so no owner.
    home : str
        The run's staging folder that holds the journal, relative to this one.
    made : tuple of str
        Folders that the run made for its outputs, the innermost last, relative to this one.
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
        """The document that is written to the owner file."""
        return {"concatsplit": _SCHEMA, **{name: getattr(self, name) for name in self.__slots__}}

    @classmethod
    def of_this_process(cls, path: Path, home: str, made: tuple[str, ...]) -> Owner:
        """The owner of a staging folder that this process makes."""
        boot, space, started = _this_process()
        host, inode = os.uname().nodename, path.lstat().st_ino
        return cls(host, boot, space, os.getpid(), started, inode, home, made)

    @property
    def is_gone(self) -> bool:
        """Whether the process ran on this machine since its last boot, and has ended."""
        known = self.boot and self.space and self.started
        return bool(known) and self.fate == "dead" and self.boot == _this_process()[0]

    @property
    def fate(self) -> Fate:
        """Whether the process still runs; "unknown" if this machine cannot tell."""
        if self.host != os.uname().nodename:
            return "unknown"
        boot, space, _ = _this_process()
        if self.boot != boot:
            return "dead"
        if self.space != space or not self.started:
            return "unknown"
        return "alive" if _started(self.process) == self.started else "dead"


def create_owner_file(path: Path, marker: Owner) -> int:
    """Create and lock the owner file of a staging folder.

    Returns
    -------
    int
        The descriptor; the lock lasts until it is closed.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    fd = os.open(path / OWNER_FILE, flags, 0o600)
    try:
        lock(fd, wait=True)
        write_all_bytes(fd, json.dumps(marker.to_dict()).encode())
    except BaseException:
        os.close(fd)
        raise
    return fd


def write_owner(fd: int, owner: Owner) -> None:
    """Write an owner file that this process has locked anew, for its new owner.

    In one call, so that a process that is killed leaves the old owner or the new one.
    """
    data = json.dumps(owner.to_dict()).encode()
    os.pwrite(fd, data.ljust(os.fstat(fd).st_size), 0)


def open_owner_file(path: Path) -> int | None:
    """Open the owner file of a staging folder; None if it is not a staging folder of this user.

    It is one if it is a folder, belongs to the user who runs this, and holds an owner file.
    """
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            return None
        fd = os.open(path / OWNER_FILE, flags)
    except OSError:
        return None
    status = os.fstat(fd)
    is_own = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
    if is_own and status.st_nlink == 1:
        return fd
    os.close(fd)
    return None


def read_owner(fd: int, path: Path) -> Owner | None:
    """Read an owner file; None if it is damaged or was made for another folder."""
    try:
        owner = _parse(json.loads(os.pread(fd, _LONGEST, 0)))
        return owner if owner and owner.inode == path.lstat().st_ino else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError, AttributeError):
        return None


def _parse(document: Any) -> Owner | None:
    if document.pop("concatsplit") != _SCHEMA:
        return None
    owner = Owner(**{**document, "made": tuple(document["made"])})
    texts = (owner.host, owner.boot, owner.space, owner.home, *owner.made)
    numbers = (owner.process, owner.started, owner.inode)
    is_valid = all(type(t) is str for t in texts) and all(type(n) is int for n in numbers)
    return owner if is_valid else None


def lock(fd: int, wait: bool = False) -> bool | None:
    """Lock an owner file for this process.

    Parameters
    ----------
    fd : int
        Open for writing, since NFS cannot lock a file that is open for reading only.
    wait : bool
        Wait until the lock is free.

    Returns
    -------
    bool or None
        Whether this process has the lock now; None if the file system has no locks.
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


def write_all_bytes(fd: int, data: bytes) -> None:
    """Write all bytes, also if the system writes them in parts."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


@cache
def _this_process() -> tuple[str, str, int]:
    """The boot, the name space and the start of this process, which never change."""
    return _boot(), _space(), _started(os.getpid()) or 0


os.register_at_fork(after_in_child=_this_process.cache_clear)


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
    """When a process started, in clock ticks since the boot; None if there is no such process."""
    try:
        line = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    state, *_ = fields = line[line.rindex(b")") + 2 :].split()
    return None if state == b"Z" else int(fields[19])
