"""Signals: a request to end unwinds the stack, a second one ends at once, SIGUSR1 asks how far."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from concatsplit_core.stores.interrupts import listened_signals

_SOON = 0.001
"""Seconds after which a request is raised again."""


class Terminated(BaseException):
    """A signal asks the process to end; what was staged is removed on the way out."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.exit_code = 128 + number

    @property
    def reason(self) -> str:
        """What the message says."""
        if self.number == signal.SIGXCPU:
            return "out of processor time (ulimit -t, or a batch system's limit)"
        return "terminated"


class _State:
    """What this process does about signals.

    Attributes
    ----------
    how_far : callable
        Says in one line how far the run is.
    raising : tuple of int
        Signals that unwind the stack just now.
    raised : BaseException, optional
        What a request has raised.
    forks_forget : bool
        Children that are forked let go of all this.
    """

    how_far: Callable[[], str] = staticmethod(lambda: "starting")
    raising: tuple[int, ...] = ()
    raised: BaseException | None = None
    forks_forget = False


@contextmanager
def answering(how_far: Callable[[], str]) -> Iterator[None]:
    """Answer SIGUSR1 with this text for the time of a context."""
    before, _State.how_far = _State.how_far, staticmethod(how_far)
    try:
        yield
    finally:
        _State.how_far = before


def tell_how_far(number: int, frame: FrameType | None) -> None:
    """Print one line, as dd does; without Python's streams, which may be in use just now."""
    clear = b"\r\x1b[K" if os.isatty(2) else b""
    with suppress(OSError):
        os.write(2, clear + f"concatsplit: {_State.how_far()}\n".encode())


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def take_up_early() -> None:
    """Let SIGUSR1 not end a command that has only begun to start, and Ctrl-C end it in silence.

    That is for the command; a program that imports this has its own signals.
    """
    if os.path.basename(sys.argv[0] if sys.argv else "") == "concatsplit" and _is_main_thread():
        _answer_questions()
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def _answer_questions() -> Any:
    """Take up SIGUSR1 if nobody else has, and say what its handler was."""
    before = signal.getsignal(signal.SIGUSR1)
    if before is signal.SIG_DFL:
        signal.signal(signal.SIGUSR1, tell_how_far)
        signal.siginterrupt(signal.SIGUSR1, False)
    return before


@contextmanager
def requests_raise(for_good: bool) -> Iterator[None]:
    """Let a request to end unwind the stack, once: more of them must not stop the cleaning up.

    Parameters
    ----------
    for_good : bool
        The process ends with this context, and requests come too late from then on.
    """
    if not _is_main_thread():
        yield
        return
    _State.raising = (*listened_signals(),)
    before: dict[int, Any] = {signal.SIGUSR1: _answer_questions()}
    before |= {number: signal.signal(number, _end) for number in _State.raising}
    unheard, sys.unraisablehook = sys.unraisablehook, _Unraisable(sys.unraisablehook)
    if not _State.forks_forget:
        os.register_at_fork(after_in_child=_forget)
        _State.forks_forget = True
    try:
        yield
    finally:
        # what Python handles it lets go of while it ends, and what is ignored stays ignored
        last = dict.fromkeys(before, signal.SIG_IGN) if for_good else before
        for number, handler in last.items():
            signal.signal(number, handler)
        _State.raising = ()
        sys.unraisablehook = unheard


def take_no_more() -> None:
    """Requests come too late: the outputs are complete, or are being cleaned up."""
    for number in _State.raising:
        signal.signal(number, _let_pass)


def _end(number: int, frame: FrameType | None) -> None:
    take_no_more()
    _State.raised = KeyboardInterrupt() if number == signal.SIGINT else Terminated(number)
    raise _State.raised


def _let_pass(number: int, frame: FrameType | None) -> None:
    """A handler and not SIG_IGN, which children would inherit."""


class _Unraisable:
    """Raises a request once more that came in a finalizer, whose exceptions Python drops."""

    def __init__(self, otherwise: Callable[[Any], Any]) -> None:
        self._otherwise = otherwise

    def __call__(self, dropped: Any) -> None:
        if dropped.exc_value is None or dropped.exc_value is not _State.raised:
            self._otherwise(dropped)
            return
        number = getattr(dropped.exc_value, "number", signal.SIGINT)
        signal.signal(signal.SIGALRM, lambda _, frame: _end(number, frame))
        signal.setitimer(signal.ITIMER_REAL, _SOON)


def _forget() -> None:
    """In a forked child: its limits end it, and nobody asks it anything."""
    if not _State.raising:
        return
    signal.set_wakeup_fd(-1)
    if signal.getsignal(signal.SIGUSR1) is tell_how_far:
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    for number in _State.raising:
        signal.signal(number, signal.SIG_DFL)
