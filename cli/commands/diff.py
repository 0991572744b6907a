"""Whether two arrays are equal."""

from __future__ import annotations

import sys

import click

from concatsplit_cli.options import (
    debug_option,
    follow_links_option,
    jobs_option,
    json_option,
    memory_option,
    progress_option,
)
from concatsplit_cli.progress import progress_bar

DIFFERENT = 8
"""The exit code of arrays that are not equal."""


@click.command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--nan-equal", is_flag=True, help="Any NaN equals any NaN.")
@click.option(
    "--rtol", type=float, default=0.0, metavar="R", help="Numbers may differ by ATOL + R * abs(b)."
)
@click.option(
    "--atol", type=float, default=0.0, metavar="T", help="Numbers may differ by T + RTOL * abs(b)."
)
@memory_option
@jobs_option
@follow_links_option
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Print nothing; the exit code says it.")
@progress_option
@debug_option
def diff(
    a: str,
    b: str,
    nan_equal: bool,
    rtol: float,
    atol: float,
    memory: str | None,
    jobs: int | None,
    follow_links: bool,
    as_json: bool,
    quiet: bool,
    progress: bool | None,
    debug: bool,
) -> None:
    """Compare two arrays element by element, in any formats: exit 0 if they are equal, else 8.

    They are equal if their shapes, dtypes and all elements are. Byte order is no part of a dtype,
    nor is the room that texts have. 0 equals -0, and a NaN equals a NaN of the same bits. With
    --rtol or --atol numbers may differ as in numpy.isclose, and the dtypes as well; integers are
    not rounded. Names of axes, attributes and chunks that differ are told and do not count.

    \b
    Examples:
      concatsplit diff part-0.npy part-1.npy --atol 1 --quiet
      concatsplit diff a.npy store.zarr --json
    """
    from concatsplit_core import operators

    shown = not quiet and (sys.stderr.isatty() if progress is None else progress)
    with progress_bar(shown, "diff") as listen:
        found = operators.diff(
            a, b, nan_equal=nan_equal, rtol=rtol, atol=atol, memory=memory, jobs=jobs,
            follow_links=follow_links, on_event=listen,
        )  # fmt: skip
    if as_json or not quiet:
        from concatsplit_cli.render_diff import show_difference

        show_difference(found, as_json)
    if not found.equal:
        click.get_current_context().exit(DIFFERENT)
