"""A child process that ends this one at a second request, when the first has no effect.

Python's handlers run between two of its instructions. While a C library loops none of them does,
and no thread of Python's either if the library holds the interpreter's lock. What does run is the
handler in C below them, which writes the number of a signal to a descriptor; the child reads it.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

PATIENCE = 2.0
"""Seconds after a request in which a second one is only impatience: it is being cleaned up."""

_REQUESTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_DEAF = (
    *_REQUESTS, signal.SIGQUIT, signal.SIGXCPU, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTSTP,
    signal.SIGTTIN, signal.SIGTTOU, signal.SIGPIPE,
)  # fmt: skip
_MOST_DESCRIPTORS = 1 << 16
_LAST_WORDS = (
    b"concatsplit: error: ended at the second request, without cleaning up; "
    b"the next run beside its outputs does\n"
)


@contextmanager
def watched() -> Iterator[None]:
    """Be watched for the time of a context, if the system has room for a child."""
    try:
        if threading.active_count() > 1:
            raise OSError("a lock that another thread holds would stay locked in the child")
        reading, writing = os.pipe()
    except OSError:
        yield
        return
    parent = os.getpid()
    try:
        child = os.fork()
    except OSError:
        child = None
    if child == 0:
        _watch(reading, parent)
    os.close(reading)
    try:
        if child is not None:
            os.set_blocking(writing, False)
            signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        yield
    finally:
        signal.set_wakeup_fd(-1)
        os.close(writing)
        if child is not None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _watch(reading: int, parent: int) -> NoReturn:
    """Read numbers of signals until the parent is gone."""
    try:
        for number in _DEAF:
            signal.signal(number, signal.SIG_IGN)
        for start, stop in ((0, 2), (3, reading), (reading + 1, _MOST_DESCRIPTORS)):
            os.closerange(start, stop)
        os.chdir("/")  # a file system that it stood in could not be unmounted
        first: float | None = None
        while numbers := os.read(reading, 64):
            now = time.monotonic()
            if not any(number in _REQUESTS for number in numbers):
                continue
            if first is None:
                first = now
            elif now - first >= PATIENCE and os.getppid() == parent:
                os.write(2, _LAST_WORDS)
                os.kill(parent, signal.SIGKILL)
    finally:
        os._exit(0)
