"""Choosing the shape of blocks and where the axis is cut: pure arithmetic under a byte limit."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import lcm, prod

from concatsplit_core.array.geometry import Interval, Shape
from concatsplit_core.array.layouts import Order
from concatsplit_core.array.tiling import Tiling
from concatsplit_core.errors import OverBudget

COMFORTABLE = 4 << 20
"""Bytes of a block that has no reason to be larger: it stays in the processor's cache."""

SHORT_RUN = 16 << 10
"""Bytes that a run of a contiguous array should have: less is not worth a call."""

MOST_BANDS = 1 << 22
"""Steps along one axis of a target that a plan may have."""

STRADDLE = 16
"""How many chunks long a block may grow along an axis on which the chunk grids do not agree."""


@dataclass(slots=True)
class Block:
    """A block shape that grows axis by axis, never over its limit.

    Parameters
    ----------
    extent : tuple of int
        Shape of the logical array.
    unit : tuple of int
        What has to be written as a whole; 1 where any length will do.
    want : tuple of int
        What is best read as a whole; 1 where any length will do.
    itemsize, limit : int
        Bytes of an element, and of the largest block allowed.
    sequential : bool
        Blocks follow each other as the elements of a C-ordered array do.
    """

    extent: Shape
    unit: Shape
    want: Shape
    itemsize: int
    limit: int
    sequential: bool = False
    shape: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.shape = [min(u, n) for u, n in zip(self.unit, self.extent, strict=True)]

    @property
    def nbytes(self) -> int:
        return prod(self.shape) * self.itemsize

    def grow(self, d: int, to: int, limit: int | None = None) -> None:
        """Lengthen the block along one axis towards ``to``, by whole units."""
        if self.sequential and tuple(self.shape[d + 1 :]) != self.extent[d + 1 :]:
            return
        limit = self.limit if limit is None else min(limit, self.limit)
        room = limit // max(1, self.nbytes // self.shape[d])
        step = lcm(self.unit[d], self.want[d])
        if step > room or step > self.extent[d]:
            step = self.unit[d]
        aim = min(-(-to // step) * step, self.extent[d])
        if aim > room:
            aim = room // step * step
        self.shape[d] = max(self.shape[d], aim)


def choose_block(
    block: Block, order: Order, straddled: Iterable[int], flat: Iterable[Order], comfortable: int
) -> Shape:
    """Grow a block from one unit to the shape that moves the bytes at the least cost.

    First to whole input chunks, then along axes on which the grids do not agree, then until the
    runs of contiguous arrays on either side are long enough, then to a comfortable size.

    Parameters
    ----------
    block : Block
    order : {"C", "F"}
        Element order of the targets.
    straddled : iterable of int
        Axes on which chunks of the inputs and of the outputs straddle each other.
    flat : iterable of {"C", "F"}
        Element orders of the contiguous arrays on either side.
    comfortable : int
        Bytes to grow to where nothing asks for more.
    """
    fast = axes_by_speed(order, len(block.extent))
    for d in fast:
        block.grow(d, block.want[d])
    for d in straddled:
        block.grow(d, STRADDLE * max(block.want[d], block.unit[d]))
    for side in flat:
        _lengthen_runs(block, side)
    for d in fast:
        block.grow(d, block.extent[d], max(comfortable, block.nbytes))
    return tuple(block.shape)


def _lengthen_runs(block: Block, order: Order) -> None:
    """Grow a block until a run of an array of this order is worth a call of its own."""
    run = block.itemsize
    for d in axes_by_speed(order, len(block.extent)):
        block.grow(d, -(-SHORT_RUN // run))
        run *= block.shape[d]
        if run >= SHORT_RUN or block.shape[d] < block.extent[d]:
            break


def axes_by_speed(order: Order, ndim: int) -> list[int]:
    """Axes from the one whose elements are adjacent to the slowest."""
    return list(range(ndim - 1, -1, -1)) if order == "C" else list(range(ndim))


class Edges:
    """Where along the axis reading may stop without decoding an input chunk twice."""

    def __init__(self, sources: Tiling) -> None:
        self._stops = [segment.interval.stop for segment in sources.segments]
        self._starts = [segment.interval.start for segment in sources.segments]
        self._chunks = [
            (view.chunks or (1,) * view.ndim)[sources.axis]
            for view in map(sources.view, range(len(sources.segments)))
        ]

    def before(self, position: int) -> int:
        """The last such place that is not behind ``position``."""
        index = bisect_left(self._stops, position)
        if index == len(self._stops) or self._stops[index] == position:
            return position
        start, chunk = self._starts[index], self._chunks[index]
        return start + (position - start) // chunk * chunk

    def overlapping(self, interval: Interval) -> list[tuple[int, Interval]]:
        """The sources below an interval, and the part of it that each holds."""
        first = bisect_right(self._stops, interval.start)
        last = bisect_left(self._starts, interval.stop)
        return [
            (i, part)
            for i in range(first, last)
            if (
                part := Interval(
                    max(interval.start, self._starts[i]), min(interval.stop, self._stops[i])
                )
            ).length
            > 0
        ]


def refuse_many_steps(length: int, step: int) -> None:
    """Refuse an axis that makes more steps than a plan can hold."""
    if length > MOST_BANDS * step:
        raise OverBudget(
            f"an axis of length {length} makes more steps of {step} than a plan can hold; give "
            "larger --chunks or more --memory",
            found=length // step,
            expected=MOST_BANDS,
        )


def cut_target(interval: Interval, unit: int | None, longest: int, edges: Edges) -> list[Interval]:
    """Cut one target's part of the axis into intervals that one task may own.

    Parameters
    ----------
    interval : Interval
    unit : int or None
        Chunk or shard length of the target; None where any length will do.
    longest : int
        Longest interval wanted; one chunk or shard is allowed in any case.
    edges : Edges
        Where the sources are best cut.
    """
    step = unit or 1
    longest = max(step, longest // step * step)
    refuse_many_steps(interval.length, longest)
    cuts, at = [], interval.start
    while at < interval.stop:
        stop = min(interval.stop, at + longest)
        if stop < interval.stop:
            good = edges.before(stop)
            if good > at + longest // 2 and (good - interval.start) % step == 0:
                stop = good
        cuts.append(Interval(at, stop))
        at = stop
    return cuts


def gather(
    units: Sequence[tuple[int, Interval]], longest: int, edges: Edges
) -> list[list[tuple[int, Interval]]]:
    """Gather consecutive units into bands of at most ``longest``, cut where reading is best cut."""
    bands: list[list[tuple[int, Interval]]] = []
    band: list[tuple[int, Interval]] = []
    total = 0
    for unit in units:
        if band and total + unit[1].length > longest:
            keep = _best_cut(band, longest, edges)
            bands.append(band[:keep])
            band = band[keep:]
            total = sum(u.length for _, u in band)
        band.append(unit)
        total += unit[1].length
    return [*bands, band] if band else bands


def _best_cut(band: list[tuple[int, Interval]], longest: int, edges: Edges) -> int:
    """How many units of a full band to take: up to the last good edge, if not too short."""
    taken = sum(u.length for _, u in band)
    for keep in range(len(band), 0, -1):
        if taken <= longest // 2:
            break
        if edges.before(band[keep - 1][1].stop) == band[keep - 1][1].stop:
            return keep
        taken -= band[keep - 1][1].length
    return len(band)


def merge(units: Iterable[tuple[int, Interval]]) -> tuple[tuple[int, Interval], ...]:
    """Join neighbouring intervals of the same target."""
    merged: list[tuple[int, Interval]] = []
    where: dict[int, int] = {}
    for index, interval in units:
        at = where.get(index)
        if at is not None and merged[at][1].stop == interval.start:
            merged[at] = (index, Interval(merged[at][1].start, interval.stop))
        else:
            where[index] = len(merged)
            merged.append((index, interval))
    return tuple(merged)


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """Intervals joined where they touch or overlap, in order."""
    joined: list[Interval] = []
    for interval in sorted(intervals):
        if joined and interval.start <= joined[-1].stop:
            joined[-1] = Interval(joined[-1].start, max(joined[-1].stop, interval.stop))
        else:
            joined.append(interval)
    return joined
