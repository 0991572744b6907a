"""Batches of tasks for other processes: how they are cut, and how such a process does one.

The work is described in a file beside what is staged. Each process reads it once, and opens inputs
and outputs itself.
"""

from __future__ import annotations

import ctypes
import hashlib
import pickle
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from concatsplit_core.foundation.errors import IOFailure, UsageError
from concatsplit_core.run.worker import Work, Worker

TRIES = 3
"""How often a batch is tried if it fails to read or to write."""
_BATCHES_A_THREAD, _LARGEST_BATCH = 16, 64
"""How many batches the run has for each thread, about, and the most tasks in a batch."""
_LEFT_A_THREAD = 4
"""What is left of the tasks is at least so many batches for each thread.

So batches get smaller at the end, and no thread waits long for the last one of another.
"""
_WORK = "work"
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _KEPT_BYTES = -1, -3, 1 << 28


def batches_of(numbers: Sequence[int], threads: int) -> Iterator[tuple[int, ...]]:
    """All tasks in batches, the last ones of one task each.

    Parameters
    ----------
    numbers : sequence of int
    threads : int
        How many take batches, in all processes.
    """
    most = min(_LARGEST_BATCH, len(numbers) // (threads * _BATCHES_A_THREAD))
    start = 0
    while start < len(numbers):
        size = max(1, min(most, (len(numbers) - start) // (threads * _LEFT_A_THREAD)))
        yield tuple(numbers[start : start + size])
        start += size


def write_work(work: Work, folder: Path) -> tuple[str, str]:
    """Describe the work in a file that all processes see; returns its path and its SHA-256."""
    data = pickle.dumps(work)
    path = folder / _WORK
    path.write_bytes(data)
    return str(path), hashlib.sha256(data).hexdigest()


class _Opened:
    """The worker of this process, for the run that it works on."""

    key = ""
    worker: Worker | None = None
    lock = threading.Lock()


def do_batch(path: str, key: str, is_elsewhere: bool, numbers: tuple[int, ...]) -> None:
    """Do tasks in a process of the cluster.

    Parameters
    ----------
    path : str
        The file that describes the work.
    key : str
        Its SHA-256.
    is_elsewhere : bool
        The process may be on another machine than the command, whose file system has to get the
        bytes before the tasks count as done.
    numbers : tuple of int

    Raises
    ------
    UsageError
        This machine does not see the file.
    """
    worker = _worker_of(path, key)
    for number in numbers:
        worker.do(number)
    if is_elsewhere:
        worker.flush()


def _worker_of(path: str, key: str) -> Worker:
    with _Opened.lock:
        if _Opened.key != key or _Opened.worker is None:
            try:
                data = Path(path).read_bytes()
            except OSError as error:
                raise UsageError(
                    f"--executor: a worker does not see {path}; workers need the same files as "
                    "the command, under the same names"
                ) from error
            if hashlib.sha256(data).hexdigest() != key:
                raise IOFailure(f"{path}: is not what was written there", ref=path)
            _keep_memory()
            if _Opened.worker is not None:
                _Opened.worker.close()
            _Opened.worker, _Opened.key = Worker(pickle.loads(data)), key
        return _Opened.worker


def _keep_memory() -> None:
    """Let freed memory stay with the process: Dask lets it give back every 64 KiB at once."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        libc.mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
