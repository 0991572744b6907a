"""Locks on folders, so that runs which change the same ones take turns."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

_RETRY_SECONDS = 0.01
"""Seconds between two tries for a lock."""


@contextmanager
def locked(folders: Iterable[Path], patience: float) -> Iterator[None]:
    """Lock folders, so that only one run at a time changes them.

    Another program may hold a lock for its own reasons. So after `patience` seconds this goes on
    without it: what an output replaces is checked again in any case.
    """
    with ExitStack() as held:
        until = time.monotonic() + patience
        for folder in sorted(set(folders)):
            fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            held.callback(_close, fd)
            with suppress(OSError):  # a file system without locks
                while not _lock_at_once(fd) and time.monotonic() < until:
                    time.sleep(_RETRY_SECONDS)
        yield


def _lock_at_once(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _close(fd: int) -> None:
    with suppress(OSError):  # the outcome of the run does not depend on it
        os.close(fd)
