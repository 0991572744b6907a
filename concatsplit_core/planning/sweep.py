"""Sweeps: a short description of many tasks; each task is worked out when it is asked for.

::

    other axes   +-----+-----+-----+--+
                 |  0  |  1  |  2  |  |     steps of one length on the other axes
                 +-----+-----+-----+--+     times bands along the axis, which are
                 |  5  |  6  |  7  |  |     told one by one where they differ, and
                 +-----+-----+-----+--+     as a strip where they are all alike
                  axis ------------->
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from math import prod

from concatsplit_core.array.edges import Edges
from concatsplit_core.array.geometry import Box, Interval, Shape, drop, with_length
from concatsplit_core.array.layouts import Order
from concatsplit_core.array.runs import CommonRuns, common_runs
from concatsplit_core.foundation.records import NamedTuple, dataclass, field
from concatsplit_core.planning.move import MoveSpec
from concatsplit_core.planning.task import Piece, Route, Task

Part = tuple[int, Interval]
"""A source, or a target, and an interval of the logical axis."""


class Band(NamedTuple):
    """What one step along the axis writes, and where that comes from.

    Parameters
    ----------
    writes : tuple of (int, Interval)
        Targets.
    reads : tuple of Interval
        What is read as elements from whatever sources lie there.
    copies : tuple of (int, Interval)
        What is copied as it is stored, from which source.
    shards : bool
        The copies are of whole shards.
    """

    writes: tuple[Part, ...]
    reads: tuple[Interval, ...] = ()
    copies: tuple[Part, ...] = ()
    shards: bool = False

    @property
    def length(self) -> int:
        """How much of the axis all writes cover together."""
        return sum([stop - start for _, (start, stop) in self.writes])


class Strip(NamedTuple):
    """Bands that write one target in steps of one length; the last step may be shorter.

    Parameters
    ----------
    target : int
    interval : Interval
    step : int
    source : int, optional
        What all of it is copied from as it is stored; else it is read as elements.
    shards : bool
        The copies are of whole shards.
    """

    target: int
    interval: Interval
    step: int
    source: int | None = None
    shards: bool = False

    @property
    def number(self) -> int:
        """How many bands it stands for."""
        return -(-self.interval.length // self.step)

    @property
    def length(self) -> int:
        """Length of its longest band."""
        return min(self.step, self.interval.length)

    def band(self, number: int) -> Band:
        """One of the bands."""
        start = self.interval.start + number * self.step
        along = Interval(start, min(start + self.step, self.interval.stop))
        writes = ((self.target, along),)
        if self.source is None:
            return Band(writes, (along,))
        return Band(writes, (), ((self.source, along),), self.shards)


@dataclass(frozen=True, slots=True)
class Bands:
    """Bands in the order of their numbers, in a short description.

    Parameters
    ----------
    entries : tuple of Band or Strip
    """

    entries: tuple[Band | Strip, ...]
    _firsts: array[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        numbers = (1 if isinstance(e, Band) else e.number for e in self.entries)
        object.__setattr__(self, "_firsts", array("q", accumulate(numbers, initial=0)))

    def __len__(self) -> int:
        return self._firsts[-1]

    def __getitem__(self, number: int) -> Band:
        at = bisect_right(self._firsts, number) - 1
        entry = self.entries[at]
        return entry if isinstance(entry, Band) else entry.band(number - self._firsts[at])

    @property
    def longest(self) -> int:
        """Length of the longest band."""
        return max(entry.length for entry in self.entries)


class Sweep(NamedTuple):
    """Tasks over one group of targets: steps on the other axes, bands along the axis.

    Parameters
    ----------
    route : str
        Who does the tasks. What a mapped sweep reads from, or writes to, an array that is not
        strided is decoded.
    order : {"C", "F"}
        Which way the tasks follow each other: as the elements of the targets do.
    block : tuple of int
        Shape of the largest block.
    grid : tuple of int
        How many tasks there are along each axis.
    bands : Bands
    """

    route: Route
    order: Order
    block: Shape
    grid: Shape
    bands: Bands

    @property
    def tasks(self) -> int:
        """How many tasks it stands for."""
        return prod(self.grid)

    def cell(self, number: int) -> Shape:
        """Where a task lies on the grid, whose slowest axis is the first in C order."""
        index = []
        for count in reversed(self.grid) if self.order == "C" else self.grid:
            number, at = divmod(number, count)
            index.append(at)
        return tuple(index if self.order == "F" else index[::-1])


def sweep_of(
    move: MoveSpec, route: Route, order: Order, steps: Shape, entries: Iterable[Band | Strip]
) -> Sweep:
    """A sweep in steps of these lengths on the axes that are not the one of the bands."""
    bands = Bands(tuple(entries))
    cut = tuple(map(min, steps, move.shape))
    grid = tuple(-(-n // step) for n, step in zip(move.shape, cut, strict=True))
    return Sweep(
        route,
        order,
        with_length(cut, move.axis, bands.longest),
        with_length(grid, move.axis, len(bands)),
        bands,
    )


class SweepTasks:
    """The tasks of one sweep.

    Parameters
    ----------
    sweep : Sweep
    move : MoveSpec
    edges : Edges
        Of the sources.
    index : int
        Number of the move in its plan.
    first : int
        Number of the first task in the plan.
    """

    def __init__(self, sweep: Sweep, move: MoveSpec, edges: Edges, index: int, first: int) -> None:
        self._sweep, self._move, self._edges = sweep, move, edges
        self._index, self._first = index, first

    def __getitem__(self, number: int) -> Task:
        sweep, axis = self._sweep, self._move.axis
        band, outer = self._lies(number)
        reads = [part for along in band.reads for part in self._edges.overlapping(along)]
        copies = _pieces(outer, axis, band.copies)
        writes = _pieces(outer, axis, band.writes)
        return Task(
            self._first + number,
            self._route(band, reads),
            _pieces(outer, axis, reads),
            writes,
            copies,
            band.shards,
            self._index,
            self._runs(copies[0], writes[0]) if sweep.route == "kernel" else None,
        )

    def bytes_of(self, number: int) -> int:
        """Array bytes that a task writes."""
        band, outer = self._lies(number)
        section = prod(drop(outer.shape, self._move.axis))
        return band.length * section * self._move.targets.segments[0].spec.dtype.itemsize

    def _lies(self, number: int) -> tuple[Band, Box]:
        """The band of a task, and its box on the other axes."""
        sweep, move = self._sweep, self._move
        at = sweep.cell(number)
        start = tuple(i * step for i, step in zip(at, sweep.block, strict=True))
        stop = tuple(
            min(a + step, n) for a, step, n in zip(start, sweep.block, move.shape, strict=True)
        )
        return sweep.bands[at[move.axis]], Box(start, stop)

    def _route(self, band: Band, reads: Iterable[Part]) -> Route:
        if self._sweep.route != "mapped":
            return self._sweep.route
        sources, targets = self._move.sources.segments, self._move.targets.segments
        strided = all(sources[i].spec.is_strided for i, _ in reads) and all(
            targets[i].spec.is_strided for i, _ in band.writes
        )
        return "mapped" if strided else "decoded"

    def _runs(self, copy: Piece, write: Piece) -> CommonRuns:
        sources, targets = self._move.sources, self._move.targets
        return common_runs(
            sources.view(copy.array),
            sources.within(copy.array, copy.box),
            targets.view(write.array),
            targets.within(write.array, write.box),
        )


def _pieces(outer: Box, axis: int, parts: Iterable[Part]) -> tuple[Piece, ...]:
    """Parts of the axis with the box on the other axes; one task may have thousands."""
    start, stop = outer
    a, b, c, d = start[:axis], start[axis + 1 :], stop[:axis], stop[axis + 1 :]
    return tuple(
        Piece(number, Box((*a, first, *b), (*c, last, *d))) for number, (first, last) in parts
    )
