"""Commands with many inputs: arguments, and a list in a file or on stdin."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import click

from concatsplit_cli.param_types import FILE, REF

_OPTIONS = (
    click.option(
        "--files-from",
        metavar="FILE|-",
        type=FILE,
        help="Read names of inputs from FILE, one a line. - is stdin; # starts a comment.",
    ),
    click.option(
        "-0",
        "null",
        is_flag=True,
        help="Names in --files-from end with a NUL byte. find -print0 writes such lists.",
    ),
)


def many_inputs(name: str, metavar: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add an argument for many references, and the options of --files-from.

    Parameters
    ----------
    name : str
        The parameter of the command that gets all references: the arguments, then the list.
    metavar : str
        The name of the argument in the help.
    """

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def command(files_from: str | None, null: bool, **values: Any) -> Any:
            references = _references(values[name], files_from, null)
            if not references and not values.get("arrays"):
                what = metavar.rstrip(".")
                raise click.UsageError(f"no inputs: give at least one {what}, or --files-from")
            values[name] = references
            return function(**values)

        wrapped: Callable[..., Any] = command
        for option in reversed(_OPTIONS):
            wrapped = option(wrapped)
        return click.argument(name, nargs=-1, metavar=metavar, type=REF)(wrapped)

    return add


def _references(inputs: tuple[str, ...], files_from: str | None, null: bool) -> list[str]:
    """The references on the command line, then those of the list."""
    if null and files_from is None:
        raise click.UsageError("-0 needs --files-from")
    names = list(inputs)
    if files_from is not None:
        from concatsplit_core.operators.words import references_in

        if files_from == "-" and "-" in names:
            raise click.UsageError(
                "stdin cannot be both an input (-) and the list of --files-from -"
            )
        names += references_in(sys.stdin.buffer.read() if files_from == "-" else files_from, null)
    if names.count("-") > 1:
        raise click.UsageError("stdin (-) is one input; it cannot be read twice")
    return names
