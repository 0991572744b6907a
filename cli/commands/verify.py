"""Whether files still hold what a manifest recorded."""

from __future__ import annotations

import click

from concatsplit_cli.options import Shared, reading_options
from concatsplit_cli.progress import progress_bar
from concatsplit_cli.render import show_verification


@click.command()
@click.argument("record", metavar="MANIFEST")
@click.option("--outputs", is_flag=True, help="Look at the outputs only.")
@click.option("--inputs", is_flag=True, help="Look at the inputs only.")
@reading_options
@click.pass_context
def verify(
    ctx: click.Context,
    record: str,
    outputs: bool,
    inputs: bool,
    shared: Shared,
) -> None:
    """Compare the outputs and inputs of a run with what its --manifest records of them.

    Lists what differs, and where, and what is missing. Exits with 0 if nothing does, 8 if
    anything differs, else 4 if anything is missing.

    \b
    Examples:
      concatsplit verify run.json
      concatsplit verify run.json --outputs --json
    """
    from concatsplit_core import operators

    with progress_bar(shared.shows_progress, "verify") as listen:
        found = operators.verify(
            record,
            outputs=outputs or not inputs,
            inputs=inputs or not outputs,
            on_event=listen,
            **shared.options,
        )
    if shared.as_json or not shared.quiet:
        show_verification(found, shared.as_json)
    ctx.exit(found.exit_code)
