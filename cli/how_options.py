"""Options that say where a split is cut."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from concatsplit_cli.options import OptionGroup
from concatsplit_cli.param_types import INTEGERS, RATIO

_HOW = OptionGroup(
    click.option("--parts", type=int, metavar="K", help="Cut into K equal parts."),
    click.option(
        "--uneven",
        type=click.Choice(["balanced", "trailing"]),
        help="If the length is not a multiple of --parts: 4,3,3 (balanced) or 4,4,2 (trailing).",
    ),
    click.option("--size", type=int, metavar="N", help="Cut into parts of length N."),
    click.option(
        "--remainder",
        type=click.Choice(["keep", "drop", "error"]),
        help="What to do with a shorter last part of --size.  [default: keep]",
    ),
    click.option(
        "--hop", type=int, metavar="M", help="With --size: cut whole windows, one every M."
    ),
    click.option(
        "--lengths", type=INTEGERS, help="Cut into parts of these lengths; one may be -1, the rest."
    ),
    click.option(
        "--lengths-from",
        metavar="REF",
        help="Read the lengths from an integer vector, such as a split_info.",
    ),
    click.option("--at", type=INTEGERS, help="Cut at these positions, as numpy.split does."),
    click.option("--ratio", type=RATIO, help="Cut into proportional parts, such as 8:1:1."),
    click.option(
        "--max-bytes", metavar="SIZE", help="Cut into parts of at most SIZE of array data each."
    ),
    click.option(
        "--by-array",
        is_flag=True,
        default=None,
        help="With --max-bytes: cut no array, and share out those of a data set to files of at "
        "most SIZE each. Files of safetensors get an index.",
    ),
    click.option("--only", metavar="0-3,8", help="Write only these parts."),
)


def how_options[R](function: Callable[..., R]) -> Callable[..., R]:
    """Add the options that say where to cut; the command gets them as one dict, ``how``."""

    @functools.wraps(function)
    def command(**values: Any) -> R:
        how = _HOW.pop_from(values)
        if how["max_bytes"] is not None:
            from concatsplit_core.array.sizes import parse_size

            how["max_bytes"] = parse_size(how["max_bytes"])
        return function(how=how, **values)

    wrapped: Callable[..., R] = _HOW.add_to(command)
    return wrapped
