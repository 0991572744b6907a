"""Sweeps that move bytes as they are stored: what kernel and encoded do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from math import prod
from typing import NamedTuple

from concatsplit_core.array.geometry import Interval, Shape
from concatsplit_core.array.layouts import Order
from concatsplit_core.planning.blocking import COMFORTABLE, Block, axes_by_speed, refuse_many_steps
from concatsplit_core.planning.filling import Cost
from concatsplit_core.planning.plan import Band, Sweep
from concatsplit_core.planning.problem import Group, Problem, group_targets, largest_block, subtract
from concatsplit_core.planning.routing import Part

KERNEL_BYTES = 32 << 20
"""Bytes that one kernel task copies: little enough for all workers to have some."""

MANY_CHUNKS = 512
"""Chunks that one task moves at most."""

_DECODED = 2
"""Chunks that a chunk being looked at makes: decoded, and between the steps of its codec."""


def moving_batches(problem: Problem) -> Iterator[Kernel | Encoded | Mixed]:
    """What moves as it is stored, grouped by kind."""
    numbers = range(len(problem.targets.segments))
    orders: defaultdict[Order, list[Part]] = defaultdict(list)
    for index in numbers:
        for part in problem.parts(index, "kernel"):
            orders[problem.targets.view(index).order].append(part)
    for order, parts in orders.items():
        yield Kernel(problem, order, parts)
    chosen = [i for i in numbers if problem.parts(i, "encoded")]
    for group in group_targets(problem.targets, chosen):
        pure: list[_Row] = []
        mixed: list[_Row] = []
        for index in group.members:
            for row in _rows(problem, index):
                (mixed if row.left else pure).append(row)
        if pure:
            yield Encoded(problem, group, pure)
        if mixed:
            yield Mixed(problem, group, mixed)


class Kernel:
    """Long runs between contiguous arrays of one element order."""

    def __init__(self, problem: Problem, order: Order, parts: list[Part]) -> None:
        self._problem, self._order, self._parts = problem, order, parts
        self.smallest = problem.window

    def peak(self, sweep: Sweep) -> int:
        """One buffer, for where the kernel does not do it."""
        return self._problem.window

    def sweeps(self, budget: int) -> Iterator[Sweep]:
        problem, axis = self._problem, self._problem.axis
        longest = max(part.interval.length for part in self._parts)
        extent = tuple(longest if d == axis else n for d, n in enumerate(problem.shape))
        ones = (1,) * len(extent)
        block = Block(extent, ones, ones, problem.itemsize, KERNEL_BYTES)
        for d in axes_by_speed(self._order, len(extent)):
            block.grow(d, extent[d])
        bands = tuple(
            Band((), ((part.target, cut),), "kernel", ((part.source, cut),))
            for part in self._parts
            for cut in _steps(part.interval, block.shape[axis])
        )
        yield Sweep(axis, self._order, problem.grid(tuple(block.shape)), bands)


class _Row(NamedTuple):
    """An interval of one target: what moves there from where, and what is left to be encoded."""

    target: int
    interval: Interval
    moves: tuple[tuple[int, Interval], ...]
    left: tuple[Interval, ...]
    shards: bool


def _rows(problem: Problem, target: int) -> Iterator[_Row]:
    """What moves of a target: whole shards, chunks in shards, chunks."""
    view, start = problem.targets.view(target), problem.targets.segments[target].interval.start
    loose: list[Part] = []
    for part in problem.parts(target, "encoded"):
        if part.shards or view.shards is None:
            move = (part.source, part.interval)
            yield _Row(target, part.interval, (move,), (), part.shards)
        else:
            loose.append(part)
    if view.shards is None:
        return
    step, stop = view.shards[problem.axis], problem.targets.segments[target].interval.stop
    rows: defaultdict[int, list[tuple[int, Interval]]] = defaultdict(list)
    for part in loose:
        first = start + (part.interval.start - start) // step * step
        for at in range(first, part.interval.stop, step):
            a, b = max(at, part.interval.start), min(at + step, part.interval.stop)
            rows[at].append((part.source, Interval(a, b)))
    for at, moves in rows.items():
        row = Interval(at, min(at + step, stop))
        left = subtract(row, [interval for _, interval in moves])
        yield _Row(target, row, tuple(moves), tuple(left), False)


class Encoded:
    """Chunks, or whole shards, of one group of targets that all move as they are stored."""

    def __init__(self, problem: Problem, group: Group, rows: list[_Row]) -> None:
        self._problem, self._group, self._rows = problem, group, rows
        self._unit = problem.unit(group.members)
        views = [problem.targets.view(i) for i in group.members]
        self._chunk = max(prod(view.chunks or ()) for view in views) * problem.itemsize
        self._streams = any(view.shards is not None for view in views)
        self._looked_at = _DECODED * self._chunk * problem.check
        self.smallest = 2 * self._chunk + self._looked_at

    def peak(self, sweep: Sweep) -> int:
        """Two chunks, and what a task of chunks has read; shards are put together on the disk."""
        held = 0 if self._streams else prod(largest_block(sweep)) * self._problem.itemsize
        return max(self._chunk, held) + self._chunk + self._looked_at

    def sweeps(self, budget: int) -> Iterator[Sweep]:
        problem, axis, unit = self._problem, self._problem.axis, self._unit
        room = budget - self._chunk - self._looked_at
        limit = min(COMFORTABLE, MANY_CHUNKS * self._chunk, room)
        block = Block(problem.shape, unit, unit, problem.itemsize, limit)
        for d in axes_by_speed("C", len(problem.shape)):
            block.grow(d, problem.shape[d])
        bands = tuple(
            Band(
                (),
                ((row.target, cut),),
                "encoded",
                tuple(
                    (source, Interval(max(i.start, cut.start), min(i.stop, cut.stop)))
                    for source, i in row.moves
                    if i.start < cut.stop and cut.start < i.stop
                ),
                row.shards,
            )
            for row in self._rows
            for cut in _steps(row.interval, block.shape[axis])
        )
        yield Sweep(axis, "C", problem.grid(tuple(block.shape)), bands)


class Mixed:
    """Shards of which some chunks move as they are stored and the others are decoded."""

    def __init__(self, problem: Problem, group: Group, rows: list[_Row]) -> None:
        self._problem, self._rows = problem, rows
        self._unit = problem.unit(group.members)
        self._cost = Cost(problem, group.members)
        views = [problem.targets.view(i) for i in group.members]
        chunk = max(prod(view.chunks or ()) for view in views) * problem.itemsize
        self._looked_at = _DECODED * chunk * problem.check
        self.smallest = self._peak(prod(map(min, self._unit, problem.shape)))

    def _peak(self, elements: int) -> int:
        return self._cost.peak(elements) + self._looked_at

    def peak(self, sweep: Sweep) -> int:
        return self._peak(prod(largest_block(sweep)))

    def sweeps(self, budget: int) -> Iterator[Sweep]:
        problem = self._problem
        bands = tuple(
            Band(
                tuple(read for left in row.left for read in problem.edges.overlapping(left)),
                ((row.target, row.interval),),
                "encoded",
                row.moves,
            )
            for row in self._rows
        )
        block: Shape = tuple(map(min, self._unit, problem.shape))
        yield Sweep(problem.axis, "C", problem.grid(block), bands)


def _steps(interval: Interval, step: int) -> Iterator[Interval]:
    refuse_many_steps(interval.length, step)
    for at in range(interval.start, interval.stop, step):
        yield Interval(at, min(at + step, interval.stop))
