"""The command group, and the one place where an error becomes a message and an exit code."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Iterator, MutableMapping, Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from concatsplit_cli.lines import one_line
from concatsplit_cli.signals import Terminated, requests_raise, take_no_more
from concatsplit_cli.streams import (
    ReaderGone,
    let_go_of_stdout,
    open_standard_descriptors,
    out_of_memory,
    printing,
    stdout_error,
    tell,
)
from concatsplit_cli.watcher import watched
from concatsplit_core import __version__
from concatsplit_core.errors import ConcatsplitError

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
    "recover": "recover",
    "diff": "diff",
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

    watches = False
    """Whether the commands run in a process of their own."""

    def make_context(self, *given: Any, **extra: Any) -> click.Context:
        """Parse a command line; ``--help`` and ``--version`` print here."""
        with printing():
            return super().make_context(*given, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was parsed."""
        try:
            if not self.watches:
                return super().invoke(ctx)
            with watched():
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
        debugged = "--debug" in given
        open_standard_descriptors()
        # NumPy's linear algebra would start threads that only wait, and none of it is used
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        self.watches = args is None
        if args is None:
            _hush(debugged)
        with requests_raise(for_good=args is None):
            try:
                code = super().main(given, prog_name, complete_var, standalone_mode=False, **extra)
                with printing():
                    pass
            except BaseException as error:
                take_no_more()
                if debugged and not isinstance(error, SystemExit | click.exceptions.Exit):
                    import traceback

                    traceback.print_exc()
                _exit(error, "--json" in given)
        sys.exit(code if isinstance(code, int) else 0)


def _hush(debugged: bool) -> None:
    """Keep the libraries' words to programmers to themselves; ours are errors."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    if not debugged:
        sys.unraisablehook = lambda _: None  # what a finalizer raises comes too late for anybody


def _exit(error: BaseException, as_json: bool) -> NoReturn:
    """Say what went wrong, and leave."""
    if isinstance(error, SystemExit):
        raise error
    if isinstance(error, BrokenPipeError | ReaderGone):
        let_go_of_stdout()
        sys.exit(ReaderGone.exit_code)
    code, kind, message = _verdict(error)
    if isinstance(error, click.UsageError) and error.ctx is not None:
        tell(error.ctx.get_usage())
    if as_json:
        try:
            with printing():
                click.echo(json.dumps({"error": {"code": code, "kind": kind, "message": message}}))
        except (ReaderGone, ConcatsplitError):
            let_go_of_stdout()  # the exit code says it as well
    tell(f"concatsplit: error: {message}")
    sys.exit(code)


def _verdict(error: BaseException) -> tuple[int, str, str]:
    """Exit code, kind and message of an error."""
    if isinstance(error, ConcatsplitError):
        return error.exit_code, error.kind, one_line(error.message)
    if isinstance(error, click.ClickException):
        return error.exit_code, "UsageError", one_line(error.format_message())
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return 130, "Interrupted", "interrupted; nothing was left behind"
    if isinstance(error, Terminated):
        return error.exit_code, "Terminated", f"{error.reason}; nothing was left behind"
    no_room = out_of_memory(error)
    if no_room is not None:
        return 10, "OverBudget", no_room
    if isinstance(error, OSError) and error.errno:
        let_go_of_stdout()
        told = stdout_error(error)
        return told.exit_code, told.kind, one_line(told.message)
    return (
        1,
        "InternalError",
        one_line(
            f"internal error, a bug of concatsplit: {type(error).__name__}: {error}; "
            "run again with --debug for the traceback"
        ),
    )


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
