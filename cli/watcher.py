"""A child process that kills this one at a second ending signal, if the first had no effect.

Python runs signal handlers between two of its instructions. So while a C library loops, no handler
runs, and if the library holds the interpreter's lock, no other thread runs either. But the handler
in C below them still runs: it writes the number of the signal to a pipe (`signal.set_wakeup_fd`).
The child reads that pipe::

    signal -> handler in C -> pipe -> child: is it the second one? -> SIGKILL
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import NoReturn

from concatsplit_core.foundation.interrupts import BlockingLibraries

PATIENCE = 2.0
"""Seconds after the first signal in which a second one is ignored: the run is cleaning up."""

_REQUESTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_IGNORED = (
    *_REQUESTS, signal.SIGQUIT, signal.SIGXCPU, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTSTP,
    signal.SIGTTIN, signal.SIGTTOU, signal.SIGPIPE,
)  # fmt: skip
_MESSAGE = (
    b"concatsplit: error: ended at the second request, without cleaning up; "
    b"the next run beside its outputs does\n"
)


@contextmanager
def watched() -> Iterator[None]:
    """Inside the context, start the child before the first C library is loaded, and not earlier.

    A run without C libraries does not need it, and starting it takes a few milliseconds.
    """
    with ExitStack() as stack:
        BlockingLibraries.before = lambda: stack.enter_context(_child())
        try:
            yield
        finally:
            BlockingLibraries.before = None


@contextmanager
def _child() -> Iterator[None]:
    """Inside the context, be watched by a child, unless the system cannot start one."""
    try:
        if threading.active_count() > 1:
            raise OSError("a lock held by another thread would stay locked in the child")
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
    """The descriptors that are open, or may be."""
    try:
        return [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        return list(range(256))


def _watch(reading: int, parent: int) -> NoReturn:
    """In the child: read the numbers of signals until the parent has ended."""
    try:
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        for fd in _descriptors():
            if fd not in {2, reading}:
                with suppress(OSError):
                    os.close(fd)
        os.chdir("/")  # else the file system of the working folder could not be unmounted
        first: float | None = None
        while numbers := os.read(reading, 64):
            now = time.monotonic()
            if not any(number in _REQUESTS for number in numbers):
                continue
            if first is None:
                first = now
            elif now - first >= PATIENCE and os.getppid() == parent:
                os.write(2, _MESSAGE)
                os.kill(parent, signal.SIGKILL)
    finally:
        os._exit(0)
