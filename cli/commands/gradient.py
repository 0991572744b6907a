"""The gradients of concat and split."""

from __future__ import annotations

import click

from concatsplit_cli.help import CommandGroup
from concatsplit_cli.inputs import many_inputs
from concatsplit_cli.option_groups import SharedValues
from concatsplit_cli.options import (
    axis_option,
    operator_options,
    order_option,
    outputs_option,
)
from concatsplit_cli.param_types import REF
from concatsplit_cli.run_operator import run_operator

_dys = many_inputs("dys", "DY...")


@click.group(cls=CommandGroup)
def gradient() -> None:
    """The gradients of concat and split.

    \b
    Example:
      concatsplit gradient concat dy.npy -o 'dx{index}.npy' --split-info lengths.npy
    """


@gradient.command(short_help="Split the gradient of a join.")
@click.argument("dy", metavar="DY", type=REF)
@outputs_option
@click.option(
    "--split-info",
    required=True,
    metavar="REF",
    type=REF,
    help="The split_info that the concat wrote.",
)
@axis_option
@order_option
@click.option("--add-axis", is_flag=True, help="The concat added the axis: drop it again.")
@operator_options
def concat(
    dy: str,
    outputs: tuple[str, ...],
    split_info: str,
    axis: int | str | None,
    order: str | None,
    add_axis: bool,
    shared: SharedValues,
) -> None:
    """The gradient of concat: split DY by the lengths of the concat's inputs.

    \b
    Example:
      concatsplit gradient concat dy.npy -o 'dx{index}.npy' --split-info lengths.npy
    """
    from concatsplit_core import operators

    run_operator(
        shared,
        operators.concat_gradient,
        dy,
        outputs,
        split_info,
        axis=axis,
        order=order,
        add_axis=add_axis,
    )


@gradient.command(short_help="Join the gradients of a split.")
@_dys
@click.option("-o", "--output", required=True, metavar="DX", type=REF, help="Output.")
@click.option(
    "--split-info", metavar="REF", type=REF, help="Lengths of the parts; needed for 'zeros'."
)
@axis_option
@order_option
@click.option(
    "--drop-axis",
    is_flag=True,
    help="The split dropped the axis: add it again. The DYs are stacked.",
)
@operator_options
def split(
    dys: list[str],
    output: str,
    split_info: str | None,
    axis: int | str | None,
    order: str | None,
    drop_axis: bool,
    shared: SharedValues,
) -> None:
    """The gradient of split: join the gradients of its parts.

    If a part has no gradient, write zeros in its place. Its length is read from --split-info.

    \b
    Example:
      concatsplit gradient split a.npy zeros -o dx.npy --split-info split_info.npy
    """
    from concatsplit_core import operators

    run_operator(
        shared,
        operators.split_gradient,
        dys,
        output,
        split_info=split_info,
        axis=axis,
        order=order,
        drop_axis=drop_axis,
    )
