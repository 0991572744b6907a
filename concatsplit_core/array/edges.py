"""Where the sources lie along the axis, and where reading is best cut."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from concatsplit_core.array.geometry import Interval
from concatsplit_core.array.tiling import Tiling
from concatsplit_core.foundation.records import NamedTuple


class Edges(NamedTuple):
    """Finds the sources below an interval of the axis, as fast among many as among few.

    ::

        sources     |   a   |   b   |      c      |
        chunks      | | | | |   |   |   |   |   | |
        interval        [---------------]               overlaps a, b and c

    Parameters
    ----------
    intervals : list of Interval
        What every source covers.
    starts, stops, chunks : list of int
        Of every source: where its interval starts and stops, and its chunk length along the axis,
        1 where it has no chunks.
    """

    intervals: list[Interval]
    starts: list[int]
    stops: list[int]
    chunks: list[int]

    @classmethod
    def of(cls, sources: Tiling) -> Edges:
        """The edges of these sources."""
        intervals = [interval for interval, _ in sources.segments]
        starts, stops = [start for start, _ in intervals], [stop for _, stop in intervals]
        if sources.new_axis:
            return cls(intervals, starts, stops, [1] * len(intervals))
        axis, chunks = sources.axis, [spec.chunks for _, spec in sources.segments]
        return cls(intervals, starts, stops, [1 if each is None else each[axis] for each in chunks])

    def before(self, position: int) -> int:
        """The last place up to ``position`` where no chunk of a source is cut."""
        index = bisect_left(self.stops, position)
        if index == len(self.stops) or self.stops[index] == position:
            return position
        start, chunk = self.starts[index], self.chunks[index]
        return start + (position - start) // chunk * chunk

    def of_source(self, source: int) -> tuple[int, int, int]:
        """Start, stop and chunk length of a source; the length is 1 where it has no chunks."""
        return self.starts[source], self.stops[source], self.chunks[source]

    def source_at(self, position: int) -> int:
        """The source in which a position lies, or that ends there."""
        return min(bisect_left(self.stops, position), len(self.stops) - 1)

    def overlapping(self, interval: Interval) -> list[tuple[int, Interval]]:
        """The sources below an interval, and the part of it that each holds."""
        start, stop = interval
        if start >= stop:
            return []
        starts, stops = self.starts, self.stops
        first, last = bisect_right(stops, start), bisect_left(starts, stop)
        if last - first == 1:
            a, b = starts[first], stops[first]
            if a <= start and stop <= b:
                return [(first, interval)]
            return [(first, Interval(max(start, a), min(stop, b)))] if a < b else []
        found = [(i, self.intervals[i]) for i in range(first, last) if starts[i] < stops[i]]
        for end in {0, len(found) - 1} if found else ():  # the others lie inside
            i, (a, b) = found[end]
            if a < start or stop < b:
                found[end] = i, Interval(max(start, a), min(stop, b))
        return found
