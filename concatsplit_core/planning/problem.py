"""What a plan is made for, and what all kinds of sweeps are made from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from math import prod
from typing import NamedTuple, Protocol

from concatsplit_core.array.geometry import Interval, Shape, ceil_to, steps
from concatsplit_core.array.layouts import Order
from concatsplit_core.array.tiling import Tiling
from concatsplit_core.planning.blocking import Edges, refuse_many_steps, union
from concatsplit_core.planning.plan import Sweep
from concatsplit_core.planning.routing import Part, Routing


class Problem(NamedTuple):
    """One logical array between two tilings, routed.

    Parameters
    ----------
    shape : tuple of int
    sources, targets : Tiling
    edges : Edges
        Of the sources.
    routing : Routing
    window : int
        Bytes to read from a contiguous source at once.
    check : bool
        What moves as it is stored is decoded as well.
    whole_axes : int
        Axes at the end on which blocks are best whole: who hashes them wants whole rows.
    """

    shape: Shape
    sources: Tiling
    targets: Tiling
    edges: Edges
    routing: Routing
    window: int
    check: bool = False
    whole_axes: int = 0

    @property
    def axis(self) -> int:
        return self.targets.axis

    @property
    def itemsize(self) -> int:
        """Bytes of an element of the targets in memory."""
        return max(segment.spec.memory_itemsize for segment in self.targets.segments)

    def parts(self, target: int, *routes: str) -> list[Part]:
        """Parts of a target that go by one of these routes."""
        return [part for part in self.routing.parts.get(target, ()) if part.route in routes]

    def unit(self, members: Iterable[int]) -> Shape:
        """Smallest box of these targets that one task may own, on the logical array."""
        ones = (1,) * len(self.shape)
        units = [self.targets.view(i).write_unit or ones for i in members]
        return tuple(map(max, zip(*units, strict=True)))

    def grid(self, block: Shape) -> tuple[tuple[Interval, ...], ...]:
        """Per axis the intervals that blocks cover; the entry of the axis itself is empty."""
        for d, (size, step) in enumerate(zip(self.shape, block, strict=True)):
            if d != self.axis:
                refuse_many_steps(size, step)
        return tuple(
            () if d == self.axis else tuple(steps(size, step))
            for d, (size, step) in enumerate(zip(self.shape, block, strict=True))
        )

    def rows(self, target: int) -> list[Interval]:
        """What moves of a target as it is stored, widened to all that has to be written with it."""
        segment = self.targets.segments[target]
        start, unit = segment.interval.start, self.targets.view(target).write_unit
        step = unit[self.axis] if unit is not None else 1
        return union(
            Interval(
                start + (part.interval.start - start) // step * step,
                min(start + ceil_to(part.interval.stop - start, step), segment.interval.stop),
            )
            for part in self.parts(target, "kernel", "encoded")
        )

    def left_over(self, target: int) -> list[Interval]:
        """What of a target has to be filled by blocks."""
        return subtract(self.targets.segments[target].interval, self.rows(target))


class Batch(Protocol):
    """Sweeps of one kind over targets of one kind."""

    smallest: int
    """Bytes that its smallest possible task holds."""

    def sweeps(self, budget: int) -> Iterator[Sweep]:
        """Its tasks, each of which may hold so many bytes."""
        ...

    def peak(self, sweep: Sweep) -> int:
        """Bytes that the largest task of a sweep holds."""
        ...


class Group(NamedTuple):
    """Targets that can share tasks: their chunk grids agree off the axis."""

    order: Order
    members: tuple[int, ...]


def group_targets(targets: Tiling, wanted: Iterable[int]) -> list[Group]:
    """Targets by what has to be written as a whole off the axis, and by element order."""
    found: defaultdict[tuple[Shape | None, Order], list[int]] = defaultdict(list)
    for index in wanted:
        view = targets.view(index)
        unit = view.write_unit
        key = None if unit is None else unit[: targets.axis] + unit[targets.axis + 1 :]
        found[key, view.order].append(index)
    return [Group(order, tuple(members)) for (_, order), members in found.items()]


def largest_block(sweep: Sweep) -> Shape:
    """Shape of the largest block: what all writes of one task hold together."""
    along = max(sum(part.length for _, part in band.writes) for band in sweep.bands)
    return tuple(
        along if d == sweep.axis else max(part.length for part in intervals)
        for d, intervals in enumerate(sweep.grid)
    )


def subtract(interval: Interval, taken: Iterable[Interval]) -> list[Interval]:
    """What is left of an interval without others, which lie inside it in order."""
    left, at = [], interval.start
    for part in taken:
        if part.start > at:
            left.append(Interval(at, part.start))
        at = part.stop
    return [*left, Interval(at, interval.stop)] if at < interval.stop else left


def bytes_read(sweep: Sweep, sources: Tiling) -> int:
    """Array bytes that the tasks of a sweep read, whole chunks where those must be decoded."""
    total = 0
    reads: defaultdict[int, list[Interval]] = defaultdict(list)
    for band in sweep.bands:
        for index, interval in band.reads:
            reads[index].append(interval)
    sections: dict[Shape, int] = {}
    for index, intervals in reads.items():
        view = sources.view(index)
        chunks = view.chunks or (1,) * view.ndim
        if chunks not in sections:
            sections[chunks] = prod(
                _cover(intervals_d, 0, chunk, size)
                for d, (intervals_d, chunk, size) in enumerate(
                    zip(sweep.grid, chunks, view.shape, strict=True)
                )
                if d != sweep.axis
            )
        start = sources.segments[index].interval.start
        along = _cover(intervals, start, chunks[sweep.axis], view.shape[sweep.axis])
        total += along * sections[chunks] * view.dtype.itemsize
    return total + _bytes_moved(sweep, sources)


def _bytes_moved(sweep: Sweep, sources: Tiling) -> int:
    section = prod(intervals[-1].stop for d, intervals in enumerate(sweep.grid) if d != sweep.axis)
    return sum(
        interval.length * section * sources.segments[index].spec.dtype.itemsize
        for band in sweep.bands
        for index, interval in band.moves
    )


def _cover(intervals: Iterable[Interval], origin: int, chunk: int, size: int) -> int:
    """Length of the whole chunks that each of the intervals touches."""
    return sum(
        min(ceil_to(part.stop - origin, chunk), size) - (part.start - origin) // chunk * chunk
        for part in intervals
    )
