"""fetch and feed copy one array; undo reverses a run by its manifest."""

from __future__ import annotations

import click

from concatsplit_cli.help import Command
from concatsplit_cli.option_groups import SharedValues
from concatsplit_cli.options import operator_options
from concatsplit_cli.param_types import FILE, REF
from concatsplit_cli.run_operator import run_operator


@click.command(cls=Command, short_help="Copy one array to stdout or to a file.")
@click.argument("ref", metavar="REF", type=REF)
@click.option(
    "-o", "--output", default="-", metavar="FILE", type=REF, help="Output.  [default: stdout]"
)
@operator_options
def fetch(ref: str, output: str, shared: SharedValues) -> None:
    """Copy a blob (one array in a file) out of its file: to stdout as .npy, or to a file.

    \b
    Examples:
      concatsplit fetch store.h5::x > x.npy
      concatsplit fetch store.h5::group/y -o y.npy
    """
    from concatsplit_core import operators

    run_operator(shared, operators.fetch_to, ref, output)


@click.command(cls=Command, short_help="Copy one array into a file that holds several.")
@click.argument("file", metavar="FILE", type=REF)
@click.argument("ref", metavar="REF", type=REF)
@operator_options
def feed(file: str, ref: str, shared: SharedValues) -> None:
    """Copy FILE to REF. FILE is any blob (one array in a file), or - for .npy on stdin.

    REF may be a new array in an existing file, such as store.h5::new. The file keeps its other
    arrays and is never left half-written.

    \b
    Examples:
      concatsplit feed a.npy store.h5::new/member
      cat a.npy | concatsplit feed - fed.zarr::a
    """
    from concatsplit_core import operators

    run_operator(shared, operators.feed, ref, file)


@click.command(cls=Command, short_help="Make the inputs of a run again.")
@click.argument("record", metavar="MANIFEST", type=FILE)
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    metavar="REF",
    type=REF,
    help="Output. In a template, {stem} and {name} are of the files that the inputs were, "
    "without and with the suffix.  [default: the names that the inputs had]",
)
@operator_options
def undo(record: str, outputs: tuple[str, ...], shared: SharedValues) -> None:
    """Make the inputs of a run again from its outputs and its --manifest.

    \b
    Examples:
      concatsplit undo run.json -o 'again-{index}.npy'
      concatsplit undo run.json -o 'restored/{name}'
    """
    from concatsplit_core import operators

    run_operator(shared, operators.undo, record, outputs or None)
