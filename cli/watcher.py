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
from contextlib import ExitStack, contextmanager, suppress
from typing import NoReturn

from concatsplit_core.stores.interrupts import BlockingLibraries

PATIENCE = 2.0
"""Seconds after a request in which a second one is only impatience: it is being cleaned up."""

_REQUESTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_DEAF = (
    *_REQUESTS, signal.SIGQUIT, signal.SIGXCPU, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTSTP,
    signal.SIGTTIN, signal.SIGTTOU, signal.SIGPIPE,
)  # fmt: skip
_LAST_WORDS = (
    b"concatsplit: error: ended at the second request, without cleaning up; "
    b"the next run beside its outputs does\n"
)


@contextmanager
def watched() -> Iterator[None]:
    """Be watched from when libraries in C come in, which the first milliseconds do not pay for."""
    with ExitStack() as stack:
        BlockingLibraries.before = lambda: stack.enter_context(_child())
        try:
            yield
        finally:
            BlockingLibraries.before = None


@contextmanager
def _child() -> Iterator[None]:
    """Be watched, if the system has room for a child."""
    try:
        if threading.active_count() > 1:
            raise OSError("a lock that another thread holds would stay locked in the child")
        reading, writing = os.pipe()
    except OSError:
        yield
        return
    parent, child = os.getpid(), None
    try:
        child = os.fork()
        if child == 0:
            _watch(reading, parent)
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    except OSError:
        pass
    os.close(reading)
    try:
        yield
    finally:
        signal.set_wakeup_fd(-1)
        os.close(writing)
        if child is not None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _descriptors() -> list[int]:
    """What is open, or may be."""
    try:
        return [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        return list(range(256))


def _watch(reading: int, parent: int) -> NoReturn:
    """Read numbers of signals until the parent is gone."""
    try:
        for number in _DEAF:
            signal.signal(number, signal.SIG_IGN)
        for fd in _descriptors():
            if fd not in {2, reading}:
                with suppress(OSError):
                    os.close(fd)
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
