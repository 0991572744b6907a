"""Choosing the shape of blocks and where the axis is cut: pure arithmetic under a byte limit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import gcd, lcm, prod

from concatsplit_core.array.edges import Edges
from concatsplit_core.array.geometry import Interval, Shape
from concatsplit_core.array.layouts import Order
from concatsplit_core.foundation.errors import OverBudget
from concatsplit_core.foundation.records import dataclass, field
from concatsplit_core.planning.pairs import fast_axes
from concatsplit_core.planning.sweep import Part, Strip
from concatsplit_core.planning.thresholds import Thresholds

_TRIES = 256
"""Steps that are looked at one by one, where a later one may come upon the edge of a chunk."""


@dataclass(slots=True)
class Block:
    """A block shape that grows axis by axis, never over its limit.

    Parameters
    ----------
    extent : tuple of int
        Shape of the logical array.
    unit : tuple of int
        Length that is written as a whole; 1 where any length will do.
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
    block: Block,
    order: Order,
    straddled: Iterable[int],
    strided: Iterable[Order],
    thresholds: Thresholds,
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
    strided : iterable of {"C", "F"}
        Element orders of the strided arrays on either side.
    thresholds : Thresholds
    """
    fast = fast_axes(order, len(block.extent))
    for d in fast:
        block.grow(d, block.want[d])
    for d in straddled:
        block.grow(d, thresholds.chunks_astride * max(block.want[d], block.unit[d]))
    for side in strided:
        _lengthen_runs(block, side, thresholds.short_run)
    for d in fast:
        block.grow(d, block.extent[d], max(thresholds.comfortable, block.nbytes))
    return tuple(block.shape)


def _lengthen_runs(block: Block, order: Order, enough: int) -> None:
    """Grow a block until a run of an array of this order is worth a call of its own."""
    run = block.itemsize
    for d in fast_axes(order, len(block.extent)):
        block.grow(d, -(-enough // run))
        run *= block.shape[d]
        if run >= enough or block.shape[d] < block.extent[d]:
            break


def refuse_many_steps(length: int, step: int, most: int) -> None:
    """Refuse an axis that makes more steps than a plan may have."""
    if length > most * step:
        raise OverBudget(
            f"an axis of length {length} makes more steps of {step} than a plan can hold; give "
            "larger --chunks or more --memory",
            found=length // step,
            expected=most,
        )


def cut_target(
    target: int, interval: Interval, unit: int, longest: int, edges: Edges
) -> Iterator[Part | Strip]:
    """Cut one target's part of the axis into bands that one task may own.

    ::

        chunks of the source  |   |   |   |   |   |   |   |   |
        bands                 |-----------|-----------|-------|     cut where no chunk is cut

    Parameters
    ----------
    target : int
    interval : Interval
    unit : int
        Chunk or shard length of the target; 1 where any length will do.
    longest : int
        Longest interval wanted, a multiple of the unit.
    edges : Edges
        Where the sources are best cut.

    Yields
    ------
    Part or Strip
        One band, or many that follow each other.
    """
    at = interval.start
    if 0 < interval.length <= longest:
        yield target, interval
        return
    while at < interval.stop:
        stop = min(interval.stop, at + longest)
        if stop < interval.stop:
            good = edges.before(stop)
            if good > at + longest // 2 and (good - interval.start) % unit == 0:
                stop = good
        step = stop - at
        yield target, interval if step == interval.length else Interval(at, stop)
        again = _repeats(at, step, longest, unit, interval, edges)
        if again > 1:
            yield Strip(target, Interval(stop, at + again * step), step)
            stop = at + again * step
        at = stop


def _repeats(at: int, step: int, longest: int, unit: int, interval: Interval, edges: Edges) -> int:
    """How many more bands of this step may follow without a look at each.

    They lie in one source, and cut its chunks in the same places.
    """
    start, stop, chunk = edges.of_source(edges.source_at(at + step))
    if step < longest and step % chunk:
        return 0
    repeats = max(0, (min(stop, interval.stop) - 1 - longest - at) // step)
    other_edges = step % chunk and not (start - interval.start) % gcd(chunk, unit)
    return 0 if other_edges and repeats <= _TRIES else repeats


def gather(
    found: Iterable[Part | Strip], longest: int, edges: Edges
) -> Iterator[Strip | list[Part]]:
    """Gather neighbouring short bands into one, cut where reading is best cut.

    Parameters
    ----------
    found : iterable of Part or Strip
        Of targets, in order along the axis.
    longest : int
        Longest band wanted.
    edges : Edges
        Where the sources are best cut.

    Yields
    ------
    Strip or list of Part
        Bands of full length as they came; or what one band writes.
    """
    band: list[Part] = []
    total = 0
    for one in found:
        if isinstance(one, Strip):
            if band:
                yield band
            yield one
            band, total = [], 0
            continue
        start, stop = one[1]
        length = stop - start
        if band and total + length > longest:
            keep = _best_cut(band, longest, edges)
            yield band[:keep]
            band = band[keep:]
            total = sum(interval.length for _, interval in band)
        band.append(one)
        total += length
    if band:
        yield band


def _best_cut(band: list[Part], longest: int, edges: Edges) -> int:
    """How many units of a full band to take: up to the last good edge, if not too short."""
    taken = sum(u.length for _, u in band)
    for keep in range(len(band), 0, -1):
        if taken <= longest // 2:
            break
        if edges.before(band[keep - 1][1].stop) == band[keep - 1][1].stop:
            return keep
        taken -= band[keep - 1][1].length
    return len(band)


def merge(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Join neighbouring intervals of the same target."""
    merged: list[Part] = []
    where: dict[int, int] = {}
    for part in parts:
        index, interval = part
        at = where.get(index)
        if at is not None and merged[at][1].stop == interval.start:
            merged[at] = (index, Interval(merged[at][1].start, interval.stop))
        else:
            where[index] = len(merged)
            merged.append(part)
    return tuple(merged)


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """Intervals joined where they touch or overlap, in order."""
    joined: list[Interval] = []
    first = last = None
    for start, stop in sorted(intervals):
        if first is None or last is None:
            first, last = start, stop
        elif start <= last:
            last = max(last, stop)
        else:
            joined.append(Interval(first, last))
            first, last = start, stop
    return joined if first is None or last is None else [*joined, Interval(first, last)]
