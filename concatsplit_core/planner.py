"""From two tilings of one logical array and a budget to a plan: pure, and of no format."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod

from concatsplit_core.blocking import (
    COMFORTABLE,
    SHORT_RUN,
    Block,
    Edges,
    choose_block,
    cut_target,
    gather,
    merge,
    union,
)
from concatsplit_core.errors import OverBudget
from concatsplit_core.geometry import Interval, Shape, ceil_to, steps
from concatsplit_core.plan import WINDOW, Band, Plan, Sweep
from concatsplit_core.routing import count_routes
from concatsplit_core.sizes import format_size
from concatsplit_core.spec import Order, Tiling

_SMALLEST_WINDOW = 4096
_CROWD = 64
"""Targets from which on larger windows pay: each costs a look at every target."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Targets that can share tasks: their chunk grids agree off the axis."""

    unit: Shape | None
    order: Order
    members: tuple[int, ...]


def make_plan(shape: Shape, sources: Tiling, targets: Tiling, *, memory: int, jobs: int) -> Plan:
    """Decide which task moves which boxes, by which route.

    Parameters
    ----------
    shape : tuple of int
        Shape of the logical array.
    sources, targets : Tiling
        Along the same axis. The sources cover what the targets cover.
    memory : int
        Budget in bytes for array data in memory.
    jobs : int
        Most tasks in flight at once.

    Raises
    ------
    OverBudget
        Not even one block of the smallest kind fits the budget.
    """
    if 0 in shape or not targets.segments or not targets.segments[0].spec.dtype.itemsize:
        return Plan((), {}, {}, shape, 1, WINDOW, 0, 0, 0)
    edges = Edges(sources)
    groups = _group(targets)
    crowded = len(targets.segments) > _CROWD
    window = max(_SMALLEST_WINDOW, min(WINDOW << 2 * crowded, memory // (8 * jobs)))
    costs = [_Cost(sources, targets, group, window) for group in groups]
    workers = _workers(shape, groups, costs, targets, memory, jobs)
    sweeps = tuple(
        _sweep(shape, sources, targets, group, cost.limit(memory // workers), edges)
        for group, cost in zip(groups, costs, strict=True)
    )
    blocks = [_largest(sweep) for sweep in sweeps]
    count = sum(len(sweep) for sweep in sweeps)
    peak = max(
        (cost.peak(prod(block)) for block, cost in zip(blocks, costs, strict=True)), default=0
    )
    routes, reasons = count_routes(shape, sources, targets, edges)
    return Plan(
        sweeps=sweeps,
        routes=routes,
        reasons=reasons,
        block=max(blocks, key=prod, default=shape),
        workers=max(1, min(workers, count)),
        window=window,
        peak_memory_bytes=max(1, min(workers, count)) * peak,
        bytes_read=sum(_bytes_read(sweep, sources) for sweep in sweeps),
        bytes_written=sum(_covered(targets, shape)),
    )


class _Cost:
    """Bytes that a task of one group keeps in memory beside its block, and in all."""

    def __init__(self, sources: Tiling, targets: Tiling, group: _Group, window: int) -> None:
        specs = [segment.spec for segment in sources.segments]
        chosen = [targets.segments[i].spec for i in group.members]
        self.itemsize = max(spec.memory_itemsize for spec in chosen)
        chunks = [prod(s.chunks) * s.memory_itemsize for s in specs if s.chunks is not None]
        self.read = 2 * max(chunks, default=0)
        self.window = max((min(window, s.nbytes) for s in specs if s.contiguous), default=0)
        unit = max((prod(s.write_unit) for s in chosen if s.write_unit is not None), default=0)
        self.write = unit * self.itemsize
        self.copies = 1 if all(spec.contiguous for spec in chosen) else 2

    @property
    def beside(self) -> int:
        return max(self.read, self.window) + self.write

    def peak(self, elements: int) -> int:
        """Bytes of a task whose block has this many elements."""
        return self.copies * elements * self.itemsize + self.beside

    def limit(self, budget: int) -> int:
        """Bytes that a block may have under a budget for the whole task."""
        return max(0, budget - self.beside) // self.copies


def _group(targets: Tiling) -> list[_Group]:
    """Targets by what has to be written as a whole off the axis, and by element order."""
    found: defaultdict[tuple[Shape | None, Order], list[int]] = defaultdict(list)
    for index in range(len(targets.segments)):
        view = targets.view(index)
        if targets.segments[index].interval.length:
            unit = view.write_unit
            key = None if unit is None else unit[: targets.axis] + unit[targets.axis + 1 :]
            found[key, view.order].append(index)
    return [_Group(unit, order, tuple(members)) for (unit, order), members in found.items()]


def _workers(
    shape: Shape,
    groups: Sequence[_Group],
    costs: Sequence[_Cost],
    targets: Tiling,
    memory: int,
    jobs: int,
) -> int:
    """How many tasks of the smallest kind fit the budget at once, at most ``jobs``."""
    need = 0
    for group, cost in zip(groups, costs, strict=True):
        unit = _unit(shape, targets, group)
        need = max(need, cost.peak(prod(map(min, unit, shape))))
    if need > memory:
        raise OverBudget(
            f"the smallest step holds {format_size(need)} of array data, more than "
            f"--memory {format_size(memory)}: a chunk or shard has to be decoded or written as a "
            f"whole; give --memory {format_size(need, up=True)} or smaller --chunks",
            found=need,
            expected=memory,
        )
    return max(1, min(jobs, memory // max(1, need)))


def _unit(shape: Shape, targets: Tiling, group: _Group) -> Shape:
    """Smallest box that one task may own, per axis of the logical array."""
    units = [targets.view(i).write_unit or (1,) * len(shape) for i in group.members]
    return tuple(map(max, zip(*units, strict=True)))


def _sweep(
    shape: Shape, sources: Tiling, targets: Tiling, group: _Group, limit: int, edges: Edges
) -> Sweep:
    """Tasks that fill one group of targets."""
    axis, ndim = targets.axis, len(shape)
    views = [sources.view(i) for i in range(len(sources.segments))]
    decoded = [view for view in views if view.chunks]
    want = tuple(
        max((view.chunks[d] for view in decoded if view.chunks), default=1) for d in range(ndim)
    )
    unit = _unit(shape, targets, group)
    itemsize = max(targets.segments[i].spec.memory_itemsize for i in group.members)
    sequential = any(targets.segments[i].spec.sequential for i in group.members)
    flat = {view.order for view in views if view.contiguous and not view.is_string}
    if group.unit is None:
        flat.add(group.order)
    comfortable = min(max(COMFORTABLE, len(group.members) * SHORT_RUN * 2), limit)
    block = choose_block(
        Block(shape, unit, tuple(map(min, want, shape)), itemsize, limit, sequential),
        group.order,
        _straddled(sources, targets, group, unit, want),
        sorted(flat, key=lambda order: order != group.order),
        comfortable,
    )
    units = []
    for index in group.members:
        write_unit = targets.view(index).write_unit
        length = write_unit[axis] if write_unit else None
        interval = targets.segments[index].interval
        units += [(index, cut) for cut in cut_target(interval, length, block[axis], edges)]
    units.sort(key=lambda entry: (entry[1], entry[0]))
    bands = tuple(
        _band(merge(band), sources, targets, edges) for band in gather(units, block[axis], edges)
    )
    grid = tuple(() if d == axis else tuple(steps(shape[d], block[d])) for d in range(ndim))
    return Sweep(axis, group.order, grid, bands)


def _straddled(
    sources: Tiling, targets: Tiling, group: _Group, unit: Shape, want: Shape
) -> list[int]:
    """Axes on which neither grid's edges are all edges of the other."""
    axes = [
        d
        for d, (u, w) in enumerate(zip(unit, want, strict=True))
        if d != targets.axis and u % w and w % u
    ]
    if want[targets.axis] > 1 and group.unit is not None and _offset(sources, targets, group):
        axes.insert(0, targets.axis)
    return axes


def _offset(sources: Tiling, targets: Tiling, group: _Group) -> bool:
    """Whether chunks of the inputs straddle chunks of the outputs along the axis."""
    axis = targets.axis
    edges = Edges(sources)
    for index in group.members:
        start = targets.segments[index].interval.start
        unit = targets.view(index).write_unit
        for source, _ in edges.overlapping(targets.segments[index].interval):
            chunks = sources.view(source).chunks
            if not unit or not chunks:
                continue
            gap = abs(start - sources.segments[source].interval.start)
            u, c = unit[axis], chunks[axis]
            if not ((u % c == 0 and gap % c == 0) or (c % u == 0 and gap % u == 0)):
                return True
    return False


def _band(
    writes: tuple[tuple[int, Interval], ...], sources: Tiling, targets: Tiling, edges: Edges
) -> Band:
    """What has to be read for these writes."""
    reads = tuple(
        read
        for interval in union(interval for _, interval in writes)
        for read in edges.overlapping(interval)
    )
    mapped = all(sources.segments[i].spec.contiguous for i, _ in reads) and all(
        targets.segments[i].spec.contiguous for i, _ in writes
    )
    return Band(reads, writes, "mapped" if mapped else "decoded")


def _largest(sweep: Sweep) -> Shape:
    """Shape of the largest block: what all writes of one task hold together."""
    along = max(sum(part.length for _, part in band.writes) for band in sweep.bands)
    return tuple(
        along if d == sweep.axis else max(part.length for part in intervals)
        for d, intervals in enumerate(sweep.grid)
    )


def _bytes_read(sweep: Sweep, sources: Tiling) -> int:
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
    return total


def _cover(intervals: Iterable[Interval], origin: int, chunk: int, size: int) -> int:
    """Length of the whole chunks that each of the intervals touches."""
    return sum(
        min(ceil_to(part.stop - origin, chunk), size) - (part.start - origin) // chunk * chunk
        for part in intervals
    )


def _covered(targets: Tiling, shape: Shape) -> Iterable[int]:
    section = prod(shape) // shape[targets.axis]
    return (s.interval.length * section * s.spec.dtype.itemsize for s in targets.segments)
