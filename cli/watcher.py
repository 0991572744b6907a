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
from contextlib import contextmanager, suppress

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
    """Inside the context, have a child watch when the first C library is used, and not earlier.

    A run without C libraries does not need it, and starting it takes a few milliseconds. A child
    that is forked for other work before then watches as well.
    """
    try:
        watcher = _Watcher()
    except OSError:  # no descriptor is left
        yield
        return
    BlockingLibraries.before, BlockingLibraries.watch = watcher.start, watcher
    try:
        yield
    finally:
        BlockingLibraries.before = BlockingLibraries.watch = None
        watcher.end()


class _Watcher:
    """The pipe between this process and the child; each of them has its own methods."""

    def __init__(self) -> None:
        self._parent = os.getpid()
        self._child: int | None = None
        self._first: float | None = None
        self._errors = 2
        self.reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)

    def start(self) -> None:
        """Fork a child that only watches, unless the system cannot."""
        if threading.active_count() > 1:
            return  # a lock held by another thread would stay locked in the child
        with suppress(OSError):
            child = os.fork()
            if child == 0:
                self._only_watch()
            self.entrust(child)

    def entrust(self, child: int) -> None:
        """Let the handler in C write to a child from now on."""
        BlockingLibraries.before = BlockingLibraries.watch = None
        self._child = child
        signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)

    def lost(self) -> None:
        """The child has ended: before the next use of a library, another one is started."""
        signal.set_wakeup_fd(-1)
        self._child, BlockingLibraries.before = None, self.start

    def end(self) -> None:
        """End the child."""
        signal.set_wakeup_fd(-1)
        os.close(self.reading)
        os.close(self._writing)
        if self._child is not None:
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)

    def _only_watch(self) -> None:
        try:
            self.prepare_child(())
            while True:
                self.hear()
        finally:
            os._exit(0)

    def prepare_child(self, kept: tuple[int, ...]) -> None:
        """In the child: ignore signals, and keep no files open but these."""
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        BlockingLibraries.before = BlockingLibraries.watch = None
        self._errors = os.dup(2)
        for fd in _descriptors():
            if fd not in {self._errors, self.reading, *kept}:
                with suppress(OSError):
                    os.close(fd)
        os.chdir("/")  # else the file system of the working folder could not be unmounted

    def hear(self) -> None:
        """In the child: read the numbers of signals; leave when the parent has ended."""
        numbers = os.read(self.reading, 64)
        if not numbers:
            os._exit(0)
        now = time.monotonic()
        if not any(number in _REQUESTS for number in numbers):
            return
        if self._first is None:
            self._first = now
        elif now - self._first >= PATIENCE and os.getppid() == self._parent:
            os.write(self._errors, _MESSAGE)
            os.kill(self._parent, signal.SIGKILL)


def _descriptors() -> list[int]:
    """The descriptors that are open, or may be."""
    try:
        return [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        return list(range(256))
