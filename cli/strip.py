"""The plan of a dry run as a few lines of text: inputs, how each part moves, outputs."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import click

from concatsplit_core.pictures.columns import column_shares
from concatsplit_core.pictures.drawing import shortened
from concatsplit_core.pictures.panels import lanes_of
from concatsplit_core.pictures.routed import routed_pieces
from concatsplit_core.planning.task import ROUTES

if TYPE_CHECKING:
    from concatsplit_core.array.tiling import Tiling
    from concatsplit_core.planning.plan import MovePlan
    from concatsplit_core.run.result import Result

_WIDEST, _LABEL = 100, 10
_MOST_ARRAYS = 8
"""Arrays of a data set that get a line each."""
_COLOURS = dict(zip(ROUTES, ("blue", "green", "yellow", "red"), strict=True))


class _Marks(NamedTuple):
    """The characters that are drawn with."""

    routes: str
    left: str
    line: str
    right: str


_BLOCKS, _ASCII = _Marks("█▓▒░", "├", "─", "┤"), _Marks("#=:.", "[", "-", "]")


def show_strip(result: Result) -> None:
    """Print how the bytes of each array move, with a legend; nothing if nothing moves."""
    marks = _marks()
    width = min(_WIDEST, shutil.get_terminal_size((80, 24)).columns) - _LABEL - 1
    arrays = [array for array in result.arrays if not array.plan.move.is_empty]
    if width < 2 * _LABEL or not arrays:
        return
    if len(result.arrays) == 1:
        move = arrays[0].plan.move
        length = move.shape[move.axis]
        _show("inputs", _tiles(move.sources, move.names, length, width, marks), marks)
        _show("moves", _moves(arrays[0].plan, width, marks), marks)
        _show("outputs", _tiles(move.targets, move.target_names, length, width, marks), marks)
    else:
        for array in arrays[:_MOST_ARRAYS]:
            name = shortened(array.name, _LABEL - 1, 1)
            _show(name, _moves(array.plan, width, marks), marks)
        if len(arrays) > _MOST_ARRAYS:
            _show("", f"… {len(arrays) - _MOST_ARRAYS} more arrays", marks)
    taken = [(route, mark) for route, mark in zip(ROUTES, marks.routes, strict=True)
             if result.plan.routes.get(route)]  # fmt: skip
    _show("", "  ".join(f"{_coloured(mark, mark, marks)} {route}" for route, mark in taken), marks)
    click.echo()


def _show(label: str, line: str, marks: _Marks) -> None:
    text = f"{label:<{_LABEL}}{line}".rstrip()
    click.echo(text.encode("ascii", "replace").decode() if marks is _ASCII else text)


def _marks() -> _Marks:
    try:
        (_BLOCKS.routes + _BLOCKS.left + "…").encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return _ASCII
    return _BLOCKS


def _tiles(
    tiling: Tiling, names: Sequence[str] | None, length: int, width: int, marks: _Marks
) -> str:
    """Arrays side by side, each with its name; a count of them where they are too narrow."""
    intervals = [segment.interval for segment in tiling.segments]
    ends = [(a * width // length, b * width // length) for a, b in intervals]
    if any(b - a < 2 for a, b in ends) or max(lanes_of(intervals), default=0):
        overlap = " that overlap" if max(lanes_of(intervals), default=0) else ""
        first, last = min(a for a, _ in ends), max(b for _, b in ends)
        return " " * first + _tile(f"{len(intervals):,} arrays{overlap}", last - first, marks)
    line = ""
    for number, (a, b) in enumerate(ends):
        name = str(number) if names is None else names[number]
        line += " " * (a - len(line)) + _tile(name, b - a, marks)
    return line


def _tile(name: str, width: int, marks: _Marks) -> str:
    words = shortened(name, width - 4, 1)
    inside = f" {words} " if words else ""
    return marks.left + inside.center(width - 2, marks.line) + marks.right


def _moves(plan: MovePlan, width: int, marks: _Marks) -> str:
    """For every column the route that most of its bytes take; a blank where nothing moves."""
    pieces = [piece for one in routed_pieces(plan) for piece in one]
    length = plan.move.shape[plan.move.axis]
    shares = [
        column_shares((p.interval for p in pieces if p.route == route), length, width)
        for route in ROUTES
    ]
    return "".join(_runs(shares, marks))


def _runs(shares: Sequence[Sequence[int]], marks: _Marks) -> Iterator[str]:
    chosen = (
        max(zip(amounts, marks.routes, strict=True), key=lambda one: one[0])
        for amounts in zip(*shares, strict=True)
    )
    for mark, same in groupby(mark if amount else " " for amount, mark in chosen):
        yield _coloured(mark, mark * len(list(same)), marks)


def _coloured(mark: str, text: str, marks: _Marks) -> str:
    if mark == " " or os.environ.get("NO_COLOR"):
        return text
    return click.style(text, fg=_COLOURS[ROUTES[marks.routes.index(mark)]])
