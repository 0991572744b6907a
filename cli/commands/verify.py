"""verify: whether files still hold what a manifest recorded."""

from __future__ import annotations

import click

from concatsplit_cli.help import Command
from concatsplit_cli.option_groups import SharedValues
from concatsplit_cli.options import reading_options
from concatsplit_cli.param_types import FILE
from concatsplit_cli.progress import progress_bar
from concatsplit_cli.render import show_verification


@click.command(cls=Command, short_help="Compare the files of a run with its record.")
@click.argument("record", metavar="MANIFEST", type=FILE)
@click.option("--outputs", "only_outputs", is_flag=True, help="Check only the outputs.")
@click.option("--inputs", "only_inputs", is_flag=True, help="Check only the inputs.")
@reading_options
@click.pass_context
def verify(
    ctx: click.Context,
    record: str,
    only_outputs: bool,
    only_inputs: bool,
    shared: SharedValues,
) -> None:
    """Compare the outputs and inputs of a run with the hashes in its --manifest.

    Lists the files that differ, and where, and those that are missing. The exit code is 8 if one
    differs, else 4 if one is missing, else 0.

    \b
    Examples:
      concatsplit verify run.json
      concatsplit verify run.json --outputs --json
    """
    from concatsplit_core import operators

    with progress_bar(shared.shows_progress, "verify", has_result=True) as listen:
        verification = operators.verify(
            record,
            outputs=only_outputs or not only_inputs,
            inputs=only_inputs or not only_outputs,
            on_event=listen,
            **shared.options,
        )
    if shared.as_json or not shared.quiet:
        show_verification(verification, shared.as_json)
    ctx.exit(verification.exit_code)
