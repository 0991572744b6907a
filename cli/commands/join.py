"""Many arrays to one: concat, stack and depth-concat."""

from __future__ import annotations

import sys
from typing import Any

import click

from concatsplit_cli.options import (
    Shared,
    axis_option,
    depth_order_option,
    operator_options,
    order_option,
    split_info_option,
)
from concatsplit_cli.running import run

_inputs = click.argument("inputs", nargs=-1, metavar="INPUT...")
_output = click.option("-o", "--output", required=True, metavar="REF", help="Where to.")
_files_from = click.option(
    "--files-from", metavar="FILE", help="Read input references from FILE, one a line; - is stdin."
)
_null = click.option("-0", "null", is_flag=True, help="References of --files-from end in NUL.")


@click.command()
@_inputs
@_output
@axis_option
@order_option
@click.option("--add-axis", is_flag=True, help="Join along a new axis, as stack does.")
@split_info_option
@_files_from
@_null
@operator_options
def concat(
    inputs: tuple[str, ...],
    output: str,
    axis: int | None,
    order: str | None,
    add_axis: bool,
    split_info: str | None,
    files_from: str | None,
    null: bool,
    shared: Shared,
) -> None:
    """Join arrays along an axis, as numpy.concatenate does.

    Inputs may be of any mix of formats, a quoted pattern or an @list of references. They agree in
    dtype and on every other axis.

    \b
    Examples:
      concatsplit concat a.npy b.npy -o joined.npy
      concatsplit concat 'part-*.npy' -o joined.h5::/images --codec gzip:4
      concatsplit concat a.npy b.npy -o joined.zarr --axis -1 --dry-run
      concatsplit concat a.npy b.npy -o y.h5::y --split-info y.h5::split_info
      concatsplit concat a.npy store.zarr -o ragged.zarr --grid rectilinear
      concatsplit concat a.npy b.npy -o y.npy --routes mapped,decoded
    """
    from concatsplit_core import operators

    names = _all_inputs(inputs, files_from, null)
    run(
        shared,
        operators.concat,
        names,
        output,
        axis,
        order=order,
        add_axis=add_axis,
        split_info=split_info,
    )


@click.command()
@_inputs
@_output
@axis_option
@split_info_option
@_files_from
@_null
@operator_options
def stack(
    inputs: tuple[str, ...],
    output: str,
    axis: int | None,
    split_info: str | None,
    files_from: str | None,
    null: bool,
    shared: Shared,
) -> None:
    """Join arrays of one shape along a new axis, as numpy.stack does.

    \b
    Examples:
      concatsplit stack a.npy b.npy -o stacked.npy
      concatsplit stack a.npy b.npy -o stacked.npy --axis -1 --force
    """
    from concatsplit_core import operators

    names = _all_inputs(inputs, files_from, null)
    run(shared, operators.stack, names, output, axis or 0, split_info=split_info)


@click.command("depth-concat")
@_inputs
@_output
@depth_order_option
@split_info_option
@_files_from
@_null
@operator_options
def depth_concat(
    inputs: tuple[str, ...],
    output: str,
    order: str,
    split_info: str | None,
    files_from: str | None,
    null: bool,
    shared: Shared,
) -> None:
    """Join arrays along their channel axis (Caffe2's DepthConcat).

    \b
    Example:
      concatsplit depth-concat a.npy b.npy -o y.npy --order NC
    """
    from concatsplit_core import operators

    names = _all_inputs(inputs, files_from, null)
    run(shared, operators.depth_concat, names, output, order, split_info=split_info)


def _all_inputs(inputs: tuple[str, ...], files_from: str | None, null: bool) -> list[Any]:
    """References of the command line, then those of a list."""
    if null and files_from is None:
        raise click.UsageError("-0 goes with --files-from")
    names = list(inputs)
    if files_from == "-":
        text = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
        names += [name for name in text.split("\0" if null else "\n") if name]
    elif files_from is not None:
        from concatsplit_core.references import read_list

        names += read_list(files_from, null=null)
    if not names:
        raise click.UsageError("no inputs: name at least one array, or give --files-from")
    return names
