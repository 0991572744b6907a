"""What the processes of a staged run need to do its tasks, in a file: they need not plan again.

It is in the home of the staging folders, pickled. Whoever reads a pickle does what it says, so it
is read only if it is the file that `stage` wrote: in a folder that belongs to this user and that
nobody else may write to, of the inode and with the times that `kept` tells. A copy of the folder,
or one from an archive, has others, which nobody can choose; its processes plan again.
"""

from __future__ import annotations

import os
import pickle
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from concatsplit_core.array.geometry import Box
from concatsplit_core.endpoints.touched import InputLooks, Touched
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.planning.task import Task
from concatsplit_core.run.worker import Work
from concatsplit_core.stores.durability import sync_path
from concatsplit_core.stores.keeping import KeptRun

_NAME = "tasks"
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


class SharedWork(NamedTuple):
    """The work of a staged run, for one of its processes.

    Parameters
    ----------
    work : Work
    looks : InputLooks
        How the inputs looked when the run was planned.
    check : bool
        Inputs are checked before they are read.
    digest : str
        Of the record in the folder of the run, which belongs to this work.
    """

    work: Work
    looks: InputLooks
    check: bool
    digest: str

    def touched(self, numbers: list[int]) -> Touched:
        """The files of inputs that some tasks read."""
        tasks = map(self.work.plan.task, numbers)
        return Touched(self.looks, (read for task in tasks for read in self._reads(task)))

    def _reads(self, task: Task) -> Iterator[tuple[Source, Box]]:
        move = self.work.moves[task.move]
        for piece in (*task.reads, *task.copies):
            box = move.source_tiling.local(piece.array, piece.box)
            yield move.sources[piece.array], box


def write_tasks(home: Path, shared: SharedWork, sync: bool) -> list[int]:
    """Write the file; returns by what it is recognised."""
    path = home / _NAME
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(_header())
        pickle.dump(shared, file, pickle.HIGHEST_PROTOCOL)
    if sync:
        sync_path(path)
    return _marks(path.stat())


def read_work(kept: KeptRun, home: Path) -> SharedWork | None:
    """Read the file in a home; None if it is not the one that was kept, or of another version."""
    try:
        around = home.lstat()
        fd = os.open(home / _NAME, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(fd, "rb") as file:
        status = os.fstat(fd)
        if _marks(status) != list(kept.tasks) or not (_is_safe(around) and _is_safe(status)):
            return None
        header = _header()
        if file.read(len(header)) != header:
            return None
        found = pickle.load(file)
    return found if isinstance(found, SharedWork) and found.digest == kept.digest else None


def _header() -> bytes:
    version = vars(sys.modules[__name__.partition(".")[0]])["__version__"]
    return f"concatsplit {version}\n".encode()


def _marks(status: os.stat_result) -> list[int]:
    return [status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def _is_safe(status: os.stat_result) -> bool:
    """Whether only this user may write to a file or folder."""
    return status.st_uid == os.geteuid() and not status.st_mode & _OTHERS_MAY_WRITE
