"""Sweeps of blocks that are filled element by element: what mapped and decoded do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from math import prod
from operator import itemgetter

from concatsplit_core.array.geometry import Interval, Shape
from concatsplit_core.array.layouts import Stream
from concatsplit_core.planning.blocking import (
    Block,
    choose_block,
    cut_target,
    gather,
    merge,
    union,
)
from concatsplit_core.planning.problem import Problem, TargetGroup, group_targets
from concatsplit_core.planning.sweep import Band, Part, Strip, Sweep
from concatsplit_core.planning.task import CONVERTED_AT_ONCE, Route

CONVERTING = 8 * CONVERTED_AT_ONCE
"""Bytes that a conversion may hold: what it reads, masks and results, of up to twice the size."""


def elementwise_batches(problem: Problem) -> Iterator[Elementwise]:
    """Targets with something left to fill, grouped."""
    left = problem.left_over()
    for group in group_targets(problem.views, problem.axis, left):
        yield Elementwise(problem, group, {i: left[i] for i in group.members})


class TaskMemory:
    """Bytes that a task holds in memory: its block, and what it needs beside it."""

    def __init__(self, problem: Problem, members: tuple[int, ...]) -> None:
        facts, chosen = problem.facts, {id(v): v for v in map(problem.views.__getitem__, members)}
        views = list(chosen.values())
        self.itemsize = max(view.memory_itemsize for view in views)
        read = 2 * facts.chunk_bytes
        window = min(problem.window, facts.strided_bytes)
        unit = max((prod(v.write_unit) for v in views if v.write_unit is not None), default=0)
        self.beside = max(read, window) + unit * self.itemsize
        if facts.converted:
            self.beside += CONVERTING
        self.copies = 1 if all(view.is_strided for view in views) else 2

    def peak(self, elements: int) -> int:
        """Bytes of a task whose block has this many elements."""
        return self.copies * elements * self.itemsize + self.beside

    def limit(self, budget: int) -> int:
        """Bytes that a block may have under a budget for the whole task."""
        return max(0, budget - self.beside) // self.copies


class Elementwise:
    """Blocks over one group of targets."""

    def __init__(
        self, problem: Problem, group: TargetGroup, left: dict[int, list[Interval]]
    ) -> None:
        self._problem, self._group, self._left = problem, group, left
        self._memory = TaskMemory(problem, group.members)
        self._unit = problem.unit(group.members)
        self.smallest = self._memory.peak(prod(map(min, self._unit, problem.shape)))

    def peak(self, sweep: Sweep) -> int:
        """Bytes that the largest task of a sweep holds."""
        return self._memory.peak(prod(sweep.block))

    def sweeps(self, budget: int) -> Iterator[Sweep]:
        """One sweep, whose blocks serve as many targets as lie beside each other."""
        problem, group = self._problem, self._group
        block = self._block(self._memory.limit(budget))
        longest = block[problem.axis]
        route: Route = "mapped" if problem.takes_mapped else "decoded"
        entries = map(_entry, gather(self._cuts(longest), longest, problem.edges))
        yield problem.sweep(route, group.order, block, _joined(entries))

    def _cuts(self, longest: int) -> Iterable[Part | Strip]:
        """What of all targets is left to fill, in order along the axis."""
        targets = self._group.members
        found = chain.from_iterable(self._cut(target, longest) for target in targets)
        if len(targets) == 1:
            return found  # in order as it is, and there may be millions
        return sorted(found, key=itemgetter(1))  # of equal ones that of the first target is first

    def _cut(self, target: int, longest: int) -> Iterable[Part | Strip]:
        """What of a target is left to fill, in bands that one task may own."""
        problem, left = self._problem, self._left[target]
        unit = problem.views[target].write_unit
        step = 1 if unit is None else unit[problem.axis]
        longest = max(step, longest // step * step)
        if len(left) == 1 and 0 < left[0].length <= longest:
            return [(target, left[0])]  # as most of many
        return self._bands(target, step, longest)

    def _bands(self, target: int, step: int, longest: int) -> Iterator[Part | Strip]:
        """What of a target is left to fill, in bands of at most this length."""
        problem = self._problem
        for interval in self._left[target]:
            problem.refuse_many_steps(interval.length, longest)
            yield from cut_target(target, interval, step, longest, problem.edges)

    def _block(self, limit: int) -> Shape:
        """Shape of the blocks, whole chunks of both sides where that fits the limit."""
        problem, group = self._problem, self._group
        facts, thresholds = problem.facts, problem.thresholds
        chosen = [problem.views[i] for i in group.members]
        strided = set(facts.orders)
        if any(view.write_unit is None for view in chosen):
            strided.add(group.order)
        crowd = len(group.members) * thresholds.bytes_a_target
        crowd += len(problem.move.sources.segments) * thresholds.bytes_a_source
        comfortable = min(max(thresholds.comfortable, crowd), limit)
        fitting = tuple(map(min, facts.want, problem.shape))
        if group.order == "C":
            first = len(fitting) - problem.move.whole_axes
            fitting = fitting[:first] + problem.shape[first:]
        sequential = any(isinstance(view.layout, Stream) for view in chosen)
        return choose_block(
            Block(problem.shape, self._unit, fitting, self._memory.itemsize, limit, sequential),
            group.order,
            self._straddled(facts.want),
            sorted(strided, key=lambda order: order != group.order),
            thresholds._replace(comfortable=comfortable),
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
            unit = problem.views[index].write_unit
            interval = problem.targets.segments[index].interval
            for source, _ in problem.edges.overlapping(interval) if unit else ():
                start, _, chunk = problem.edges.of_source(source)
                gap, u = abs(interval.start - start), (unit or ())[axis]
                if not ((u % chunk == 0 and gap % chunk == 0) or (chunk % u == 0 and gap % u == 0)):
                    return True
        return False


def _entry(found: Strip | list[Part]) -> Band | Strip:
    if isinstance(found, Strip):
        return found
    writes = merge(found)
    if len(writes) == 1:
        ((target, interval),) = writes
        return Strip(target, interval, interval.length)
    return Band(writes, tuple(union(interval for _, interval in writes)))


def _joined(entries: Iterable[Band | Strip]) -> Iterator[Band | Strip]:
    """The same bands in fewer entries: steps of one length that follow each other are one."""
    last: Strip | None = None
    for entry in entries:
        if isinstance(entry, Strip) and last is not None and _follows(entry, last):
            last = last._replace(interval=Interval(last.interval.start, entry.interval.stop))
            continue
        if last is not None:
            yield last
        last = entry if isinstance(entry, Strip) else None
        if isinstance(entry, Band):
            yield entry
    if last is not None:
        yield last


def _follows(strip: Strip, last: Strip) -> bool:
    """Whether one strip goes on in the steps of another; only the very last may be shorter."""
    if strip.target != last.target or strip.interval.start != last.interval.stop:
        return False
    is_whole = last.interval.length % last.step == 0
    is_one = strip.interval.length <= min(strip.step, last.step)
    return is_whole and (strip.step == last.step or is_one)
