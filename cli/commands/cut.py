"""Commands with many outputs: split, depth-split, unstack, split-by-lengths and reshard."""

from __future__ import annotations

from typing import Any

import click

from concatsplit_cli.data_set_options import data_set_options
from concatsplit_cli.help import Command
from concatsplit_cli.how_options import how_options
from concatsplit_cli.inputs import many_inputs
from concatsplit_cli.option_groups import SharedValues
from concatsplit_cli.options import (
    axes_option,
    depth_order_option,
    names_option,
    operator_options,
    order_option,
    outputs_option,
)
from concatsplit_cli.param_types import REF
from concatsplit_cli.run_operator import run_operator

_inputs = many_inputs("inputs", "INPUT...")
_input = click.argument("input", metavar="INPUT", type=REF)


@click.command(cls=Command)
@_input
@outputs_option
@axes_option
@data_set_options
@order_option
@click.option("--drop-axis", is_flag=True, help="Parts of length 1 lose the axis.")
@how_options
@operator_options
def split(
    input: str,
    outputs: tuple[str, ...],
    axis: tuple[int | str, ...],
    order: str | None,
    drop_axis: bool,
    how: dict[str, Any],
    selection: dict[str, Any],
    shared: SharedValues,
) -> None:
    """Cut an array into parts along an axis.

    Without an option that says where to cut, it makes as many equal parts as there are -o names.
    All parts appear together, or none of them does.

    \b
    Examples:
      concatsplit split a.npy -o left.npy -o right.npy --axis 1
      concatsplit split a.npy -o 'shard-{index:05d}-of-{count:05d}.npy' --parts 3 --uneven balanced
      concatsplit split a.npy -o parts/ --size 2
      concatsplit split a.npy -o 'all.h5::part{index}' --lengths 1,-1
      concatsplit split a.npy -o train.npy -o val.npy --ratio 3:1
      concatsplit split a.npy -o '{name}.npy' --names fit,test --ratio 80%,20%
      concatsplit split a.npy -o middle.npy --range 1:3
      concatsplit split jan.nc::t -o 'day{index}.nc::t' --axis time --size 1
      concatsplit split jan.nc -o 'whole-day{index}.nc' --axis time --size 1
      concatsplit split m.safetensors -o 'r{index}.h5' --size 2 --axis 'q*=0' --axis '*=carry'
      concatsplit split m.safetensors -o 'm-{index}.safetensors' --by-array --max-bytes 100
    """
    from concatsplit_core import operators

    run_operator(
        shared,
        operators.split,
        input,
        outputs,
        axis=axis,
        order=order,
        drop_axis=drop_axis,
        **how,
        **selection,
    )


@click.command("depth-split", cls=Command, short_help="Cut an array along its channel axis.")
@_input
@outputs_option
@depth_order_option
@how_options
@operator_options
def depth_split(
    input: str, outputs: tuple[str, ...], order: str, how: dict[str, Any], shared: SharedValues
) -> None:
    """Cut an array along its channel axis (Caffe2's DepthSplit).

    \b
    Example:
      concatsplit depth-split a.npy -o 'channels-{index}.npy' --order CN --parts 2
    """
    from concatsplit_core import operators

    run_operator(shared, operators.depth_split, input, outputs, order, **how)


@click.command(cls=Command, short_help="Cut an array into its items along an axis.")
@_input
@outputs_option
@names_option
@axes_option
@data_set_options
@operator_options
def unstack(
    input: str,
    outputs: tuple[str, ...],
    names: str | None,
    axis: tuple[int | str, ...],
    selection: dict[str, Any],
    shared: SharedValues,
) -> None:
    """Cut an array into its items along an axis, as numpy.unstack does; the axis is dropped.

    \b
    Example:
      concatsplit unstack a.npy -o 'row-{index}.npy'
    """
    from concatsplit_core import operators

    run_operator(shared, operators.unstack, input, outputs, axis, names=names, **selection)


@click.command("split-by-lengths", cls=Command, short_help="Cut an array by a vector of lengths.")
@_input
@click.argument("lengths", metavar="LENGTHS", type=REF)
@outputs_option
@click.option("--outputs", "count", type=int, metavar="K", help="Number of outputs.")
@names_option
@axes_option
@data_set_options
@order_option
@click.option(
    "--scale",
    is_flag=True,
    help="Multiply the lengths so that they fit the axis. There must be one whole factor for all.",
)
@operator_options
def split_by_lengths(
    input: str,
    lengths: str,
    outputs: tuple[str, ...],
    count: int | None,
    names: str | None,
    axis: tuple[int | str, ...],
    order: str | None,
    scale: bool,
    selection: dict[str, Any],
    shared: SharedValues,
) -> None:
    """Cut an array by a vector of lengths (Caffe2's SplitByLengths).

    LENGTHS is an integer vector of m entries. Each of K outputs takes the sum of m/K of them.

    \b
    Example:
      concatsplit split-by-lengths a.npy lengths.npy -o 'sequence-{index}.npy'
    """
    from concatsplit_core import operators

    run_operator(
        shared,
        operators.split_by_lengths,
        input,
        lengths,
        outputs,
        outputs=count,
        axis=axis,
        order=order,
        scale=scale,
        names=names,
        **selection,
    )


@click.command(cls=Command, short_help="Cut an array in shards into new shards.")
@_inputs
@outputs_option
@axes_option
@data_set_options
@order_option
@how_options
@operator_options
def reshard(
    inputs: list[str],
    outputs: tuple[str, ...],
    axis: tuple[int | str, ...],
    order: str | None,
    how: dict[str, Any],
    selection: dict[str, Any],
    shared: SharedValues,
) -> None:
    """Cut an array that is stored in shards into new shards, without joining it on disk first.

    \b
    Example:
      concatsplit reshard 'part-*.npy' -o 'new/shard-{index:03d}.npy' --size 3
    """
    from concatsplit_core import operators

    run_operator(
        shared, operators.reshard, inputs, outputs, axis=axis, order=order, **how, **selection
    )
