"""diff: whether two arrays are equal."""

from __future__ import annotations

import click

from concatsplit_cli.help import Command
from concatsplit_cli.option_groups import SharedValues
from concatsplit_cli.options import RAW_OPTIONS, reading_options
from concatsplit_cli.param_types import REF
from concatsplit_cli.progress import noting, progress_bar

DIFFERENT = 8
"""The exit code if the arrays are not equal."""


@click.command(cls=Command, short_help="Compare two arrays element by element.")
@click.argument("a", metavar="A", type=REF)
@click.argument("b", metavar="B", type=REF)
@click.option("--nan-equal", is_flag=True, help="Treat all NaNs as equal.")
@click.option(
    "--rtol", type=float, default=0.0, metavar="R", help="Numbers may differ by ATOL + R * abs(b)."
)
@click.option(
    "--atol", type=float, default=0.0, metavar="T", help="Numbers may differ by T + RTOL * abs(b)."
)
@RAW_OPTIONS[0]
@RAW_OPTIONS[1]
@reading_options
def diff(
    a: str,
    b: str,
    nan_equal: bool,
    rtol: float,
    atol: float,
    raw: str | None,
    offset: int,
    shared: SharedValues,
) -> None:
    """Compare two arrays element by element, in any formats: exit 0 if they are equal, else 8.

    They are equal if their shapes, dtypes and all elements are equal. Dtypes may differ in byte
    order, and in the longest text that they can hold. 0 equals -0, and a NaN equals a NaN of the
    same bits. With --rtol or --atol, numbers may differ as in numpy.isclose, and dtypes may
    differ too; integers are not rounded. Differences in dimension names, attributes and chunks
    are printed, but do not make the arrays unequal. Of two containers, the arrays with the same
    name are compared; names that only one of them has make them unequal.

    \b
    Examples:
      concatsplit diff part-0.npy part-1.npy --atol 1 --quiet
      concatsplit diff a.npy store.zarr --json
      concatsplit diff jan.nc feb.nc --json
      concatsplit diff recording.dat copy.npy --raw 'int16,*,384' --json
    """
    from concatsplit_core import operators

    with progress_bar(shared.shows_progress, "diff", has_result=True) as listen:
        difference = operators.diff(
            a,
            b,
            nan_equal=nan_equal,
            rtol=rtol,
            atol=atol,
            raw=raw,
            offset=offset,
            on_event=noting(listen, shared.quiet),
            **shared.options,
        )
    if shared.as_json or not shared.quiet:
        from concatsplit_cli.render_diff import show_difference

        show_difference(difference, shared.as_json)
    if not difference.equal:
        click.get_current_context().exit(DIFFERENT)
