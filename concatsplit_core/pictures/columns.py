"""Intervals of an axis, however many, counted in a few columns of one width, in whole numbers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate, pairwise

from concatsplit_core.array.geometry import Interval


def column_shares(intervals: Iterable[Interval], length: int, columns: int) -> list[int]:
    """How much of every column the intervals fill; what overlaps counts twice.

    ::

        axis       0 ------------------------ length
        columns    |     |     |     |     |     |
        intervals    [------)[-)      [-)
        shares        0.7  0.8   0.2   0.4   0        of a column, which is `length`

    Parameters
    ----------
    intervals : iterable of Interval
        On the axis.
    length, columns : int
        Of the axis, and how many columns it is cut into.

    Returns
    -------
    list of int
        In units of ``1 / columns`` of an index: a column that is filled once has `length` units.
    """
    starts, stops = [], []
    for start, stop in intervals:
        starts.append(start * columns)
        stops.append(stop * columns)
    begun, ended = _Below(starts), _Below(stops)
    edges = (column * length for column in range(columns + 1))
    filled = [begun.measure(edge) - ended.measure(edge) for edge in edges]
    return [b - a for a, b in pairwise(filled)]


class _Below:
    """Sorted positions; `measure` adds up how far those below an edge are from it."""

    def __init__(self, positions: list[int]) -> None:
        self._positions = sorted(positions)
        self._sums = list(accumulate(self._positions, initial=0))

    def measure(self, edge: int) -> int:
        below = bisect_right(self._positions, edge)
        return below * edge - self._sums[below]
