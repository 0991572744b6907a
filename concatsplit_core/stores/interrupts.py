"""Requests to end that come at a moment when nobody may be interrupted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGXCPU)
"""Signals that ask a process to end; a batch system's limit of processor time is one."""


class Libraries:
    """Libraries in C, in which a loop has no end for Python's handlers.

    Attributes
    ----------
    before : callable, optional
        Called once, before the first of them is loaded.
    """

    before: Callable[[], None] | None = None

    @classmethod
    def announce(cls) -> None:
        """Say that one of them is about to be used."""
        before, cls.before = cls.before, None
        if before is not None:
            before()


def heard() -> list[signal.Signals]:
    """Those of them that are not ignored: nohup and ``sh -c 'command &'`` mean what they do."""
    return [n for n in ENDING if signal.getsignal(n) not in (None, signal.SIG_IGN)]


@contextmanager
def deferred_signals(forget: bool = False) -> Iterator[None]:
    """Hold signals back until the context ends; handlers that are set within it stay.

    Parameters
    ----------
    forget : bool
        They come too late: the run is over by then, one way or the other.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # handlers run in the main thread only
        return
    pending: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        pending.append(number)

    held: dict[int, Any] = {}
    try:
        for each in heard():  # one that comes meanwhile raises, and leaves all as it was
            held[each] = signal.getsignal(each)
            signal.signal(each, note)
        yield
    finally:
        for number, handler in held.items():
            if signal.getsignal(number) is note:  # else others are to be heard from now on
                signal.signal(number, handler)
    if not forget:
        for number in pending:
            _hand_on(number, held[number])


def _hand_on(number: int, handler: Any) -> None:
    """Let a signal do what it would have done; raised anew it would look like a second one."""
    if callable(handler):
        handler(number, None)
    else:
        signal.raise_signal(number)
