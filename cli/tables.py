"""Tables on stdout: on a terminal Rich fits them to its width; elsewhere they are plain text."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import click

from concatsplit_cli.streams import one_line

_RIGHT = {"start", "stop", "size", "stored"}
"""Columns of numbers."""


class Table:
    """Rows of text under the names of their columns.

    Parameters
    ----------
    title : str
        Printed above it; empty for none.
    columns : str
        The names.
    """

    def __init__(self, title: str, *columns: str) -> None:
        self.title, self.columns = title, columns
        self.rows: list[Sequence[str]] = []

    def add(self, *row: str) -> None:
        """Add a row, one text per column."""
        self.rows.append([one_line(cell) for cell in row])

    def show(self) -> None:
        """Print it; a table without rows prints nothing."""
        if not self.rows:
            return
        if sys.stdout.isatty():
            _show_on_terminal(self)
        else:
            click.echo("\n".join(lines_of(self)))


def lines_of(table: Table) -> Iterator[str]:
    """The table as text: Rich would take longer for it than it takes to describe the arrays."""
    if not table.rows:
        return
    columns = list(zip(table.columns, *table.rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    if table.title:
        yield table.title
    yield _line(table.columns, table.columns, widths)
    yield "-" * (sum(widths) + 2 * len(widths) - 2)
    for row in table.rows:
        yield _line(row, table.columns, widths)
    yield ""


def _line(row: Sequence[str], columns: Sequence[str], widths: Sequence[int]) -> str:
    cells = zip(row, columns, widths, strict=True)
    return "  ".join(t.rjust(w) if c in _RIGHT else t.ljust(w) for t, c, w in cells).rstrip()


def _show_on_terminal(table: Table) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table as RichTable

    class Stdout(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # else Rich would exit with its own code

    shown = RichTable(
        title=table.title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for column in table.columns:
        shown.add_column(column, justify="right" if column in _RIGHT else "left", overflow="fold")
    for row in table.rows:
        shown.add_row(*map(escape, row))
    Stdout(highlight=False).print(shown)
