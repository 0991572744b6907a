"""Which route brings which part of every output."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from concatsplit_core.array.geometry import Interval
from concatsplit_core.planning.plan import MovePlan
from concatsplit_core.planning.problem import subtract
from concatsplit_core.planning.sweep import Part, Strip, Sweep
from concatsplit_core.planning.task import Route


class RoutedPiece(NamedTuple):
    """An interval of the logical axis that an output gets by one route."""

    interval: Interval
    route: Route


def routed_pieces(plan: MovePlan) -> list[list[RoutedPiece]]:
    """The pieces of every output, in order along the axis; neighbours of one route are one piece.

    The lengths of a route's pieces, times the bytes at an index of the axis, sum to its bytes in
    ``plan.routes``.
    """
    found: defaultdict[int, list[RoutedPiece]] = defaultdict(list)
    for sweep in plan.sweeps:
        for target, interval, route in _moved(plan, sweep):
            _add(found[target], RoutedPiece(interval, route))
    every: list[list[RoutedPiece]] = []
    for target in range(len(plan.move.targets.segments)):
        every.append([])
        for piece in sorted(found[target]):
            _add(every[target], piece)
    return every


def _add(pieces: list[RoutedPiece], piece: RoutedPiece) -> None:
    """Append a piece, or lengthen the last one where this one continues it by the same route."""
    last = pieces[-1] if pieces else None
    if last is None or (last.interval.stop, last.route) != (piece.interval.start, piece.route):
        pieces.append(piece)
    else:
        pieces[-1] = RoutedPiece(Interval(last.interval.start, piece.interval.stop), piece.route)


def _moved(plan: MovePlan, sweep: Sweep) -> Iterator[tuple[int, Interval, Route]]:
    """The target, interval and route of what each entry of a sweep brings."""
    for entry in sweep.bands.entries:
        if isinstance(entry, Strip):
            if entry.source is not None:
                yield entry.target, entry.interval, sweep.route
            else:
                yield from _by_element(plan, sweep, (entry.target, entry.interval))
            continue
        for target, interval in entry.writes:
            copied = sorted(along for _, along in entry.copies)
            yield from ((target, along, sweep.route) for along in copied)
            for left in subtract(interval, copied):
                yield from _by_element(plan, sweep, (target, left))


def _by_element(plan: MovePlan, sweep: Sweep, write: Part) -> Iterator[tuple[int, Interval, Route]]:
    """What is not copied as stored: mapped where the route allows it and both sides are strided."""
    target, interval = write
    sources, targets = plan.move.sources.segments, plan.move.targets.segments
    may_map = sweep.route == "mapped" and targets[target].spec.is_strided
    for source, part in plan.edges.overlapping(interval):
        is_mapped = may_map and sources[source].spec.is_strided
        yield target, part, "mapped" if is_mapped else "decoded"
