"""Signals: an ending signal raises an exception, and SIGUSR1 prints how far the run is.

A second ending signal does not interrupt the cleaning up; see `watcher` for when it kills.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from concatsplit_core.foundation.interrupts import listened_signals

_RETRY_SECONDS = 0.001
"""Seconds until an exception that was lost in a finalizer is raised again."""


class Terminated(BaseException):
    """A signal asks the process to end; on its way up, staged outputs are removed."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.exit_code = 128 + number

    @property
    def reason(self) -> str:
        """The reason, for the message."""
        if self.number == signal.SIGXCPU:
            return "out of processor time (ulimit -t, or a batch system's limit)"
        return "terminated"


class _State:
    """The signal handling of this process.

    Attributes
    ----------
    progress : callable
        Returns one line that says how far the run is.
    raising : tuple of int
        The signals that raise an exception at the moment.
    raised : BaseException, optional
        The exception that a signal has raised.
    resets_children : bool
        Whether forked children reset their handlers.
    """

    progress: Callable[[], str] = staticmethod(lambda: "starting")
    raising: tuple[int, ...] = ()
    raised: BaseException | None = None
    resets_children = False


@contextmanager
def answer_sigusr1(progress: Callable[[], str]) -> Iterator[None]:
    """Inside the context, answer SIGUSR1 with this text."""
    before, _State.progress = _State.progress, staticmethod(progress)
    try:
        yield
    finally:
        _State.progress = before


def print_progress(_number: int, _frame: FrameType | None) -> None:
    """Print one line, as dd does; not through Python's streams, which may be in use."""
    clear = b"\r\x1b[K" if os.isatty(2) else b""
    with suppress(OSError):
        os.write(2, clear + f"concatsplit: {_State.progress()}\n".encode())


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def is_the_command() -> bool:
    """Whether this process is the command itself, and not a program that imports this package."""
    return os.path.basename(sys.argv[0] if sys.argv else "") == "concatsplit"


def install_first_handlers() -> None:
    """While the command starts, let SIGUSR1 print a line and Ctrl-C end it without a traceback.

    Only for the command itself: a program that imports this package keeps its own handlers.
    """
    if is_the_command() and _is_main_thread():
        _install_sigusr1()
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def _install_sigusr1() -> Any:
    """Handle SIGUSR1, unless it has a handler already; returns the handler before."""
    before = signal.getsignal(signal.SIGUSR1)
    if before is signal.SIG_DFL:
        signal.signal(signal.SIGUSR1, print_progress)
        signal.siginterrupt(signal.SIGUSR1, False)
    return before


@contextmanager
def signals_raise(until_exit: bool) -> Iterator[None]:
    """Inside the context, let the first ending signal raise an exception.

    Further ones are ignored, so that they do not stop the cleaning up.

    Parameters
    ----------
    until_exit : bool
        The process ends after this context; ending signals are ignored from then on.
    """
    if not _is_main_thread():
        yield
        return
    _State.raising = (*listened_signals(),)
    before: dict[int, Any] = {signal.SIGUSR1: _install_sigusr1()}
    before |= {number: signal.signal(number, _end) for number in _State.raising}
    hook_before, sys.unraisablehook = sys.unraisablehook, _Unraisable(sys.unraisablehook)
    if not _State.resets_children:
        os.register_at_fork(after_in_child=_reset_in_child)
        _State.resets_children = True
    try:
        yield
    finally:
        # Python removes its own handlers while it exits, but an ignored signal stays ignored.
        after = dict.fromkeys(before, signal.SIG_IGN) if until_exit else before
        for number, handler in after.items():
            signal.signal(number, handler)
        _State.raising = ()
        sys.unraisablehook = hook_before


def ignore_further_signals() -> None:
    """Ignore ending signals from now on: the outputs are complete, or are being cleaned up."""
    for number in _State.raising:
        signal.signal(number, _do_nothing)


def _end(number: int, _frame: FrameType | None) -> None:
    ignore_further_signals()
    _State.raised = KeyboardInterrupt() if number == signal.SIGINT else Terminated(number)
    raise _State.raised


def _do_nothing(number: int, frame: FrameType | None) -> None:
    """Ignore a signal; unlike SIG_IGN, child processes do not inherit this."""


class _Unraisable:
    """Raises the exception of a signal again if it was raised in a finalizer.

    Python drops exceptions of finalizers, so the signal would have no effect.
    """

    def __init__(self, hook_before: Callable[[Any], Any]) -> None:
        self._hook_before = hook_before

    def __call__(self, dropped: Any) -> None:
        if dropped.exc_value is None or dropped.exc_value is not _State.raised:
            self._hook_before(dropped)
            return
        number = getattr(dropped.exc_value, "number", signal.SIGINT)
        signal.signal(signal.SIGALRM, lambda _, frame: _end(number, frame))
        signal.setitimer(signal.ITIMER_REAL, _RETRY_SECONDS)


def _reset_in_child() -> None:
    """In a forked child, set the ending signals back to their default, and ignore SIGUSR1."""
    if not _State.raising:
        return
    signal.set_wakeup_fd(-1)
    if signal.getsignal(signal.SIGUSR1) is print_progress:
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    for number in _State.raising:
        signal.signal(number, signal.SIG_DFL)
