"""Whether files still hold what a manifest recorded."""

from __future__ import annotations

import sys

import click

from concatsplit_cli.progress import progress_bar
from concatsplit_cli.render import show_verification


@click.command()
@click.argument("record", metavar="MANIFEST")
@click.option("--outputs", is_flag=True, help="Look at the outputs only.")
@click.option("--inputs", is_flag=True, help="Look at the inputs only.")
@click.option(
    "--memory",
    default="256MiB",
    show_default=True,
    metavar="SIZE",
    help="Budget for array data in memory: 64MiB, 1GB, 2G.",
)
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Worker threads.  [default: the CPUs this process may use]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing: the exit code says it.")
@click.option(
    "--progress/--no-progress",
    default=None,
    help="Show a progress bar on stderr.  [default: on a terminal]",
)
@click.option("--debug", is_flag=True, help="Show a traceback with an error.")
@click.pass_context
def verify(
    ctx: click.Context,
    record: str,
    outputs: bool,
    inputs: bool,
    memory: str,
    jobs: int | None,
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
            on_event=listen,
        )
    if as_json or not quiet:
        show_verification(found, as_json)
    ctx.exit(found.exit_code)
