"""The gradients of concat and split."""

from __future__ import annotations

import click

from concatsplit_cli.inputs import many_inputs
from concatsplit_cli.options import (
    Shared,
    axis_option,
    operator_options,
    order_option,
    outputs_option,
)
from concatsplit_cli.running import run

_dys = many_inputs("dys", "DY...")


@click.group()
def gradient() -> None:
    """The gradients of concat and split.

    \b
    Example:
      concatsplit gradient concat dy.npy -o 'dx{index}.npy' --split-info lengths.npy
    """


@gradient.command()
@click.argument("dy", metavar="DY")
@outputs_option
@click.option("--split-info", required=True, metavar="REF", help="Second output of the concat.")
@axis_option
@order_option
@click.option("--add-axis", is_flag=True, help="The inputs were stacked: each loses the axis.")
@operator_options
def concat(
    dy: str,
    outputs: tuple[str, ...],
    split_info: str,
    axis: int | str | None,
    order: str | None,
    add_axis: bool,
    shared: Shared,
) -> None:
    """The gradient of concat: DY split by the lengths of the inputs.

    \b
    Example:
      concatsplit gradient concat dy.npy -o 'dx{index}.npy' --split-info lengths.npy
    """
    from concatsplit_core import operators

    run(
        shared,
        operators.concat_gradient,
        dy,
        outputs,
        split_info,
        axis=axis,
        order=order,
        add_axis=add_axis,
    )


@gradient.command()
@_dys
@click.option("-o", "--output", required=True, metavar="DX", help="Where to.")
@click.option("--split-info", metavar="REF", help="Lengths of the parts; for 'zeros' needed.")
@axis_option
@order_option
@click.option("--drop-axis", is_flag=True, help="The parts had lost the axis: stack them.")
@operator_options
def split(
    dys: list[str],
    output: str,
    split_info: str | None,
    axis: int | str | None,
    order: str | None,
    drop_axis: bool,
    shared: Shared,
) -> None:
    """The gradient of split: the gradients of its parts joined.

    The word zeros in the place of a gradient stands for zeros of the length that --split-info
    gives.

    \b
    Example:
      concatsplit gradient split a.npy zeros -o dx.npy --split-info split_info.npy
    """
    from concatsplit_core import operators

    run(
        shared,
        operators.split_gradient,
        dys,
        output,
        split_info=split_info,
        axis=axis,
        order=order,
        drop_axis=drop_axis,
    )
