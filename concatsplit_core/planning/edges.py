"""Where the sources lie along the axis, and where reading is best cut."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from concatsplit_core.array.geometry import Interval
from concatsplit_core.array.tiling import Tiling


class Edges:
    """Finds the sources below an interval of the axis, in a time that hardly depends on how many.

    ::

        sources     |   a   |   b   |      c      |
        chunks      | | | | |   |   |   |   |   | |
        interval        [---------------]               overlaps a, b and c

    Parameters
    ----------
    sources : Tiling
    """

    def __init__(self, sources: Tiling) -> None:
        self._stops = [segment.interval.stop for segment in sources.segments]
        self._starts = [segment.interval.start for segment in sources.segments]
        along = 0 if sources.new_axis else sources.axis
        self._chunks = [
            1 if sources.new_axis or (chunks := segment.spec.chunks) is None else chunks[along]
            for segment in sources.segments
        ]

    def before(self, position: int) -> int:
        """The last place that is not behind ``position`` where no chunk of a source is cut."""
        index = bisect_left(self._stops, position)
        if index == len(self._stops) or self._stops[index] == position:
            return position
        start, chunk = self._starts[index], self._chunks[index]
        return start + (position - start) // chunk * chunk

    def of(self, source: int) -> tuple[int, int, int]:
        """Start, stop and chunk length of a source; the length is 1 where it has no chunks."""
        return self._starts[source], self._stops[source], self._chunks[source]

    def source_at(self, position: int) -> int:
        """The source in which a position lies, or that ends there."""
        return min(bisect_left(self._stops, position), len(self._stops) - 1)

    def overlapping(self, interval: Interval) -> list[tuple[int, Interval]]:
        """The sources below an interval, and the part of it that each holds."""
        start, stop = interval
        if start >= stop:
            return []
        starts, stops = self._starts, self._stops
        first, last = bisect_right(stops, start), bisect_left(starts, stop)
        if last - first == 1:
            a, b = starts[first], stops[first]
            if a <= start and stop <= b:
                return [(first, interval)]
            return [(first, Interval(max(start, a), min(stop, b)))] if a < b else []
        return [
            (i, Interval(max(start, starts[i]), min(stop, stops[i])))
            for i in range(first, last)
            if starts[i] < stops[i]
        ]
