"""Inputs of commands that take many: named one by one, or in a list."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import click

_OPTIONS = (
    click.option(
        "--files-from",
        metavar="FILE|-",
        help="Read input references from FILE, or from stdin, one a line; # starts a comment.",
    ),
    click.option(
        "-0",
        "null",
        is_flag=True,
        help="References of --files-from end in NUL, not in a line's end.",
    ),
)


def many_inputs(name: str, metavar: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add an argument of many references, and a list of more of them.

    Parameters
    ----------
    name : str
        The parameter under which the command gets all references, those of the list behind the
        others.
    metavar : str
        What the help calls them.
    """

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def command(files_from: str | None, null: bool, **values: Any) -> Any:
            has_others = bool(values.get("selection", {}).get("arrays"))
            found = _all(values[name], files_from, null)
            if not found and not has_others:
                what = metavar.rstrip(".")
                raise click.UsageError(f"no inputs: name at least one {what}, or give --files-from")
            values[name] = found
            return function(**values)

        wrapped: Callable[..., Any] = command
        for option in reversed(_OPTIONS):
            wrapped = option(wrapped)
        return click.argument(name, nargs=-1, metavar=metavar)(wrapped)

    return add


def _all(inputs: tuple[str, ...], files_from: str | None, null: bool) -> list[str]:
    """References of the command line, then those of a list."""
    if null and files_from is None:
        raise click.UsageError("-0 goes with --files-from")
    names = list(inputs)
    if files_from is not None:
        from concatsplit_core.endpoints.references import parse_list, read_list

        if files_from == "-" and "-" in names:
            raise click.UsageError("stdin is either an input (-) or the list of --files-from -")
        if files_from == "-":
            names += parse_list(sys.stdin.buffer.read(), null=null)
        else:
            names += read_list(files_from, null=null)
    if names.count("-") > 1:
        raise click.UsageError("stdin (-) is one input; it cannot be read twice")
    return names
