"""A plan as a few lines of text: inputs, how each part moves, outputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from concatsplit_core.array.tiling import Tiling
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.pictures.columns import column_shares
from concatsplit_core.pictures.drawing import shortened, told_apart
from concatsplit_core.pictures.panels import lanes_of
from concatsplit_core.pictures.routed import routed_pieces
from concatsplit_core.planning.plan import MovePlan
from concatsplit_core.planning.task import ROUTES, Route

_LABEL = 10
"""Characters of the label in front of a line."""

_MOST_ARRAYS = 8
"""Arrays of a data set that get a line each."""


class Run(NamedTuple):
    """Characters of a line that look alike.

    Parameters
    ----------
    text : str
    route : str, optional
        The route that they stand for.
    """

    text: str
    route: Route | None = None


class _Marks(NamedTuple):
    """The characters to draw with."""

    routes: Mapping[Route, str]
    left: str
    line: str
    right: str


_BLOCKS = _Marks(dict(zip(ROUTES, "█▓▒░", strict=True)), "├", "─", "┤")
_ASCII = _Marks(dict(zip(ROUTES, "#=:.", strict=True)), "[", "-", "]")


def strip_of(named: Sequence[tuple[str, MovePlan]], width: int, plain: bool) -> list[list[Run]]:
    """How the bytes of each array move, with a legend; no line if nothing moves.

    ::

        inputs    ├── a.npy ──┤├────── b.npy ──────┤
        moves     ██████████████████████████▓▓▓▓▓▓▓▓
        outputs   ├───────────── y.npy ────────────┤
                  █ kernel  ▓ encoded

    Parameters
    ----------
    named : sequence of (str, MovePlan)
        The arrays; of a single one the inputs and outputs are drawn as well.
    width : int
        Characters of a line.
    plain : bool
        Whether to draw with ASCII alone.

    Returns
    -------
    list of list of Run
        The lines, from left to right.
    """
    marks, width = _ASCII if plain else _BLOCKS, width - _LABEL
    moved = [(name, plan) for name, plan in named if not plan.move.is_empty]
    if width < 2 * _LABEL or not moved:
        return []
    if len(named) == 1:
        plan = moved[0][1]
        lines = [
            _line("inputs", [_tiles(plan, plan.move.sources, plan.move.names, width, marks)]),
            _line("moves", _moves(plan, width, marks)),
            _line(
                "outputs", [_tiles(plan, plan.move.targets, plan.move.target_names, width, marks)]
            ),
        ]
    else:
        shown = [name for name, _ in moved[:_MOST_ARRAYS]]
        labels = told_apart(shown, [_LABEL - 1] * len(shown), 1)
        lines = [
            _line(label, _moves(plan, width, marks))
            for label, (_, plan) in zip(labels, moved[:_MOST_ARRAYS], strict=True)
        ]
        if len(moved) > _MOST_ARRAYS:
            lines.append(_line("", [Run(f"… {len(moved) - _MOST_ARRAYS} more arrays")]))
    return [*lines, _line("", _legend(moved, marks))]


def _line(label: str, runs: Iterable[Run]) -> list[Run]:
    return [Run(f"{label:<{_LABEL}}"), *runs]


def _tiles(
    plan: MovePlan, tiling: Tiling, names: Sequence[str] | None, width: int, marks: _Marks
) -> Run:
    """Arrays side by side, each with its name; a count of them where they are too narrow."""
    length = plan.move.shape[plan.move.axis]
    intervals = [segment.interval for segment in tiling.segments]
    ends = [(a * width // length, b * width // length) for a, b in intervals]
    if any(b - a < 2 for a, b in ends) or max(lanes_of(intervals), default=0):
        overlap = " that overlap" if max(lanes_of(intervals), default=0) else ""
        first, last = min(a for a, _ in ends), max(b for _, b in ends)
        words = shortened(f"{len(intervals):,} arrays{overlap}", last - first - 4, 1)
        return Run(" " * first + _tile(words, last - first, marks))
    line = ""
    shown = list(map(str, range(len(ends)))) if names is None else names
    for words, (a, b) in zip(told_apart(shown, [b - a - 4 for a, b in ends], 1), ends, strict=True):
        line += " " * (a - len(line)) + _tile(words, b - a, marks)
    return Run(line)


def _tile(words: str, width: int, marks: _Marks) -> str:
    inside = f" {words} " if words else ""
    return marks.left + inside.center(width - 2, marks.line) + marks.right


def _moves(plan: MovePlan, width: int, marks: _Marks) -> Iterator[Run]:
    """For every column the route that most of its bytes take; a blank where nothing moves."""
    pieces = [piece for one in routed_pieces(plan) for piece in one]
    length = plan.move.shape[plan.move.axis]
    shares = [
        column_shares((p.interval for p in pieces if p.route == route), length, width)
        for route in ROUTES
    ]
    chosen = (max(zip(amounts, ROUTES, strict=True), key=lambda one: one[0])
              for amounts in zip(*shares, strict=True))  # fmt: skip
    for taken, same in groupby(route if amount else None for amount, route in chosen):
        count = len(list(same))
        yield Run(" " * count) if taken is None else Run(marks.routes[taken] * count, taken)


def _legend(moved: Sequence[tuple[str, MovePlan]], marks: _Marks) -> Iterator[Run]:
    taken = [route for route in ROUTES if any(plan.routes.get(route) for _, plan in moved)]
    for number, route in enumerate(taken):
        yield Run("  " if number else "")
        yield Run(marks.routes[route], route)
        yield Run(f" {route}")
