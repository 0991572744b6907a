"""recover: complete or undo what killed runs left in a folder."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from concatsplit_cli.help import Command
from concatsplit_cli.options import debug_option, json_option
from concatsplit_cli.param_types import FOLDER
from concatsplit_cli.streams import checked_stdout, one_line


@click.command(cls=Command, short_help="Complete or undo what killed runs left.")
@click.argument("folder", metavar="FOLDER", type=FOLDER)
@json_option
@debug_option
def recover(folder: str, as_json: bool, debug: bool) -> None:
    """Complete or undo what killed runs left in FOLDER.

    Every run does this first for the folders of its inputs and outputs. Complete outputs get their
    names; incomplete outputs are removed. Anything that no run of this user made is listed and
    left alone.

    \b
    Example:
      concatsplit recover .
    """
    from concatsplit_core import operators

    recovered = operators.recover(folder)
    with checked_stdout("; the recovery itself is complete"):
        if as_json:
            runs = [run._asdict() | {"folder": str(run.folder)} for run in recovered]
            click.echo(json.dumps({"folder": folder, "found": runs}))
            return
        for run in recovered:
            click.echo(one_line(run.text))
        if not recovered:
            click.echo(f"{one_line(os.fspath(Path(folder)))}: no killed run has left anything")
