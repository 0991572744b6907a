"""Sweeps that copy bytes as they are stored: what kernel and encoded do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import prod

from concatsplit_core.array.geometry import Interval, Shape
from concatsplit_core.array.layouts import Order
from concatsplit_core.planning.blocking import Block
from concatsplit_core.planning.elementwise import TaskMemory
from concatsplit_core.planning.pairs import fast_axes
from concatsplit_core.planning.problem import Problem, TargetGroup, group_targets, subtract
from concatsplit_core.planning.routing import Share
from concatsplit_core.planning.sweep import Band, Part, Strip, Sweep

_DECODED = 2
"""Chunks that fit in the room to check one: its elements, and what a step of its codec makes."""


def as_stored_batches(problem: Problem) -> Iterator[RunCopies | ChunkCopies | ShardRebuilds]:
    """What is copied as it is stored, grouped by kind."""
    orders: defaultdict[Order, list[tuple[int, Share]]] = defaultdict(list)
    chosen = []
    for target, view in enumerate(problem.views):
        for share in problem.routing.of(target, "kernel"):
            orders[view.order].append((target, share))
        if problem.routing.of(target, "encoded"):
            chosen.append(target)
    for order, shares in orders.items():
        yield RunCopies(problem, order, shares)
    for group in group_targets(problem.views, problem.axis, chosen):
        whole: list[Strip | Band] = []
        mixed: list[Band] = []
        for target in group.members:
            for row in _rows(problem, target):
                if isinstance(row, Band) and row.reads:
                    mixed.append(row)
                else:
                    whole.append(row)
        if whole:
            yield ChunkCopies(problem, group, whole)
        if mixed:
            yield ShardRebuilds(problem, group, mixed)


class RunCopies:
    """Long runs between contiguous arrays of one element order."""

    def __init__(self, problem: Problem, order: Order, shares: Sequence[tuple[int, Share]]) -> None:
        self._problem, self._order, self._shares = problem, order, shares
        self.smallest = problem.window

    def peak(self, sweep: Sweep) -> int:
        """One buffer, in case the kernel cannot copy."""
        return self._problem.window

    def sweeps(self, budget: int) -> Iterator[Sweep]:
        """One sweep, in runs that are not too long for all workers to have some."""
        problem, axis = self._problem, self._problem.axis
        longest = max(share.interval.length for _, share in self._shares)
        extent = tuple(longest if d == axis else n for d, n in enumerate(problem.shape))
        ones = (1,) * len(extent)
        block = Block(extent, ones, ones, problem.itemsize, problem.thresholds.copied_bytes)
        for d in fast_axes(self._order, len(extent)):
            block.grow(d, extent[d])
        step = block.shape[axis]
        problem.refuse_many_steps(longest, step)
        entries = (
            Strip(target, share.interval, step, share.source) for target, share in self._shares
        )
        yield problem.sweep("kernel", self._order, tuple(block.shape), entries)


def _rows(problem: Problem, target: int) -> Iterator[Strip | Band]:
    """What is copied to a target: whole shards, chunks in shards, chunks.

    Shards are rebuilt row by row if only some of their chunks are copied::

        shards of the target   |       |       |       |       |
        chunks that are copied     |-----------------------|
        bands                  |  row  | strip         |  row  |
    """
    view, axis = problem.views[target], problem.axis
    loose: list[Part] = []
    for share in problem.routing.of(target, "encoded"):
        if share.shards or view.shards is None:
            length = share.interval.length  # in steps that are chosen later
            yield Strip(target, share.interval, length, share.source, share.shards)
        else:
            loose.append((share.source, share.interval))
    if view.shards is not None and loose:
        yield from _shard_rows(problem, target, view.shards[axis], loose)


def _shard_rows(
    problem: Problem, target: int, step: int, copies: Sequence[Part]
) -> Iterator[Strip | Band]:
    """Rows of shards: a strip where one source has all of them, else row by row."""
    start, stop = problem.targets.segments[target].interval
    edges: dict[int, list[Part]] = {}
    for source, along in copies:
        first = start + -(-(along.start - start) // step) * step
        last = start + (along.stop - start) // step * step
        if along.stop == stop:
            last = max(first, stop)
        if first < last:
            yield Strip(target, Interval(first, last), step, source)
        ends = (along.start, min(first, along.stop)), (last, along.stop)
        for a, b in ends if first <= last else ((along.start, along.stop),):
            if a < b:
                row = start + (a - start) // step * step
                edges.setdefault(row, []).append((source, Interval(a, b)))
    for at, parts in sorted(edges.items()):
        whole = Interval(at, min(at + step, stop))
        left = subtract(whole, [along for _, along in parts])
        yield Band(((target, whole),), tuple(left), tuple(parts))


class ChunkCopies:
    """Chunks, or whole shards, of one group of targets that are all copied as they are stored."""

    def __init__(self, problem: Problem, group: TargetGroup, rows: list[Strip | Band]) -> None:
        self._problem, self._rows = problem, rows
        self._unit = problem.unit(group.members)
        views = [problem.views[i] for i in group.members]
        self._chunk = max(prod(view.chunks or ()) for view in views) * problem.itemsize
        self._streams = any(view.shards is not None for view in views)
        self._compared = _DECODED * self._chunk * problem.check
        self.smallest = 2 * self._chunk + self._compared

    def peak(self, sweep: Sweep) -> int:
        """The chunks that a task has read, one that is written, and the room to check one.

        Shards are put together on the disk: of them only two chunks are in memory.
        """
        held = 0 if self._streams else prod(sweep.block) * self._problem.itemsize
        return max(self._chunk, held) + self._chunk + self._compared

    def sweeps(self, budget: int) -> Iterator[Sweep]:
        """One sweep; each task has enough chunks to be worth starting."""
        problem, unit, thresholds = self._problem, self._unit, self._problem.thresholds
        room = budget - self._chunk - self._compared
        limit = min(thresholds.copied_bytes, thresholds.chunks_a_task * self._chunk, room)
        block = Block(problem.shape, unit, unit, problem.itemsize, limit)
        for d in fast_axes("C", len(problem.shape)):
            block.grow(d, problem.shape[d])
        step = block.shape[problem.axis]
        entries = [
            row._replace(step=step) if isinstance(row, Strip) and row.step > step else row
            for row in self._rows
        ]
        for entry in entries:
            if isinstance(entry, Strip):
                problem.refuse_many_steps(entry.interval.length, entry.step)
        yield problem.sweep("encoded", "C", tuple(block.shape), entries)


class ShardRebuilds:
    """Shards in which some chunks are copied as they are stored, and the others are decoded."""

    def __init__(self, problem: Problem, group: TargetGroup, rows: list[Band]) -> None:
        self._problem, self._rows = problem, rows
        self._unit = problem.unit(group.members)
        self._memory = TaskMemory(problem, group.members)
        views = [problem.views[i] for i in group.members]
        chunk = max(prod(view.chunks or ()) for view in views) * problem.itemsize
        self._compared = _DECODED * chunk * problem.check
        self.smallest = self._peak(prod(map(min, self._unit, problem.shape)))

    def _peak(self, elements: int) -> int:
        return self._memory.peak(elements) + self._compared

    def peak(self, sweep: Sweep) -> int:
        """A block, and the room to check one chunk."""
        return self._peak(prod(sweep.block))

    def sweeps(self, budget: int) -> Iterator[Sweep]:
        """One sweep, of one shard a task."""
        problem = self._problem
        block: Shape = tuple(map(min, self._unit, problem.shape))
        yield problem.sweep("encoded", "C", block, self._rows)
