"""The command group, and the one place where an error becomes a message and an exit code."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import FrameType
from typing import Any, NoReturn

import click

from concatsplit_cli.lines import one_line
from concatsplit_core import __version__
from concatsplit_core.errors import ConcatsplitError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Terminated(BaseException):
    """A signal asks the process to end; what was staged is removed on the way out."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


class ReaderGone(Exception):
    """Whoever read stdout has left; Click would make an exit code of a broken pipe itself."""


COMMANDS = {
    "concat": "join",
    "stack": "join",
    "depth-concat": "join",
    "split": "cut",
    "depth-split": "cut",
    "unstack": "cut",
    "split-by-lengths": "cut",
    "reshard": "cut",
    "gradient": "gradient",
    "fetch": "blob",
    "feed": "blob",
    "undo": "blob",
    "info": "info",
    "verify": "verify",
}
"""The module of every command."""


class Commands(MutableMapping[str, click.Command]):
    """Commands by name, each imported when it is run or described."""

    def __init__(self) -> None:
        self._found: dict[str, click.Command | None] = dict.fromkeys(COMMANDS)

    def __getitem__(self, name: str) -> click.Command:
        command = self._found[name]
        if command is None:
            module = import_module(f"concatsplit_cli.commands.{COMMANDS[name]}")
            command = self._found[name] = getattr(module, name.replace("-", "_"))
        return command

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._found[name] = command

    def __delitem__(self, name: str) -> None:
        del self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


class ErrorBoundary(click.Group):
    """A group whose failures are one line on stderr and an exit code of the contract."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was parsed."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderGone from error

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command line and exit."""
        given = list(sys.argv[1:] if args is None else args)
        if not standalone_mode:
            return super().main(given, prog_name, complete_var, standalone_mode=False, **extra)
        _open_standard_descriptors()
        # NumPy's linear algebra would start threads that only wait, and none of it is used
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        if args is None and not sys.warnoptions:
            warnings.simplefilter("ignore")  # libraries' words to programmers; ours are errors
        try:
            with _signals_raise():
                code = super().main(given, prog_name, complete_var, standalone_mode=False, **extra)
            sys.stdout.flush()
        except BaseException as error:
            if "--debug" in given and not isinstance(error, SystemExit | click.exceptions.Exit):
                import traceback

                traceback.print_exc()
            _exit(error, "--json" in given)
        sys.exit(code if isinstance(code, int) else 0)


def _exit(error: BaseException, as_json: bool) -> NoReturn:
    """Say what went wrong, and leave."""
    if isinstance(error, SystemExit):
        raise error
    if isinstance(error, BrokenPipeError | ReaderGone):
        _let_go_of_stdout()
        sys.exit(0)
    code, kind, message = _verdict(error)
    if isinstance(error, click.UsageError) and error.ctx is not None:
        click.echo(error.ctx.get_usage(), err=True)
    if as_json:
        click.echo(json.dumps({"error": {"code": code, "kind": kind, "message": message}}))
    click.echo(f"concatsplit: error: {message}", err=True)
    sys.exit(code)


def _let_go_of_stdout() -> None:
    """Let what could not be written to stdout not fail once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _verdict(error: BaseException) -> tuple[int, str, str]:
    """Exit code, kind and message of an error."""
    if isinstance(error, ConcatsplitError):
        return error.exit_code, error.kind, one_line(error.message)
    if isinstance(error, click.ClickException):
        return error.exit_code, "UsageError", one_line(error.format_message())
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return 130, "Interrupted", "interrupted; nothing was left behind"
    if isinstance(error, Terminated):
        return error.exit_code, "Terminated", "terminated; nothing was left behind"
    if isinstance(error, OSError) and error.errno:
        _let_go_of_stdout()
        full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
        name = "NoSpace" if full else "IOFailure"
        return 6 if full else 7, name, one_line(f"{os.strerror(error.errno)}: {error}")
    if isinstance(error, MemoryError):
        return 10, "OverBudget", "out of memory; give a smaller --memory or fewer --jobs"
    return (
        1,
        "InternalError",
        one_line(
            f"internal error, a bug of concatsplit: {type(error).__name__}: {error}; "
            "run again with --debug for the traceback"
        ),
    )


def _open_standard_descriptors() -> None:
    """Take up descriptors 0 to 2 if they are closed, lest an output file becomes one of them."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(fd)
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Let a request to end unwind the stack, once: more of them must not stop the cleaning up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        for each in _SIGNALS:
            signal.signal(each, lambda _number, _frame: None)
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated(number)

    before = {number: signal.signal(number, end) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@click.group(
    cls=ErrorBoundary,
    commands=Commands(),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="concatsplit")
def main() -> None:
    """Join and split tensors larger than memory: .npy, HDF5 and Zarr, along any axis.

    A blob is PATH or PATH::MEMBER, such as a.npy, b.h5::/group/x or c.zarr::y.

    \b
    Example:
      concatsplit concat a.npy b.npy -o joined.zarr --axis 1
    """
