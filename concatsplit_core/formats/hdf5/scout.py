"""Tries a file in a child process first: HDF5 crashes on some damaged files, or loops.

The child is forked from this process, which costs 5 ms, looks at all the files of one call, and is
gone when nobody has asked it anything for a moment. In a command, which has a child that watches it
as well, one child does both, and stays. It is only forked while this process has one thread: a lock
that another one held would stay locked in the child for ever.
"""

from __future__ import annotations

import os
import resource
import select
import signal
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

from concatsplit_core.foundation.errors import MalformedInput
from concatsplit_core.foundation.interrupts import BlockingLibraries, Watch

_IDLE_MS = 500
"""How long the child waits to be asked, before it leaves or closes its files."""
_SECONDS = 2
_BYTES_A_SECOND = 1 << 20
"""Processor time that a trial may take: a fixed part, and more for large files."""
_MEMORY = 1 << 30
"""Bytes by which the child may grow."""

_CRASHES = {
    signal.SIGSEGV,
    signal.SIGBUS,
    signal.SIGFPE,
    signal.SIGABRT,
    signal.SIGILL,
    signal.SIGXCPU,
}
"""Signals by which a child ends because of a file; others come from somebody else."""

Look = Callable[[str, str | None], bytes | None]
"""A function of a module that looks at a member of a file, or at the whole of it.

It may return what it has found; what it raises does not matter.
"""
_LENGTH, _PIECE = 8, 1 << 16
"""Bytes of the length that goes before a text, and of a piece that is read at once."""


class _Scout:
    """A child process and the pipes to it."""

    def __init__(self, forget: Callable[[], None]) -> None:
        self._watch = BlockingLibraries.watch
        ask, self._asking = os.pipe()
        self._answering, answer = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            os.close(self._asking)
            os.close(self._answering)
            _serve(ask, answer, forget, self._watch)
        if self._watch is not None:
            self._watch.entrust(self.pid)
        os.close(ask)
        os.close(answer)

    def sees(
        self, look: Look, path: str, member: str | None, meanwhile: Callable[[], None]
    ) -> bytes | None:
        """Let the child look; None where it is gone without an answer."""
        try:
            whole = os.fsencode(os.path.abspath(path))
            inner = b"" if member is None else os.fsencode(member)
            called = look.__module__.encode(), look.__name__.encode()
            question = b"\0".join((*called, whole, inner))
            _write(self._asking, question)
            meanwhile()
            size = int.from_bytes(_read(self._answering, _LENGTH), "little")
            return _read(self._answering, size)
        except (OSError, EOFError):
            return None
        except BaseException:  # a signal: nobody waits for the answer any more
            os.kill(self.pid, signal.SIGKILL)
            if self._watch is not None:
                self._watch.lost()
            raise

    def ended_by(self) -> int:
        """The signal that ended the child; 0 if it left by itself."""
        os.close(self._asking)
        os.close(self._answering)
        _, status = os.waitpid(self.pid, 0)
        if self._watch is not None:
            self._watch.lost()
        return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


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
        self._owner = 0
        self._is_child = False

    def check(
        self,
        look: Look,
        path: str,
        member: str | None,
        ref: str,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> bytes:
        """Let a child do a look first, where one may be forked.

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
            The child crashed, or used up its time.
        """
        for _ in range(2):  # the first child may have left just now
            if self._is_child or not _may_fork():
                break
            if self._scout is None or self._owner != os.getpid():
                self._scout, self._owner = self._start(), os.getpid()
            if self._scout is None:
                break
            found = self._scout.sees(look, path, member, meanwhile)
            if found is not None:
                return found
            ended, self._scout = self._scout.ended_by(), None
            if ended in _CRASHES:
                _refuse(ended, ref)
        return b""

    def _start(self) -> _Scout | None:
        """A new child; None where the system has no room for one."""
        self._is_child = True  # a child looks without another child
        try:
            return _Scout(self._forget)
        except OSError:
            return None
        finally:
            self._is_child = False


def _refuse(ended: int, ref: str) -> NoReturn:
    why = "takes too long to read" if ended == signal.SIGXCPU else "crashes on"
    name = signal.Signals(ended).name
    raise MalformedInput(f"{ref}: the HDF5 library {why} it ({name}); the file is damaged", ref=ref)


def _may_fork() -> bool:
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


def _serve(ask: int, answer: int, forget: Callable[[], None], watch: Watch | None) -> NoReturn:
    """Answer what is asked, and watch; nothing of what is looked at is seen or heard outside."""
    try:
        if watch is not None:
            watch.settle((ask, answer))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
            signal.signal(number, signal.SIG_IGN)
        nowhere = _nowhere()
        for standard in (0, 1, 2):
            os.dup2(nowhere, standard)
        os.chdir("/")  # a file system that it stood in could not be unmounted
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _limit_memory()
        waiting = select.poll()
        for fd in (ask,) if watch is None else (ask, watch.reading):
            waiting.register(fd, select.POLLIN)
        patience: int | None = _IDLE_MS
        while (ready := waiting.poll(patience)) or watch is not None:
            if not ready:
                forget()
                patience = None
            elif watch is not None and any(fd == watch.reading for fd, _ in ready):
                watch.hear()
            else:
                patience = _IDLE_MS
                _answer(ask, answer)
    finally:
        os._exit(0)


def _answer(ask: int, answer: int) -> None:
    """Do one look."""
    question = _read(ask, int.from_bytes(_read(ask, _LENGTH), "little"))
    module, look, path, member = question.split(b"\0")
    found = None
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    with suppress(BaseException):  # whoever asked will meet it as well
        name = os.fsdecode(path)
        _limit_time(os.stat(name).st_size)
        function = getattr(import_module(module.decode()), look.decode())
        found = function(name, os.fsdecode(member) if member else None)
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)  # from now on it is meant for somebody else
    _write(answer, found or b"")


def _write(fd: int, text: bytes) -> None:
    """Write a text to a pipe, its length first."""
    left = memoryview(len(text).to_bytes(_LENGTH, "little") + text)
    while left:
        left = left[os.write(fd, left) :]


def _read(fd: int, size: int) -> bytes:
    """So many bytes out of a pipe.

    Raises
    ------
    EOFError
        The other side has closed it.
    """
    found = bytearray()
    while len(found) < size:
        piece = os.read(fd, min(size - len(found), _PIECE))
        if not piece:
            raise EOFError
        found += piece
    return bytes(found)


def _nowhere() -> int:
    try:
        return os.open(os.devnull, os.O_RDWR)
    except OSError:  # not every root has a /dev/null
        return os.memfd_create("nowhere")


def _limit_memory() -> None:
    with open("/proc/self/statm") as statm:
        size = int(statm.read().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (size + _MEMORY, hard))


def _limit_time(nbytes: int) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = int(used.ru_utime + used.ru_stime) + 1 + _SECONDS + nbytes // _BYTES_A_SECOND
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
