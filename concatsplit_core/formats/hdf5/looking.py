"""The child's side of a trial: it looks at files when it is asked to, and takes the crashes."""

from __future__ import annotations

import os
import resource
import select
import signal
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

from concatsplit_core.foundation.interrupts import Watch

_IDLE_MS = 500
"""How long the child waits to be asked, before it leaves or closes its files."""
_SECONDS = 2
_BYTES_A_SECOND = 1 << 20
"""Processor time that a trial may take: a fixed part, and more for large files."""
_MEMORY = 1 << 30
"""Bytes by which the child may grow."""
_LENGTH, _PIECE = 8, 1 << 16
"""Bytes of the length that goes before a text, and of a piece that is read at once."""

_FOUND, _DAMAGED = b"\0", b"\1"
"""How an answer begins: with what a look has found, or with what is damaged."""

_answering: list[int] = []
"""The pipe to whoever waits for an answer."""


def note_damage(what: str) -> None:
    """Answer at once what is damaged in the file: HDF5 crashes on some of its own errors."""
    if _answering:
        write_text(_answering.pop(), _DAMAGED + what.encode())


def serve(
    ask: int, answer: int, forget: Callable[[], None], watch: Watch | None, stays_ms: int = 0
) -> NoReturn:
    """Answer what is asked, and watch; nothing of what is looked at is seen or heard outside.

    Parameters
    ----------
    ask, answer : int
        Pipes to the process that asks.
    forget : callable
        Closes the files that a look has left open.
    watch : Watch, optional
        The child stays for ever to watch, or until there is nobody to be watched.
    stays_ms : int
        How long the child stays after it has closed its files, where it does not watch.
    """
    try:
        if watch is not None:
            watch.prepare_child((ask, answer))
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
        has_files, last = True, stays_ms if watch is None else None
        while True:
            ready = waiting.poll(_IDLE_MS if has_files else last)
            if not ready and not (has_files and last != 0):
                break
            if not ready:
                forget()
                has_files = False
            elif watch is not None and any(fd == watch.reading for fd, _ in ready):
                watch.hear()
            else:
                has_files = True
                _answer(ask, answer)
    finally:
        os._exit(0)


def _answer(ask: int, answer: int) -> None:
    """Do one look."""
    module, look, path, member = read_text(ask).split(b"\0")

    def found() -> bytes | None:
        name = os.fsdecode(path)
        _limit_time(os.stat(name).st_size)
        function = getattr(import_module(module.decode()), look.decode())
        given: bytes | None = function(name, os.fsdecode(member) if member else None)
        return given

    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    answer_with(answer, found)
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)  # from now on it is meant for somebody else


def answer_with(answer: int, look: Callable[[], bytes | None]) -> None:
    """Write what a look has found to a pipe, unless it has met damage."""
    _answering[:] = [answer]
    found = None
    with suppress(BaseException):  # whoever asked will meet it as well
        found = look()
    if _answering:
        write_text(_answering.pop(), _FOUND + (found or b""))


def outcome_of(answer: bytes) -> tuple[bytes, str]:
    """What a look has found, and what is damaged; one of them is empty."""
    if answer.startswith(_DAMAGED):
        return b"", answer[1:].decode()
    return answer[1:], ""


def write_text(fd: int, text: bytes) -> None:
    """Write a text to a pipe, its length first."""
    left = memoryview(len(text).to_bytes(_LENGTH, "little") + text)
    while left:
        left = left[os.write(fd, left) :]


def read_text(fd: int) -> bytes:
    """Read a text out of a pipe.

    Raises
    ------
    EOFError
        The other side has closed it.
    """
    return _read(fd, int.from_bytes(_read(fd, _LENGTH), "little"))


def _read(fd: int, size: int) -> bytes:
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
