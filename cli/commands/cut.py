"""One array to many: split and unstack."""

from __future__ import annotations

import click
from concatsplit_cli.options import Shared, axis_option, operator_options
from concatsplit_cli.params import INTEGERS
from concatsplit_cli.progress import progress_bar
from concatsplit_cli.render import show_result

_outputs = click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    required=True,
    metavar="REF",
    help="Where to: once a part, or a template with {index} {count} {start} {stop} {stem}, "
    "or a folder.",
)


@click.command()
@click.argument("input", metavar="INPUT")
@_outputs
@axis_option
@click.option("--drop-axis", is_flag=True, help="Parts of length 1 lose the axis.")
@click.option("--parts", type=int, metavar="K", help="K equal parts.")
@click.option(
    "--uneven",
    type=click.Choice(["balanced", "trailing"]),
    help="Where --parts does not divide: 4,3,3 or 4,4,2.",
)
@click.option("--size", type=int, metavar="N", help="Parts of length N.")
@click.option(
    "--remainder",
    type=click.Choice(["keep", "drop", "error"]),
    help="A shorter last part of --size.  [default: keep]",
)
@click.option("--lengths", type=INTEGERS, help="Parts of these lengths.")
@click.option("--at", type=INTEGERS, help="Cut at these positions, as numpy.split does.")
@operator_options
def split(
    input: str,
    outputs: tuple[str, ...],
    axis: int,
    drop_axis: bool,
    parts: int | None,
    uneven: str | None,
    size: int | None,
    remainder: str | None,
    lengths: list[int] | None,
    at: list[int] | None,
    shared: Shared,
) -> None:
    """Cut an array into parts along an axis.

    Without a way to cut: as many equal parts as there are -o names. The parts appear together, or
    none of them does.

    \b
    Examples:
      concatsplit split a.npy -o left.npy -o right.npy --axis 1
      concatsplit split a.npy -o 'shard-{index:05d}-of-{count:05d}.npy' --parts 3 --uneven balanced
      concatsplit split a.npy -o parts/ --size 2
      concatsplit split a.npy -o 'all.h5::part{index}' --lengths 1,3
    """
    from concatsplit_core import operators

    with progress_bar(shared.shows_progress, "split") as listen:
        result = operators.split(
            input,
            outputs,
            axis=axis,
            drop_axis=drop_axis,
            parts=parts,
            uneven=uneven,
            size=size,
            remainder=remainder,
            lengths=lengths,
            at=at,
            on_event=listen,
            **shared.options,
        )
    show_result(result, shared.as_json, shared.quiet)


@click.command()
@click.argument("input", metavar="INPUT")
@_outputs
@axis_option
@operator_options
def unstack(input: str, outputs: tuple[str, ...], axis: int, shared: Shared) -> None:
    """Cut an array into its items along an axis, which they lose, as numpy.unstack does.

    \b
    Example:
      concatsplit unstack a.npy -o 'row-{index}.npy'
    """
    from concatsplit_core import operators

    with progress_bar(shared.shows_progress, "unstack") as listen:
        result = operators.unstack(input, outputs, axis, on_event=listen, **shared.options)
    show_result(result, shared.as_json, shared.quiet)
