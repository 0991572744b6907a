"""Options of commands that work on data sets."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from concatsplit_cli.option_groups import OptionGroup
from concatsplit_cli.param_types import MEMBERS, NAMED

_SELECTION = OptionGroup(
    click.option(
        "--members",
        metavar="PATTERN,...",
        type=MEMBERS,
        help="Take only these arrays of each file.",
    ),
    click.option(
        "--array",
        "arrays",
        type=NAMED,
        multiple=True,
        help="One array of a data set of several files. In place of INPUT.",
    ),
    click.option(
        "--carry",
        type=click.Choice(["check", "first", "drop"]),
        default="check",
        show_default=True,
        help="Arrays without the axis: check, first or drop. Copy them if they are equal in "
        "all inputs (check), copy those of the first input (first), or leave them out (drop).",
    ),
    click.option(
        "--missing",
        type=click.Choice(["refuse", "fill"]),
        default="refuse",
        show_default=True,
        help="If an input lacks an array: refuse or fill. Fill values take the place of what "
        "is missing.",
    ),
    click.option(
        "--history",
        is_flag=True,
        help="Add this command line to the history. The attribute history gets the time and the "
        "command line, as NCO does.",
    ),
)


def data_set_options[R](function: Callable[..., R]) -> Callable[..., R]:
    """Add the options that choose arrays; the command gets them as one dict, ``selection``."""

    @functools.wraps(function)
    def command(**values: Any) -> R:
        return function(selection=_SELECTION.pop_from(values), **values)

    wrapped: Callable[..., R] = _SELECTION.add_to(command)
    return wrapped
