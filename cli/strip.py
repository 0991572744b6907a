"""The plan of a dry run as a few lines of text, in colours where the terminal shows them."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from concatsplit_core.operators import Result

_WIDEST = 110
_COLOURS = {"kernel": "blue", "encoded": "green", "mapped": "yellow", "decoded": "red"}


def show_strip(result: Result) -> None:
    """Print how the bytes of each array move, with a legend; nothing if nothing moves."""
    width = min(_WIDEST, shutil.get_terminal_size((80, 24)).columns - 1)
    plain = not _can_print("█▓▒░├─┤…")
    lines = result.strip(width, plain)
    for runs in lines:
        line = "".join(_coloured(text, route) for text, route in runs).rstrip()
        click.echo(line.encode("ascii", "replace").decode() if plain else line)
    if lines:
        click.echo()


def _can_print(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _coloured(text: str, route: str | None) -> str:
    if route is None or os.environ.get("NO_COLOR"):
        return text
    return click.style(text, fg=_COLOURS[route])
