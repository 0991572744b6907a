"""Holding back signals while a step runs that must not be interrupted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Protocol

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGXCPU)
"""Signals that ask a process to end; a batch system sends SIGXCPU at its time limit."""


class Watch(Protocol):
    """What a child process does to watch this one, maybe beside other work.

    Attributes
    ----------
    reading : int
        A descriptor of the child; when there is something to read, `hear` has to be called.
    """

    reading: int

    def prepare_child(self, kept: tuple[int, ...]) -> None:
        """In the child, first of all: close all descriptors but these, and ignore signals."""

    def hear(self) -> None:
        """In the child: read what has come, and act on it."""

    def entrust(self, child: int) -> None:
        """In this process: this child watches from now on."""

    def lost(self) -> None:
        """In this process: the child that watched has ended."""


class BlockingLibraries:
    """Libraries in C: while they run, Python's signal handlers do not.

    Attributes
    ----------
    before : callable, optional
        Called once, before the first of them is used: it has a child watch.
    watch : Watch, optional
        For a child that is forked anyway, before the first of them is used.
    """

    before: Callable[[], None] | None = None
    watch: Watch | None = None

    @classmethod
    def announce(cls) -> None:
        """Call `before`, since one of these libraries is about to be used."""
        before, cls.before, cls.watch = cls.before, None, None
        if before is not None:
            before()


def listened_signals() -> list[signal.Signals]:
    """The ending signals that are not ignored; nohup and ``sh -c 'command &'`` ignore some."""
    return [n for n in ENDING_SIGNALS if signal.getsignal(n) not in (None, signal.SIG_IGN)]


@contextmanager
def deferred_signals(forget: bool = False) -> Iterator[None]:
    """Hold back signals until the context ends.

    Handlers that are set inside the context stay set.

    Parameters
    ----------
    forget : bool
        Drop the signals that were held back: the run has succeeded or failed by then anyway.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Python runs handlers in the main thread only
        return
    pending: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        pending.append(number)

    held: dict[int, Any] = {}
    try:
        for each in listened_signals():  # a signal that arrives here raises; `finally` restores all
            held[each] = signal.getsignal(each)
            signal.signal(each, note)
        yield
    finally:
        for number, handler in held.items():
            if signal.getsignal(number) is note:  # else a new handler was set in the context
                signal.signal(number, handler)
    if not forget:
        for number in pending:
            _deliver(number, held[number])


def _deliver(number: int, handler: Any) -> None:
    """Call the handler of a signal; raising the signal again would count as a second request."""
    if callable(handler):
        handler(number, None)
    else:
        signal.raise_signal(number)
