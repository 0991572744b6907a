"""Printing to stdout and stderr, also if they are closed, full, or their reader has gone."""

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

from concatsplit_core.foundation.errors import ConcatsplitError, IOFailure, NoSpace

_LONGEST = 4000
"""Characters of the longest message."""
_NO_MEMORY = ("cannot allocate memory", "failed to map segment", "can't start new thread")
"""Parts of messages, from Python and the loader of libraries, that mean a lack of memory."""


class ReaderGone(Exception):
    """The reader of stdout has closed it; Click would turn a broken pipe into its own exit code."""

    exit_code = 141


def open_standard_descriptors() -> None:
    """Open descriptors 0 to 2 if they are closed, so that no output file gets one of them.

    Reading such a stdin and writing to such a stdout still fail, as they do if closed.
    """
    closed = [fd for fd in range(3) if not _is_open(fd)]
    if closed:
        low = os.pipe()
        reading, writing = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3) for fd in low)
        for fd, instead in ((0, writing), (1, reading), (2, open_null())):
            if fd in closed:
                os.dup2(instead, fd)
        for fd in {*low, reading, writing}:
            if fd > 2:
                os.close(fd)
    if sys.stdout is None or _loses_short_writes(sys.stdout):
        before: Any = sys.stdout
        encoding, errors = getattr(before, "encoding", None), getattr(before, "errors", None)
        sys.stdout = open(1, "w", closefd=False, encoding=encoding, errors=errors)
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)


def _loses_short_writes(stream: TextIO) -> bool:
    """Whether the stream drops what a pipe did not take at once, as under PYTHONUNBUFFERED."""
    return isinstance(getattr(stream, "buffer", None), io.FileIO)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def open_null() -> int:
    """A descriptor that accepts all writes; a chroot may have no /dev/null."""
    try:
        return os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return os.memfd_create("null")


def discard_stdout() -> None:
    """Discard what stdout still has to write, so that it does not fail again at exit."""
    fd = open_null()
    os.dup2(fd, 1)
    os.close(fd)


def one_line(text: str) -> str:
    """A message without line breaks and other control characters, which a name may contain."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class Partly(Exception):
    """An error that came when part of what was asked for had been found.

    Parameters
    ----------
    error : Exception
    found : dict
        What stands beside the error in JSON.
    """

    def __init__(self, error: Exception, found: dict[str, Any]) -> None:
        super().__init__(str(error))
        self.error, self.found = error, found


def message_line(text: str) -> str:
    """A message as one line that a person can still read, whatever was given as a name."""
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]} ... {text[-_LONGEST // 4 :]}"
    return one_line(text)


def terminal_width(stream: TextIO) -> int | None:
    """The columns of the terminal that a stream is; None if it is none."""
    if not stream.isatty():
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or _USUAL_WIDTH
    except (OSError, ValueError):
        return _USUAL_WIDTH


_USUAL_WIDTH = 80


class DrawnLine:
    """A line on the terminal that stderr is, drawn again and again inside a context."""

    current: DrawnLine | None = None
    """The one that may be visible."""

    def __init__(self) -> None:
        self._is_visible = False

    def __enter__(self) -> DrawnLine:
        DrawnLine.current = self
        return self

    def __exit__(self, *_: object) -> None:
        DrawnLine.current = None
        self.hide()

    def draw(self, text: str) -> None:
        """Draw the line in place of what it was."""
        self._write(f"\r{text}\x1b[K")
        self._is_visible = True

    def hide(self) -> None:
        """Clear it, for a message to take its place."""
        if self._is_visible:
            self._write("\r\x1b[K")
            self._is_visible = False

    @staticmethod
    def _write(text: str) -> None:
        with suppress(OSError, ValueError):  # ValueError: closed
            sys.stderr.write(text)
            sys.stderr.flush()


def print_to_stderr(text: str) -> None:
    """Print on stderr; errors are ignored, since a run must not fail because of its messages."""
    if DrawnLine.current is not None:
        DrawnLine.current.hide()
    with suppress(OSError):
        click.echo(text, err=True)


@contextmanager
def checked_stdout(note: str = "") -> Iterator[None]:
    """Flush stdout at the end of the context, and translate its errors.

    Parameters
    ----------
    note : str
        The end of the error message, such as that the outputs are complete.

    Raises
    ------
    ReaderGone
        The reader of stdout has closed it.
    NoSpace, IOFailure
        Stdout cannot be written to.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise ReaderGone from error
    except OSError as error:
        if isinstance(error, ConcatsplitError):
            raise
        discard_stdout()
        raise stdout_error(error, note) from error


def stdout_error(error: OSError, note: str = "") -> ConcatsplitError:
    """Our error for a system error about stdout, or about the file that the error names."""
    if error.filename is None and error.errno == errno.EBADF:
        return IOFailure(f"stdout: is closed{note}", ref="-")
    reason = os.strerror(error.errno) if error.errno else str(error)
    kind = NoSpace if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} else IOFailure
    name = "stdout" if error.filename is None else os.fsdecode(error.filename)
    return kind(f"{name}: {reason[0].lower()}{reason[1:]}{note}", ref="-")


def out_of_memory_message(error: BaseException) -> str | None:
    """The message if an error means that the system refused memory or a thread; else None."""
    text = str(error).lower()
    is_refused = isinstance(error, MemoryError) or (
        isinstance(error, ImportError | RuntimeError | OSError)
        and any(part in text for part in _NO_MEMORY)
    )
    if not is_refused:
        return None
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return "out of memory; give a smaller --memory or fewer --jobs"
    return (
        f"out of memory: the address space is limited to {limit >> 10} KiB; raise the limit with "
        "ulimit -v, or give a smaller --memory or fewer --jobs"
    )
