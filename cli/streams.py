"""Standard streams: closed ones, full ones, and readers that leave."""

from __future__ import annotations

import errno
import fcntl
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

import click

from concatsplit_core.errors import ConcatsplitError, IOFailure, NoSpace

_NO_ROOM = ("cannot allocate memory", "failed to map segment", "can't start new thread")
"""How the loader of libraries and Python say that there is no room."""


class ReaderGone(Exception):
    """Whoever read stdout has left; Click would make an exit code of a broken pipe itself."""

    exit_code = 141


def open_standard_descriptors() -> None:
    """Take up descriptors 0 to 2 if they are closed, lest an output file becomes one of them.

    Reading from such a stdin and writing to such a stdout fail as they do on a closed one.
    """
    closed = [fd for fd in range(3) if not _is_open(fd)]
    if closed:
        low = os.pipe()
        reading, writing = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3) for fd in low)
        for fd, instead in ((0, writing), (1, reading), (2, nowhere())):
            if fd in closed:
                os.dup2(instead, fd)
        for fd in {*low, reading, writing}:
            if fd > 2:
                os.close(fd)
    if sys.stdout is None or _may_lose(sys.stdout):
        before: Any = sys.stdout
        encoding, errors = getattr(before, "encoding", None), getattr(before, "errors", None)
        sys.stdout = open(1, "w", closefd=False, encoding=encoding, errors=errors)
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)


def _may_lose(stream: TextIO) -> bool:
    """Whether Python drops what a pipe did not take at once, as with PYTHONUNBUFFERED."""
    return isinstance(getattr(stream, "buffer", None), io.FileIO)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def nowhere() -> int:
    """A descriptor that takes what is written to it; not every root has a /dev/null."""
    try:
        return os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return os.memfd_create("nowhere")


def let_go_of_stdout() -> None:
    """Let what could not be written to stdout not fail once more at exit."""
    fd = nowhere()
    os.dup2(fd, 1)
    os.close(fd)


def tell(text: str) -> None:
    """Print on stderr; a run does not fail because nobody listens."""
    with suppress(OSError):
        click.echo(text, err=True)


@contextmanager
def printing(besides: str = "") -> Iterator[None]:
    """What is printed on stdout in this context is printed when it ends.

    Parameters
    ----------
    besides : str
        What a message adds: that the outputs are complete, for example.

    Raises
    ------
    ReaderGone
        Nobody reads it any more.
    NoSpace, IOFailure
        It cannot be written.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise ReaderGone from error
    except OSError as error:
        if isinstance(error, ConcatsplitError):
            raise
        let_go_of_stdout()
        raise stdout_error(error, besides) from error


def stdout_error(error: OSError, besides: str = "") -> ConcatsplitError:
    """What the system says against stdout, or against the file that it names, in our terms."""
    if error.filename is None and error.errno == errno.EBADF:
        return IOFailure(f"stdout: is closed{besides}", ref="-")
    reason = os.strerror(error.errno) if error.errno else str(error)
    kind = NoSpace if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} else IOFailure
    name = "stdout" if error.filename is None else os.fsdecode(error.filename)
    return kind(f"{name}: {reason[0].lower()}{reason[1:]}{besides}", ref="-")


def out_of_memory(error: BaseException) -> str | None:
    """What to do where the system gave no memory, no thread or no room for a library."""
    text = str(error).lower()
    refused = isinstance(error, MemoryError) or (
        isinstance(error, ImportError | RuntimeError | OSError)
        and any(sign in text for sign in _NO_ROOM)
    )
    if not refused:
        return None
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return "out of memory; give a smaller --memory or fewer --jobs"
    return (
        f"out of memory under a limit of {limit >> 10} KiB of address space; raise it with "
        "ulimit -v, or give a smaller --memory or fewer --jobs"
    )
