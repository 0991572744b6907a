"""The command group; here every error becomes a message and an exit code."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, MutableMapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

import click

from concatsplit_cli.allocation import keep_freed_memory
from concatsplit_cli.ending import end_at_once
from concatsplit_cli.environment import is_asked, origin
from concatsplit_cli.help import CommandGroup, eager_flag
from concatsplit_cli.signals import (
    Terminated,
    ignore_further_signals,
    is_the_command,
    signals_raise,
)
from concatsplit_cli.streams import (
    Partly,
    ReaderGone,
    checked_stdout,
    discard_stdout,
    message_line,
    open_standard_descriptors,
    out_of_memory_message,
    print_to_stderr,
    stdout_error,
)
from concatsplit_cli.watcher import watched
from concatsplit_core import __version__
from concatsplit_core.foundation.errors import ConcatsplitError, InputUnavailable

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
    "stage": "staged",
    "run": "staged",
    "commit": "staged",
    "discard": "staged",
    "diff": "diff",
    "verify": "verify",
    "help": "help",
}
"""The module of every command."""


class Commands(MutableMapping[str, click.Command]):
    """All commands by name; a command's module is imported when the command is first used."""

    def __init__(self) -> None:
        self._loaded: dict[str, click.Command | None] = dict.fromkeys(COMMANDS)

    def __getitem__(self, name: str) -> click.Command:
        command = self._loaded[name]
        if command is None:
            module = import_module(f"concatsplit_cli.commands.{COMMANDS[name]}")
            command = self._loaded[name] = getattr(module, name.replace("-", "_"))
        return command

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded)

    def __len__(self) -> int:
        return len(self._loaded)


class ErrorBoundary(CommandGroup):
    """A command group that turns every error into one line on stderr and an exit code."""

    has_watcher = False
    """Whether a child process watches the command; false if a program calls `main` itself."""
    words: Sequence[str] = ()
    """The command line."""
    context: click.Context | None = None
    """Of the command line, when it is parsed."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Parse a command line; ``--help`` and ``--version`` print here."""
        with checked_stdout():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was parsed."""
        self.context = ctx
        try:
            if not self.has_watcher:
                return super().invoke(ctx)
            keep_freed_memory()
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
        self.context = None
        self.words = words = list(sys.argv[1:] if args is None else args)
        if not standalone_mode:
            return super().main(words, prog_name, complete_var, standalone_mode=False, **extra)
        if "_CONCATSPLIT_COMPLETE" in os.environ:
            from concatsplit_cli.completion import register

            register()
        is_debug = is_asked("--debug", words)
        open_standard_descriptors()
        # NumPy's linear algebra is not used; without this it starts threads that only wait.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        if sys.implementation.name == "cpython":  # else zstandard compiles a pattern to find out
            os.environ.setdefault("PYTHON_ZSTANDARD_IMPORT_POLICY", "cext")
        self.has_watcher = args is None
        if args is None:
            _silence_libraries(is_debug)
            _leave_out_docstrings()
        with signals_raise(until_exit=args is None):
            try:
                code = super().main(words, prog_name, complete_var, standalone_mode=False, **extra)
                with checked_stdout():
                    pass
            except BaseException as error:
                ignore_further_signals()
                if is_debug and not isinstance(error, SystemExit | click.exceptions.Exit):
                    import traceback

                    traceback.print_exc()
                code = _report(error, words, self.context)
        code = code if isinstance(code, int) else 0
        if args is None and is_the_command():
            end_at_once(code)
        sys.exit(code)


def _silence_libraries(is_debug: bool) -> None:
    """Hide the warnings of libraries, which are meant for programmers."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    if not is_debug:
        sys.unraisablehook = lambda _: None  # errors in finalizers do not change the result


_DOCSTRINGS = ("numpy._core._add_newdocs", "numpy._core._add_newdocs_scalars")
"""Modules of NumPy that do nothing but give docstrings to what is written in C."""


def _leave_out_docstrings() -> None:
    """Have NumPy imported without these docstrings: a ninth of the time that its import takes.

    No command reads them, and NumPy does without them under ``python -OO`` as well.
    """
    if "numpy" not in sys.modules:
        for name in _DOCSTRINGS:
            sys.modules[name] = _LoadedIfUsed(name)


