"""Commands with many inputs and one output: concat, stack and depth-concat."""

from __future__ import annotations

from typing import Any

import click

from concatsplit_cli.data_set_options import data_set_options
from concatsplit_cli.help import Command
from concatsplit_cli.inputs import many_inputs
from concatsplit_cli.option_groups import SharedValues
from concatsplit_cli.options import (
    axes_option,
    depth_order_option,
    operator_options,
    order_option,
    split_info_option,
)
from concatsplit_cli.param_types import REF
from concatsplit_cli.run_operator import run_operator

_inputs = many_inputs("inputs", "INPUT...")
_output = click.option("-o", "--output", required=True, metavar="REF", type=REF, help="Output.")


@click.command(cls=Command, short_help="Join arrays along an axis.")
@_inputs
@_output
@axes_option
@order_option
@click.option("--add-axis", is_flag=True, help="Join along a new axis, as stack does.")
@split_info_option
@data_set_options
@operator_options
def concat(
    inputs: list[str],
    output: str,
    axis: tuple[int | str, ...],
    order: str | None,
    add_axis: bool,
    split_info: str | None,
    selection: dict[str, Any],
    shared: SharedValues,
) -> None:
    """Join arrays along an axis, as numpy.concatenate does.

    Inputs may have different formats. An input may also be a quoted pattern, or @FILE for a list
    of references. All must have the same dtype, and the same length on every other axis. If their
    units, scales or missing values differ, --conflicts says what happens. Dimension names and
    attributes are kept.

    \b
    Examples:
      concatsplit concat a.npy b.npy -o joined.npy
      concatsplit concat 'part-*.npy' -o joined.h5::/images --codec gzip:4
      concatsplit concat a.npy b.npy -o joined.zarr --axis -1 --dry-run
      concatsplit concat a.npy b.npy -o sharded.zarr --chunks 1,1 --shards 2,1
      concatsplit concat a.npy b.npy -o y.h5::y --split-info y.h5::split_info
      concatsplit concat a.npy store.zarr -o ragged.zarr --grid rectilinear
      concatsplit concat jan.nc::t feb.nc::t -o year.nc::t --axis time --conflicts convert
      concatsplit concat jan.nc feb.nc -o all.nc --axis time
      concatsplit concat jan.nc mar.nc -o both.nc --axis time --missing fill --history
      concatsplit concat m.safetensors -o model.h5
      concatsplit concat a.npy b.npy -o y.npy --routes mapped,decoded
      concatsplit concat a.npy b.npy -o summed.h5 --checksum fletcher32
      concatsplit concat store.zarr -o copy.zarr --check
      concatsplit concat a.npy b.npy -o long.zarr --resume
      concatsplit concat a.npy b.npy -o made.npy --depfile made.d --manifest made.json --if-changed
      concatsplit concat a.npy store.zarr -o y.zarr --dry-run --picture plan.svg
      concatsplit concat recording.dat recording.dat -o twice.npy --raw 'int16,*,384'
      find . -name 'part-*.npy' -print0 | sort -zV | concatsplit concat --files-from - -0 -o y.npy
    """
    from concatsplit_core import operators

    run_operator(
        shared,
        operators.concat,
        inputs,
        output,
        axis,
        order=order,
        add_axis=add_axis,
        split_info=split_info,
        **selection,
    )


@click.command(cls=Command, short_help="Join arrays along a new axis.")
@_inputs
@_output
@axes_option
@split_info_option
@data_set_options
@operator_options
def stack(
    inputs: list[str],
    output: str,
    axis: tuple[int | str, ...],
    split_info: str | None,
    selection: dict[str, Any],
    shared: SharedValues,
) -> None:
    """Join arrays of the same shape along a new axis, as numpy.stack does.

    \b
    Examples:
      concatsplit stack a.npy b.npy -o stacked.npy
      concatsplit stack a.npy b.npy -o stacked.npy --axis -1 --force
    """
    from concatsplit_core import operators

    run_operator(shared, operators.stack, inputs, output, axis, split_info=split_info, **selection)


@click.command("depth-concat", cls=Command, short_help="Join arrays along their channel axis.")
@_inputs
@_output
@depth_order_option
@split_info_option
@operator_options
def depth_concat(
    inputs: list[str],
    output: str,
    order: str,
    split_info: str | None,
    shared: SharedValues,
) -> None:
    """Join arrays along their channel axis (Caffe2's DepthConcat).

    \b
    Example:
      concatsplit depth-concat a.npy b.npy -o y.npy --order NC
    """
    from concatsplit_core import operators

    run_operator(shared, operators.depth_concat, inputs, output, order, split_info=split_info)
