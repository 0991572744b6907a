"""Requests to end that come at a moment when nobody may be interrupted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def deferred_signals(forget: bool = False) -> Iterator[None]:
    """Hold signals back until the context ends.

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

    held: dict[int, Any] = {
        number: signal.signal(number, note)
        for number in _SIGNALS
        if signal.getsignal(number) is not None
    }
    try:
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)
    if not forget:
        for number in pending:
            signal.raise_signal(number)
