"""Sweeps of blocks that are filled element by element: what mapped and decoded do."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from concatsplit_core.array.geometry import Interval, Shape
from concatsplit_core.array.layouts import Stream
from concatsplit_core.planning.blocking import (
    COMFORTABLE,
    Block,
    choose_block,
    cut_target,
    gather,
    merge,
    union,
)
from concatsplit_core.planning.plan import CONVERTED_AT_ONCE, Band, Sweep
from concatsplit_core.planning.problem import Group, Problem, group_targets, largest_block

PART_BYTES, PIECE_BYTES = 256 << 10, 8 << 10
"""Bytes that a block should have for every target that it serves, and for every source there is.

Each costs a look and a call, block by block.
"""

CONVERTING = 8 * CONVERTED_AT_ONCE
"""Bytes that a conversion may hold: what it reads, masks and results, of up to twice the size."""


def filling_batches(problem: Problem) -> Iterator[Filling]:
    """Targets with something left to fill, grouped."""
    left = {i: problem.left_over(i) for i in range(len(problem.targets.segments))}
    for group in group_targets(problem.targets, [i for i in left if left[i]]):
        yield Filling(problem, group, {i: left[i] for i in group.members})


class Cost:
    """Bytes that a task holds in memory beside its block, and in all."""

    def __init__(self, problem: Problem, members: tuple[int, ...]) -> None:
        specs = [segment.spec for segment in problem.sources.segments]
        chosen = [problem.targets.segments[i].spec for i in members]
        self.itemsize = max(spec.memory_itemsize for spec in chosen)
        chunks = [prod(s.chunks) * s.memory_itemsize for s in specs if s.chunks is not None]
        read = 2 * max(chunks, default=0)
        window = max((min(problem.window, s.nbytes) for s in specs if s.is_strided), default=0)
        unit = max((prod(s.write_unit) for s in chosen if s.write_unit is not None), default=0)
        self.beside = max(read, window) + unit * self.itemsize
        if any(spec.converted for spec in specs):
            self.beside += CONVERTING
        self.copies = 1 if all(spec.is_strided for spec in chosen) else 2

    def peak(self, elements: int) -> int:
        """Bytes of a task whose block has this many elements."""
        return self.copies * elements * self.itemsize + self.beside

    def limit(self, budget: int) -> int:
        """Bytes that a block may have under a budget for the whole task."""
        return max(0, budget - self.beside) // self.copies


class Filling:
    """Blocks over one group of targets."""

    def __init__(self, problem: Problem, group: Group, left: dict[int, list[Interval]]) -> None:
        self._problem, self._group, self._left = problem, group, left
        self._cost = Cost(problem, group.members)
        self._unit = problem.unit(group.members)
        self.smallest = self._cost.peak(prod(map(min, self._unit, problem.shape)))

    def peak(self, sweep: Sweep) -> int:
        return self._cost.peak(prod(largest_block(sweep)))

    def sweeps(self, budget: int) -> Iterator[Sweep]:
        problem, group = self._problem, self._group
        axis, targets = problem.axis, problem.targets
        block = self._block(self._cost.limit(budget))
        units = []
        for index in group.members:
            write_unit = targets.view(index).write_unit
            length = write_unit[axis] if write_unit else None
            units += [
                (index, cut)
                for interval in self._left[index]
                for cut in cut_target(interval, length, block[axis], problem.edges)
            ]
        units.sort(key=lambda entry: (entry[1], entry[0]))
        bands = tuple(self._band(merge(b)) for b in gather(units, block[axis], problem.edges))
        yield Sweep(axis, group.order, problem.grid(block), bands)

    def _block(self, limit: int) -> Shape:
        """Shape of the blocks, whole chunks of both sides where that fits the limit."""
        problem, group = self._problem, self._group
        views = [problem.sources.view(i) for i in range(len(problem.sources.segments))]
        want = tuple(
            max((view.chunks[d] for view in views if view.chunks), default=1)
            for d in range(len(problem.shape))
        )
        chosen = [problem.targets.segments[i].spec for i in group.members]
        flat = {view.order for view in views if view.is_strided and not view.is_string}
        if any(spec.write_unit is None for spec in chosen):
            flat.add(group.order)
        crowd = len(group.members) * PART_BYTES + len(views) * PIECE_BYTES
        comfortable = min(max(COMFORTABLE, crowd), limit)
        fitting = tuple(map(min, want, problem.shape))
        if group.order == "C":
            first = len(want) - problem.whole_axes
            fitting = fitting[:first] + problem.shape[first:]
        sequential = any(isinstance(spec.layout, Stream) for spec in chosen)
        return choose_block(
            Block(problem.shape, self._unit, fitting, self._cost.itemsize, limit, sequential),
            group.order,
            self._straddled(want),
            sorted(flat, key=lambda order: order != group.order),
            comfortable,
        )

    def _straddled(self, want: Shape) -> list[int]:
        """Axes on which neither grid's edges are all edges of the other."""
        axis = self._problem.axis
        axes = [
            d
            for d, (u, w) in enumerate(zip(self._unit, want, strict=True))
            if d != axis and u % w and w % u
        ]
        return [axis, *axes] if want[axis] > 1 and self._is_offset() else axes

    def _is_offset(self) -> bool:
        """Whether chunks of the inputs straddle chunks of the outputs along the axis."""
        problem, axis = self._problem, self._problem.axis
        for index in self._group.members:
            start = problem.targets.segments[index].interval.start
            unit = problem.targets.view(index).write_unit
            for source, _ in problem.edges.overlapping(problem.targets.segments[index].interval):
                chunks = problem.sources.view(source).chunks
                if not unit or not chunks:
                    continue
                gap = abs(start - problem.sources.segments[source].interval.start)
                u, c = unit[axis], chunks[axis]
                if not ((u % c == 0 and gap % c == 0) or (c % u == 0 and gap % u == 0)):
                    return True
        return False

    def _band(self, writes: tuple[tuple[int, Interval], ...]) -> Band:
        """What has to be read for these writes."""
        problem = self._problem
        reads = tuple(
            read
            for interval in union(interval for _, interval in writes)
            for read in problem.edges.overlapping(interval)
        )
        flat = all(problem.sources.segments[i].spec.is_strided for i, _ in reads) and all(
            problem.targets.segments[i].spec.is_strided for i, _ in writes
        )
        return Band(
            reads, writes, "mapped" if flat and "mapped" in problem.routing.allowed else "decoded"
        )
