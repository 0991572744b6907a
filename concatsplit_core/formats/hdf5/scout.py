"""Tries a file in a child process first: HDF5 crashes on some damaged files, or loops.

The child is forked from this process, which costs 5 ms, looks at all the files of one call, and is
gone when nobody has asked it anything for a moment. In a command, which has a child that watches it
as well, one child does both, and stays. It is only forked while this process has one thread: a lock
that another one held would stay locked in the child for ever. Beside other threads the child is a
program of its own, which takes longer to start.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from concatsplit_core.formats.hdf5.looking import outcome_of, read_text, serve, write_text
from concatsplit_core.foundation.errors import MalformedInput
from concatsplit_core.foundation.interrupts import BlockingLibraries, Watch

_CRASHES = {
    signal.SIGSEGV,
    signal.SIGBUS,
    signal.SIGFPE,
    signal.SIGABRT,
    signal.SIGILL,
    signal.SIGXCPU,
}
"""Signals by which a child ends because of a file; others come from somebody else."""
_LEFT, _NOT_KNOWN = 0, -1
"""How a child ended that left by itself, and one that this program has waited for elsewhere."""

Close = Callable[[], None]
Look = Callable[[str, str | None], bytes | None]
"""A function of a module that looks at a member of a file, or at the whole of it.

It may return what it has found; what it raises does not matter.
"""


class _Scout:
    """A child process and the pipes to it.

    Parameters
    ----------
    start : callable
        Starts the child, and returns the number of its process. It is given the child's ends of
        the two pipes, and what closes this process's.
    watch : Watch, optional
        What the child does beside its looks.
    is_there : bool
        Whether it is sure that it can look; else it says so once.
    """

    def __init__(
        self, start: Callable[[int, int, Close], int], watch: Watch | None, is_there: bool
    ) -> None:
        self.watch, self.is_there = watch, is_there
        ask, self._asking = os.pipe()
        self._answering, answer = os.pipe()
        try:
            self._pid = start(ask, answer, self.close)
        except BaseException:
            self.close()
            raise
        finally:
            os.close(ask)
            os.close(answer)
        if watch is not None:
            watch.entrust(self._pid)

    def sees(
        self, look: Look, path: str, member: str | None, meanwhile: Callable[[], None]
    ) -> bytes | None:
        """Let the child look; None where it is gone without an answer."""
        try:
            whole = os.fsencode(os.path.abspath(path))
            inner = b"" if member is None else os.fsencode(member)
            called = look.__module__.encode(), look.__name__.encode()
            question = b"\0".join((*called, whole, inner))
            write_text(self._asking, question)
            meanwhile()
            if not self.is_there:
                read_text(self._answering)
                self.is_there = True
            return read_text(self._answering)
        except (OSError, EOFError):
            return None
        except BaseException:  # a signal: nobody waits for the answer any more
            os.kill(self._pid, signal.SIGKILL)
            if self.watch is not None:
                self.watch.lost()
            raise

    def end(self) -> None:
        """End the child."""
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        self.ended_by()

    def ended_by(self) -> int:
        """The signal that ended the child, or how else it ended."""
        self.close()
        try:
            _, status = os.waitpid(self._pid, 0)
        except ChildProcessError:
            return _NOT_KNOWN
        if self.watch is not None:
            self.watch.lost()
        return os.WTERMSIG(status) if os.WIFSIGNALED(status) else _LEFT

    def close(self) -> None:
        """Close this process's ends of the pipes; a child that waits to be asked then leaves."""
        os.close(self._asking)
        os.close(self._answering)


class Scouts:
    """Children that look first, one at a time.

    Parameters
    ----------
    forget : callable
        Closes the files that a look has left open.
    """

    def __init__(self, forget: Callable[[], None]) -> None:
        self._forget = forget
        self._scout: _Scout | None = None
        self._turn = threading.Lock()
        self._is_child = False
        self._has_program = True
        """Whether a child could be a program, as far as is known."""
        os.register_at_fork(after_in_child=self._begin_anew)

    def _begin_anew(self) -> None:
        """Leave the child of the process that this one was forked from to that process."""
        self._turn = threading.Lock()
        if self._scout is not None:
            self._scout.close()
            self._scout = None

    @property
    def is_child(self) -> bool:
        """Whether this process is a child that looks."""
        return self._is_child

    def ask_nobody(self) -> None:
        """Say that this process is a child that looks: it does so without another child."""
        self._is_child = True

    def check(
        self,
        look: Look,
        path: str,
        member: str | None,
        ref: str,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> bytes:
        """Let a child do a look first, where there can be one.

        Parameters
        ----------
        look : callable
        path : str
        member : str, optional
        ref : str
            What messages call it.
        meanwhile : callable
            Called while the child looks.

        Returns
        -------
        bytes
            What the look has found; nothing if it raised an error, or no child has looked.

        Raises
        ------
        MalformedInput
            The child met damage, crashed, or used up its time.
        """
        with self._turn:
            for is_last in (False, True):  # the first child may have left just now
                scout = self._ready()
                if scout is None:
                    break
                answer = scout.sees(look, path, member, meanwhile)
                if answer is not None:
                    found, damage = outcome_of(answer)
                    if damage:
                        self._end()
                        raise MalformedInput(f"{ref}: {damage}", ref=ref)
                    return found
                self._has_program = scout.is_there
                ended, self._scout = scout.ended_by(), None
                if ended in _CRASHES or (is_last and ended == _NOT_KNOWN):
                    _refuse(ended, ref)
        return b""

    def _end(self) -> None:
        """End a child that has met damage, and may crash on it yet."""
        scout, self._scout = self._scout, None
        if scout is not None:
            scout.end()

    def _ready(self) -> _Scout | None:
        """A child that can be asked; None where there can be none."""
        if self._is_child:
            return None
        if self._scout is None:
            with suppress(OSError):  # the system may have no room for one
                self._scout = self._start()
        found = self._scout
        is_elsewhere = threading.current_thread() is not threading.main_thread()
        return None if found is not None and found.watch is not None and is_elsewhere else found

    def _start(self) -> _Scout | None:
        if _may_fork():
            watch = BlockingLibraries.watch

            def fork(ask: int, answer: int, close: Close) -> int:
                pid = os.fork()
                if not pid:
                    self._is_child = True
                    close()
                    serve(ask, answer, self._forget, watch)
                return pid

            return _Scout(fork, watch, True)
        if not self._has_program:
            return None
        from concatsplit_core.formats.hdf5.scout_program import start

        return _Scout(lambda ask, answer, _: start(ask, answer), None, False)


def _refuse(ended: int, ref: str) -> NoReturn:
    why = "takes too long to read" if ended == signal.SIGXCPU else "crashes on"
    name = f" ({signal.Signals(ended).name})" if ended > 0 else ""
    raise MalformedInput(f"{ref}: the HDF5 library {why} it{name}; the file is damaged", ref=ref)


def _may_fork() -> bool:
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False
