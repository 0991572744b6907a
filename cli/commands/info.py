"""What arrays are, without reading them."""

from __future__ import annotations

import click

from concatsplit_cli.render import show_info


@click.command()
@click.argument("refs", nargs=-1, required=True, metavar="REF...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.option("--debug", is_flag=True, help="Show a traceback with an error.")
def info(refs: tuple[str, ...], as_json: bool, debug: bool) -> None:
    """Describe arrays: shape, dtype, chunks, codec, sizes, attributes.

    A container without a member stands for all of its arrays.

    \b
    Examples:
      concatsplit info a.npy
      concatsplit info store.h5 --json
    """
    from concatsplit_core import operators

    show_info([blob for ref in refs for blob in operators.info(ref)], as_json)
