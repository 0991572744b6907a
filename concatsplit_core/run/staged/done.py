"""The record of what is done: each process that does tasks appends to a file of its own.

A line is a range of task numbers and its checksum::

    0-511 5d1cbf3a

It is written when all that these tasks wrote is durable. A line that a killed process left
incomplete has a wrong checksum and is ignored; its tasks are done again, with the same bytes. So
is a line of another run, since the number of the run that nobody else has is in the checksum, and
a file of another user.
"""

from __future__ import annotations

import json
import os
import re
import stat
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from concatsplit_core.stores.durability import sync_path
from concatsplit_core.stores.owner import Owner, lock, write_all_bytes

LOCK_FILE = "commit"
"""The file that is written by the process which commits a run or gives it up; see `locks`."""
_PREFIX = "done."
_LONGEST_LINE = 4096
_LINE = re.compile(rb"(\d{1,18})-(\d{1,18}) ([0-9a-f]{8})")
_FRESH_SECONDS = 90.0
"""A process on another machine counts as alive if its record was changed this short a time ago."""


class DoneRecord:
    """The record of this process: what it has done of a staged run.

    It is locked as long as the process works on the run.

    Parameters
    ----------
    folder : Path
        Of the run.
    nonce : str
        That of the run.
    sync : bool
    """

    def __init__(self, folder: Path, nonce: str, sync: bool) -> None:
        self._nonce, self._sync = nonce, sync
        self.path, self._fd = _own_record(folder)
        try:
            owner = Owner.of_this_process(folder, ".", ())
            # the first byte ends what a killed process with this number may have left
            write_all_bytes(self._fd, b"\n" + json.dumps(owner.to_dict()).encode() + b"\n")
            if sync:
                sync_path(folder)
        except BaseException:
            os.close(self._fd)
            raise

    def add(self, numbers: Iterable[int]) -> None:
        """Append tasks whose data are durable, and make the record durable."""
        lines = [_line(start, stop, self._nonce) for start, stop in ranges_of(numbers)]
        if lines:
            write_all_bytes(self._fd, b"".join(lines))
            if self._sync:
                os.fsync(self._fd)

    def close(self) -> None:
        """Say that this process no longer works on the run."""
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        with suppress(OSError):
            write_all_bytes(fd, b"end\n")
        os.close(fd)


def _own_record(folder: Path) -> tuple[Path, int]:
    """The record of this process, open and locked.

    In two containers, processes may have the same host and number: then each has its own.
    """
    name = f"{_PREFIX}{os.uname().nodename}.{os.getpid()}"
    for number in count():
        path = folder / (f"{name}.{number}" if number else name)
        if os.path.lexists(path) and not _is_regular(path):
            continue
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(path, flags, 0o644)
        try:
            if lock(fd) is not False:
                return path, fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
    raise AssertionError("there is always another name")


def _line(start: int, stop: int, nonce: str) -> bytes:
    text = b"%d-%d" % (start, stop)
    return b"%s %08x\n" % (text, _checksum(text, nonce))


def _checksum(text: bytes, nonce: str) -> int:
    return zlib.crc32(text, zlib.crc32(nonce.encode("utf-8", "surrogatepass")))


def ranges_of(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The first and the last of every run of neighbours."""
    start = stop = -1
    for number in sorted(numbers):
        if number != stop + 1 or start < 0:
            if start >= 0:
                yield start, stop
            start = number
        stop = number
    if start >= 0:
        yield start, stop


def read_done(folder: Path, nonce: str, tasks: int) -> bytearray:
    """Which tasks are done: a 1 for each that is.

    Parameters
    ----------
    folder : Path
        Of the run.
    nonce : str
        That of the run.
    tasks : int
        How many there are.
    """
    done = bytearray(tasks)
    for path in _records(folder):
        with path.open("rb") as file:
            while line := file.readline(_LONGEST_LINE):
                if len(line) == _LONGEST_LINE:
                    break  # no process has written this
                found = _LINE.fullmatch(line.rstrip(b"\n"))
                if found is None:
                    continue
                if int(found[3], 16) != _checksum(found[1] + b"-" + found[2], nonce):
                    continue
                start, stop = int(found[1]), int(found[2])
                if start <= stop < tasks:
                    done[start : stop + 1] = b"\1" * (stop + 1 - start)
    return done


def missing_of(done: bytearray) -> list[int]:
    """The numbers of the tasks that are not done."""
    return [number for number, is_done in enumerate(done) if not is_done]


def at_work(folder: Path, but: Path | None = None) -> list[str]:
    """What is known of the processes that work on a run: a line each.

    Parameters
    ----------
    folder : Path
    but : Path, optional
        A record that does not count.
    """
    return [path.name.removeprefix(_PREFIX) for path in _records(folder) if path != but
            and _is_at_work(path)]  # fmt: skip


def _is_at_work(path: Path) -> bool:
    """Whether the process of a record lives: by its lock, or where there are none by its name."""
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        is_free = lock(fd)
        if is_free is not None:
            return not is_free
        text = os.pread(fd, os.fstat(fd).st_size, 0)
        seconds = _now(path.parent) - os.fstat(fd).st_mtime
    finally:
        os.close(fd)
    if text.endswith(b"end\n"):
        return False
    owner = _owner(text)
    fate = "unknown" if owner is None else owner.fate
    return fate == "alive" or (fate == "unknown" and seconds < _FRESH_SECONDS)


def _now(folder: Path) -> float:
    """The time by the clock of the file system, which may be that of another machine."""
    try:
        return (folder / LOCK_FILE).stat().st_mtime  # this process has just written it
    except FileNotFoundError:
        return time.time()


def _owner(text: bytes) -> Owner | None:
    """The last process that a record names."""
    found: Any = None
    for line in text.splitlines():
        if line.startswith(b"{"):
            with suppress(ValueError):
                found = json.loads(line)
    try:
        found.pop("concatsplit")
        return Owner(**{**found, "made": ()})
    except (AttributeError, TypeError, KeyError):
        return None


def _records(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(f"{_PREFIX}*") if _is_regular(path))


def _is_regular(path: Path) -> bool:
    """Whether a file is one that a process of this user may have made, and no link to another."""
    try:
        status = path.lstat()
    except OSError:
        return False
    is_own = status.st_uid == os.geteuid() and status.st_nlink == 1
    return is_own and stat.S_ISREG(status.st_mode)
