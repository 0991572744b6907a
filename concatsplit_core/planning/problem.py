"""One move that is routed, and what all kinds of sweeps are made from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from math import prod
from typing import Protocol

from concatsplit_core.array.edges import Edges
from concatsplit_core.array.geometry import Interval, Shape, ceil_to
from concatsplit_core.array.layouts import Order
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.array.tiling import Tiling
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.planning.blocking import refuse_many_steps, union
from concatsplit_core.planning.move import MoveSpec
from concatsplit_core.planning.routing import Routing, Share
from concatsplit_core.planning.sweep import Band, Strip, Sweep, sweep_of
from concatsplit_core.planning.task import Route
from concatsplit_core.planning.thresholds import Thresholds


class SourceFacts(NamedTuple):
    """What has to be known of all sources together to choose blocks.

    Parameters
    ----------
    chunk_bytes : int
        Of the largest chunk, in memory.
    strided_bytes : int
        Of the largest strided source.
    want : tuple of int
        The longest chunks along each axis; 1 where there are none.
    orders : set of {"C", "F"}
        Of strided sources.
    converted : bool
        The values of any source are converted.
    counted : bool
        The stored chunks of any source have been counted.
    """

    chunk_bytes: int
    strided_bytes: int
    want: Shape
    orders: set[Order]
    converted: bool
    counted: bool


def source_facts(views: Iterable[ArraySpec], ndim: int) -> SourceFacts:
    """Look at every source once; many are one and the same spec."""
    chunk_bytes = strided_bytes = 0
    want, orders, converted, counted = (1,) * ndim, set[Order](), False, False
    last: ArraySpec | None = None
    for view in views:
        if view is last:
            continue
        last = view
        converted = converted or view.converted
        chunks = view.chunks
        if chunks is not None:
            chunk_bytes = max(chunk_bytes, prod(chunks) * view.memory_itemsize)
            want = tuple(map(max, want, chunks))
            counted = counted or view.stored_chunks is not None
        elif view.is_strided:
            strided_bytes = max(strided_bytes, view.nbytes)
            if not view.is_string:
                orders.add(view.order)
    return SourceFacts(chunk_bytes, strided_bytes, want, orders, converted, counted)


class Problem(NamedTuple):
    """One logical array between two tilings, routed.

    Parameters
    ----------
    move : MoveSpec
    edges : Edges
        Of the sources.
    routing : Routing
    facts : SourceFacts
    views : list of ArraySpec
        Of the targets, with the axes of the logical array.
    itemsize : int
        Bytes of an element of the targets in memory.
    window : int
        Bytes to read from a contiguous source at once.
    check : bool
        What is copied as it is stored is decoded as well.
    takes_mapped : bool
        Elements may go from strides to strides.
    thresholds : Thresholds
    """

    move: MoveSpec
    edges: Edges
    routing: Routing
    facts: SourceFacts
    views: list[ArraySpec]
    itemsize: int
    window: int
    check: bool
    takes_mapped: bool
    thresholds: Thresholds

    @property
    def shape(self) -> Shape:
        return self.move.shape

    @property
    def axis(self) -> int:
        return self.move.axis

    @property
    def targets(self) -> Tiling:
        return self.move.targets

    def unit(self, members: Iterable[int]) -> Shape:
        """Smallest box of these targets that one task may own, on the logical array."""
        ones = (1,) * len(self.shape)
        units = {self.views[i].write_unit or ones for i in members}
        return tuple(map(max, zip(*units, strict=True)))

    def sweep(
        self, route: Route, order: Order, block: Shape, entries: Iterable[Band | Strip]
    ) -> Sweep:
        """A sweep in blocks of this shape off the axis.

        Raises
        ------
        OverBudget
            It would have too many steps along an axis.
        """
        for d, (size, step) in enumerate(zip(self.shape, block, strict=True)):
            if d != self.axis:
                self.refuse_many_steps(size, step)
        return sweep_of(self.move, route, order, block, entries)

    def refuse_many_steps(self, length: int, step: int) -> None:
        """Refuse more steps along an axis than a plan may have."""
        refuse_many_steps(length, step, self.thresholds.most_steps)

    def rows(self, shares: Iterable[Share], target: int) -> list[Interval]:
        """What is copied to a target, widened to all that has to be written with it."""
        segment = self.targets.segments[target]
        start, unit = segment.interval.start, self.views[target].write_unit
        step = unit[self.axis] if unit is not None else 1
        return union(
            Interval(
                start + (share.interval.start - start) // step * step,
                min(start + ceil_to(share.interval.stop - start, step), segment.interval.stop),
            )
            for share in shares
        )

    def left_over(self) -> dict[int, list[Interval]]:
        """What of each target has to be filled by blocks; those that nothing is left of are out."""
        found: dict[int, list[Interval]] = {}
        is_copied = not self.routing.routes.keys().isdisjoint(("kernel", "encoded"))
        for target, (interval, _) in enumerate(self.targets.segments):
            copied = self.routing.of(target, "kernel", "encoded") if is_copied else []
            left = subtract(interval, self.rows(copied, target)) if copied else [interval]
            if left and left[0].length:
                found[target] = left
        return found


class Batch(Protocol):
    """Sweeps of one kind over targets of one kind."""

    smallest: int
    """Bytes that its smallest possible task holds."""

    def sweeps(self, budget: int) -> Iterator[Sweep]:
        """Its tasks, none of which holds more than so many bytes."""
        ...

    def peak(self, sweep: Sweep) -> int:
        """Bytes that the largest task of a sweep holds."""
        ...


class TargetGroup(NamedTuple):
    """Targets that can share tasks: their chunk grids agree off the axis."""

    order: Order
    members: tuple[int, ...]


def group_targets(views: list[ArraySpec], axis: int, wanted: Iterable[int]) -> list[TargetGroup]:
    """Targets grouped by element order, and by what they write as a whole on other axes."""
    found: defaultdict[tuple[Shape | None, Order], list[int]] = defaultdict(list)
    for index in wanted:
        view = views[index]
        unit = view.write_unit
        key = None if unit is None else unit[:axis] + unit[axis + 1 :]
        found[key, view.order].append(index)
    return [TargetGroup(order, tuple(members)) for (_, order), members in found.items()]


def subtract(interval: Interval, taken: Iterable[Interval]) -> list[Interval]:
    """What is left of an interval without others, which lie inside it in order."""
    left, at = [], interval.start
    for part in taken:
        if part.start > at:
            left.append(Interval(at, part.start))
        at = part.stop
    return [*left, Interval(at, interval.stop)] if at < interval.stop else left