class _LoadedIfUsed(ModuleType):
    """Stands for a module until something in it is asked for, as another NumPy may do."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what is asked of any module
            raise AttributeError(name)
        if sys.modules[self.__name__] is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


def _report(error: BaseException, words: Sequence[str], context: click.Context | None) -> int:
    """Print the message of an error, and return the exit code."""
    if isinstance(error, SystemExit):
        raise error
    if isinstance(error, BrokenPipeError | ReaderGone):
        discard_stdout()
        return ReaderGone.exit_code
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        print_to_stderr(error.format_message())
        return error.exit_code
    beside: dict[str, Any] = {}
    if isinstance(error, Partly):
        beside, error = error.found, error.error
    code, kind, message = _describe(error, words)
    if isinstance(error, ConcatsplitError | click.ClickException):
        message = message.rstrip(".") + where if (where := origin(message, context)) else message
    if isinstance(error, click.UsageError) and error.ctx is not None:
        print_to_stderr(error.ctx.get_usage())
    if is_asked("--json", words):
        import json

        try:
            with checked_stdout():
                described = {"code": code, "kind": kind, "message": message}
                click.echo(json.dumps({**beside, "error": described}, allow_nan=False))
        except (ReaderGone, ConcatsplitError):
            discard_stdout()  # the message on stderr and the exit code remain
    print_to_stderr(f"concatsplit: error: {message}")
    return code


def _describe(error: BaseException, words: Sequence[str]) -> tuple[int, str, str]:
    """The exit code, kind and message of an error."""
    if isinstance(error, ConcatsplitError):
        notes = "".join(f"; {note}" for note in getattr(error, "__notes__", ()))
        message = error.message + _hint(error, words) + notes
        return error.exit_code, error.kind, message_line(message)
    if isinstance(error, click.ClickException):
        from concatsplit_cli.suggestions import message_of

        return error.exit_code, "UsageError", message_line(message_of(error, words))
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return 130, "Interrupted", f"interrupted; {_left_by(error)}"
    if isinstance(error, Terminated):
        return error.exit_code, "Terminated", f"{error.reason}; {_left_by(error)}"
    memory_message = out_of_memory_message(error)
    if memory_message is not None:
        return 10, "OverBudget", memory_message
    if isinstance(error, OSError) and error.errno:
        discard_stdout()
        io_error = stdout_error(error)
        return io_error.exit_code, io_error.kind, message_line(io_error.message)
    return (
        1,
        "InternalError",
        message_line(
            f"internal error, a bug of concatsplit: {type(error).__name__}: {error}; "
            "run again with --debug for the traceback"
        ),
    )


def _left_by(error: BaseException) -> str:
    """What an interrupted run has left behind; a run that can be resumed notes it in the error."""
    cause = error.__cause__ or error  # Click raises its own error from an interrupt
    notes: list[str] = getattr(cause, "__notes__", [])
    return message_line("; ".join(notes)) or "nothing was left behind"


def _hint(error: ConcatsplitError, words: Sequence[str]) -> str:
    """What may have gone wrong on the command line before the core saw it."""
    if not isinstance(error, InputUnavailable):
        return ""
    from concatsplit_cli.misplaced import list_in_words, misplaced

    return list_in_words(words) or misplaced(str(error.ref), words)


def _show_version(ctx: click.Context) -> None:
    click.echo(f"concatsplit, version {__version__}", color=ctx.color)


@click.group(
    cls=ErrorBoundary,
    commands=Commands(),
    context_settings={"help_option_names": ["-h", "--help"]},
    params=[eager_flag(["--version"], "Show the version and exit.", _show_version)],
)
def main() -> None:
    """Join and split tensors larger than memory: .npy, HDF5, Zarr and safetensors, along any axis.

    An array (a blob) is named by its file, and by its own name if the file holds several:
    PATH or PATH::MEMBER, such as a.npy, b.h5::/group/x or c.zarr::y.

    \b
    Examples:
      concatsplit concat a.npy b.npy -o joined.zarr --axis 1
      concatsplit split a.npy -o 'half-{index}.npy' --parts 2

    Options also come from the environment: concatsplit help environment
    """
