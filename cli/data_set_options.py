"""Options of commands that work on data sets."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from concatsplit_cli.options import OptionGroup
from concatsplit_cli.param_types import NAMED

_SELECTION = OptionGroup(
    click.option(
        "--members", metavar="PATTERN,...", help="Take only these arrays of every container."
    ),
    click.option(
        "--array",
        "arrays",
        type=NAMED,
        multiple=True,
        help="Make a data set of several files: one NAME for each array. In place of INPUT.",
    ),
    click.option(
        "--carry",
        type=click.Choice(["check", "first", "drop"]),
        default="check",
        show_default=True,
        help="Arrays without the axis: copy them if they are equal in all inputs, copy those of "
        "the first input, or leave them out.",
    ),
    click.option(
        "--missing",
        type=click.Choice(["refuse", "fill"]),
        default="refuse",
        show_default=True,
        help="If inputs do not hold the same arrays: an error, or fill values for what is missing.",
    ),
    click.option(
        "--history",
        is_flag=True,
        help="Add the time and this command line to the attribute history, as NCO does.",
    ),
)


def data_set_options[R](function: Callable[..., R]) -> Callable[..., R]:
    """Add the options that choose arrays; the command gets them as one dict, ``selection``."""

    @functools.wraps(function)
    def command(**values: Any) -> R:
        return function(selection=_SELECTION.pop_from(values), **values)

    wrapped: Callable[..., R] = _SELECTION.add_to(command)
    return wrapped
