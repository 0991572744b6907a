"""What killed runs left in a folder."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from concatsplit_cli.lines import one_line
from concatsplit_cli.options import debug_option, json_option
from concatsplit_cli.streams import printing


@click.command()
@click.argument("folder", metavar="FOLDER")
@json_option
@debug_option
def recover(folder: str, as_json: bool, debug: bool) -> None:
    """Complete or undo what killed runs left in FOLDER.

    Every run does so first for the folders of its inputs and outputs. Outputs that were complete
    get their names; what was not complete is removed. What is not ours is named and left alone.

    \b
    Example:
      concatsplit recover .
    """
    from concatsplit_core import operators

    found = operators.recover(folder)
    with printing("; what was found there is done"):
        if as_json:
            said = [one._asdict() | {"folder": str(one.folder)} for one in found]
            click.echo(json.dumps({"folder": folder, "found": said}))
            return
        for one in found:
            click.echo(one_line(one.text))
        if not found:
            click.echo(f"{one_line(os.fspath(Path(folder)))}: no run that was killed left anything")
