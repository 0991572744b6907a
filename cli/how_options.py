"""Options that say where a split is cut."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from concatsplit_cli.option_groups import OptionGroup
from concatsplit_cli.options import names_option
from concatsplit_cli.param_types import INTEGERS, REF

_HOW = OptionGroup(
    click.option("--parts", type=int, metavar="K", help="Cut into K equal parts."),
    click.option(
        "--uneven",
        type=click.Choice(["balanced", "trailing"]),
        help="10 in 3 is 4,3,3 (balanced) or 4,4,2 (trailing). Without it, the length must be a "
        "multiple of --parts.",
    ),
    click.option("--size", type=int, metavar="N", help="Cut into parts of length N."),
    click.option(
        "--remainder",
        type=click.Choice(["keep", "drop", "error"]),
        help="Shorter last part of --size: keep, drop, error.  [default: keep]",
    ),
    click.option(
        "--hop", type=int, metavar="M", help="With --size: cut whole windows, one every M."
    ),
    click.option("--lengths", type=INTEGERS, help="Lengths of the parts; one may be -1, the rest."),
    click.option(
        "--lengths-from",
        metavar="REF",
        type=REF,
        help="Read the lengths from an array. It is an integer vector, such as a split_info.",
    ),
    click.option("--at", type=INTEGERS, help="Cut at these positions, as numpy.split does."),
    click.option(
        "--ratio",
        metavar="A:B:...",
        help="Proportions of the parts, such as 8:1:1. Also 0.8,0.1,0.1 and 80%,10%,10%.",
    ),
    click.option(
        "--range",
        metavar="START:STOP",
        help="Cut out one part: 3:8, :8, -3:. It takes what a slice in Python takes.",
    ),
    click.option("--max-bytes", metavar="SIZE", help="Parts of at most SIZE of array data each."),
    click.option(
        "--by-array",
        is_flag=True,
        default=None,
        help="With --max-bytes: share out whole arrays. No array is cut; those of a data set "
        "go to files of at most SIZE each. Files of safetensors get an index.",
    ),
    click.option(
        "--only",
        metavar="0-3,8",
        help="Write only these parts. They keep their numbers; one part may have one plain name.",
    ),
    names_option,
)


def how_options[R](function: Callable[..., R]) -> Callable[..., R]:
    """Add the options that say where to cut; the command gets them as one dict, ``how``."""

    @functools.wraps(function)
    def command(**values: Any) -> R:
        how = _HOW.pop_from(values)
        how["by_array"] = how["by_array"] or None
        if how["max_bytes"] is not None:
            from concatsplit_core.foundation.sizes import parse_size

            how["max_bytes"] = parse_size(how["max_bytes"], "--max-bytes")
        return function(how=how, **values)

    wrapped: Callable[..., R] = _HOW.add_to(command)
    return wrapped
