"""Whether files still hold what a manifest recorded."""

from __future__ import annotations

import sys

import click

from concatsplit_cli.options import (
    debug_option,
    follow_links_option,
    jobs_option,
    json_option,
    memory_option,
    progress_option,
)
from concatsplit_cli.progress import progress_bar
from concatsplit_cli.render import show_verification


@click.command()
@click.argument("record", metavar="MANIFEST")
@click.option("--outputs", is_flag=True, help="Look at the outputs only.")
@click.option("--inputs", is_flag=True, help="Look at the inputs only.")
@memory_option
@jobs_option
@follow_links_option
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Print nothing: the exit code says it.")
@progress_option
@debug_option
@click.pass_context
def verify(
    ctx: click.Context,
    record: str,
    outputs: bool,
    inputs: bool,
    memory: str | None,
    jobs: int | None,
    follow_links: bool,
    as_json: bool,
    quiet: bool,
    progress: bool | None,
    debug: bool,
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

    shown = not quiet and (sys.stderr.isatty() if progress is None else progress)
    with progress_bar(shown, "verify") as listen:
        found = operators.verify(
            record,
            outputs=outputs or not inputs,
            inputs=inputs or not outputs,
            memory=memory,
            jobs=jobs,
            follow_links=follow_links,
            on_event=listen,
        )
    if as_json or not quiet:
        show_verification(found, as_json)
    ctx.exit(found.exit_code)
