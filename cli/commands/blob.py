"""One array to one: fetch and feed; and undo, which reads a manifest."""

from __future__ import annotations

import click

from concatsplit_cli.options import Shared, operator_options
from concatsplit_cli.running import run


@click.command()
@click.argument("ref", metavar="REF")
@click.option("-o", "--output", default="-", metavar="FILE", help="Where to.  [default: stdout]")
@operator_options
def fetch(ref: str, output: str, shared: Shared) -> None:
    """Copy a blob out of a container: to stdout as an .npy stream, or to a file.

    \b
    Examples:
      concatsplit fetch store.h5::x > x.npy
      concatsplit fetch store.h5::group/y -o y.npy
    """
    from concatsplit_core import operators

    run(shared, operators.fetch_to, ref, output)


@click.command()
@click.argument("file", metavar="FILE")
@click.argument("ref", metavar="REF")
@operator_options
def feed(file: str, ref: str, shared: Shared) -> None:
    """Copy FILE, any blob or - for an .npy stream on stdin, to REF.

    REF may be a new member of a container that exists, which keeps its others and is never left
    half-written.

    \b
    Examples:
      concatsplit feed a.npy store.h5::new/member
      cat a.npy | concatsplit feed - fed.zarr::a
    """
    from concatsplit_core import operators

    run(shared, operators.feed, ref, file)


@click.command()
@click.argument("record", metavar="MANIFEST")
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    metavar="REF",
    help="Where to.  [default: the names that the inputs had]",
)
@operator_options
def undo(record: str, outputs: tuple[str, ...], shared: Shared) -> None:
    """Make the inputs of a run again from its outputs, as its --manifest records them.

    \b
    Example:
      concatsplit undo run.json -o 'again-{index}.npy'
    """
    from concatsplit_core import operators

    run(shared, operators.undo, record, outputs or None)
