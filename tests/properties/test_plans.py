"""Plans of random tilings: complete, without overlap, one owner for every chunk, in the budget."""

from __future__ import annotations

from itertools import accumulate, pairwise
from math import prod

import numpy as np
import pytest
from examples import examples
from hypothesis import given, reject
from hypothesis import strategies as st

from concatsplit_core.array.geometry import Interval, drop, with_length
from concatsplit_core.array.layouts import ArrayLayout, Chunked, Contiguous, Encoding, Sharded
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.array.tiling import Segment, Tiling
from concatsplit_core.foundation.errors import OverBudget
from concatsplit_core.planning.move import MoveSpec
from concatsplit_core.planning.plan import Plan
from concatsplit_core.planning.planner import make_plan
from concatsplit_core.planning.task import ROUTES
from concatsplit_core.planning.thresholds import Thresholds

THRESHOLDS = Thresholds(long_run=24, copied_bytes=200)
"""The kernel has runs, and tasks, as short as the arrays here are."""

# what is drawn again and again is made once: hypothesis looks through every new strategy
CUTS = [st.lists(st.integers(0, total), max_size=5) for total in range(25)]
CHUNKS = [st.tuples(*[st.integers(1, 9)] * rank) for rank in range(4)]
LAYOUTS = st.sampled_from(("contiguous", "chunked", "sharded"))
LAYOUTS_OF_ALL = st.sampled_from(("contiguous", "chunked", "sharded", "mixed"))
ORDERS = st.sampled_from("CF")
ENCODINGS = st.sampled_from(
    (None, Encoding(np.dtype("u1"), "zstd"), Encoding(np.dtype("u1"), "zstd"))
)
TIMES = st.integers(1, 3)
PACKINGS = st.sampled_from((None, "end"))
ITEMS = st.sampled_from(("u1", "<f4", "<f8", "V3"))
SHAPES = st.lists(st.integers(1, 24), min_size=1, max_size=3).map(tuple)


def lengths(draw: st.DrawFn, total: int) -> list[int]:
    """Lengths that sum to a total, zeros among them."""
    return [b - a for a, b in pairwise([0, *sorted(draw(CUTS[total])), total])]


def segments(
    draw: st.DrawFn, shape: tuple, axis: int, parts: list[Interval], new_axis: bool, dtype: str
) -> tuple[Segment, ...]:
    """One array a part, each laid out in its own way."""
    found = []
    layouts = draw(LAYOUTS_OF_ALL)
    shared = draw(CHUNKS[len(shape)])
    for part in parts:
        own = drop(shape, axis) if new_axis else with_length(shape, axis, part.length)
        layout = draw(LAYOUTS) if layouts == "mixed" else layouts
        if layout != "contiguous" and draw(st.booleans()):
            shared = draw(CHUNKS[len(shape)])
        lies = lying(draw, layout, shared[: len(own)])
        found.append(Segment(part, ArraySpec(own, np.dtype(dtype), lies)))
    return tuple(found)


def lying(draw: st.DrawFn, layout: str, chunks: tuple) -> ArrayLayout:
    if layout == "contiguous":
        return Contiguous(draw(ORDERS))
    encoding = draw(ENCODINGS)
    if layout == "chunked":
        return Chunked(chunks, encoding)
    times = draw(TIMES)
    return Sharded(tuple(c * times for c in chunks), chunks, encoding, draw(PACKINGS))


@st.composite
def problems(draw: st.DrawFn) -> tuple[tuple, Tiling, Tiling]:
    """A logical array between two tilings, as the operators make them."""
    shape = draw(SHAPES)
    axis = draw(st.integers(0, len(shape) - 1))
    dtype = draw(ITEMS)
    tilings = []
    for _ in range(2):
        new_axis = draw(st.booleans())
        cut = [1] * shape[axis] if new_axis else lengths(draw, shape[axis])
        edges = [0, *accumulate(cut)]
        parts = [Interval(a, b) for a, b in pairwise(edges)]
        tilings.append(Tiling(axis, segments(draw, shape, axis, parts, new_axis, dtype), new_axis))
    return shape, tilings[0], tilings[1]


budgets = st.integers(1 << 6, 1 << 16)
jobs = st.integers(1, 4)


def plan_of(problem: tuple, memory: int, workers: int, routes: tuple = ROUTES) -> Plan:
    shape, sources, targets = problem
    try:
        return make_plan(
            [MoveSpec(shape, sources, targets)],
            memory=memory,
            jobs=workers,
            routes=routes,
            thresholds=THRESHOLDS,
        )
    except OverBudget as error:
        if error.found > memory:
            reject()
        raise


def _every_element_is_written_once(problem: tuple, plan: Plan) -> None:
    shape, _, targets = problem
    written = [np.zeros(targets.view(i).shape, int) for i in range(len(targets.segments))]
    tasks = list(plan.tasks())
    for task in tasks:
        for write in task.writes:
            start = targets.segments[write.array].interval.start
            written[write.array][write.box.shift(targets.axis, -start).slices] += 1
    assert all((count == 1).all() for count in written)
    assert [task.number for task in tasks] == list(range(len(plan)))
    assert plan.bytes_written == prod(shape) * targets.segments[0].spec.dtype.itemsize


def _a_task_has_what_it_writes(problem: tuple, plan: Plan) -> None:
    shape, sources, targets = problem
    for task in plan.tasks():
        had = np.zeros(shape, int)
        for piece in (*task.reads, *task.copies):
            interval = sources.segments[piece.array].interval
            assert interval.start <= piece.box.start[sources.axis]
            assert piece.box.stop[sources.axis] <= interval.stop
            assert piece.box.size
            had[piece.box.slices] += 1
        assert (had <= 1).all()
        for piece in task.writes:
            interval = targets.segments[piece.array].interval
            assert interval.start <= piece.box.start[targets.axis]
            assert piece.box.stop[targets.axis] <= interval.stop
            assert (had[piece.box.slices] == 1).all()


def _what_moves_is_the_same_on_both_sides(problem: tuple, plan: Plan) -> None:
    _, sources, targets = problem
    for task in plan.tasks():
        assert not task.copies or task.route in {"kernel", "encoded"}
        if task.route == "kernel":
            assert [m.box for m in task.copies] == [w.box for w in task.writes]
        for move in task.copies if task.route == "encoded" else ():
            (write,) = task.writes
            for tiling, piece in ((sources, move), (targets, write)):
                view = tiling.view(piece.array)
                start = tiling.segments[piece.array].interval.start
                box = move.box.shift(tiling.axis, -start)
                unit = view.shards if task.shards else view.chunks
                assert unit is not None
                for a, b, u, n in zip(box.start, box.stop, unit, view.shape, strict=True):
                    assert a % u == 0
                    assert b % u == 0 or b == n
            here, there = sources.view(move.array), targets.view(write.array)
            assert here.encoding is not None
            assert here.encoding == there.encoding
            assert here.chunks == there.chunks
            if task.shards:
                assert isinstance(here.layout, Sharded)
                assert isinstance(there.layout, Sharded)
                assert here.shards == there.shards
                assert here.layout.packing == there.layout.packing
            _same_edges(move, sources, write, targets, there.chunks)


def _same_edges(move, sources, write, targets, chunks) -> None:
    """A chunk that is cut off by the end of one array is cut off there by that of the other."""
    axis = targets.axis
    stop = move.box.stop[axis]
    ends = (sources.segments[move.array].interval.stop, targets.segments[write.array].interval.stop)
    start = targets.segments[write.array].interval.start
    assert (stop - start) % chunks[axis] == 0 or ends == (stop, stop)


@examples(200)
@given(problems(), budgets, jobs, st.sets(st.sampled_from(("kernel", "encoded", "mapped"))))
def test_only_allowed_routes_are_taken(
    problem: tuple, memory: int, workers: int, some: set[str]
) -> None:
    shape, _, targets = problem
    allowed = tuple(route for route in ROUTES if route in some or route == "decoded")
    plan = plan_of(problem, memory, workers, allowed)
    assert {task.route for task in plan.tasks()} <= set(allowed)
    assert set(plan.routes) <= set(allowed)
    total = prod(shape) * targets.segments[0].spec.dtype.itemsize
    assert sum(plan.routes.values()) == total
    assert set(plan.reasons) <= set(plan.routes)


def _no_write_cuts_through_a_chunk(problem: tuple, plan: Plan) -> None:
    _, _, targets = problem
    for task in plan.tasks():
        for piece in task.writes:
            view = targets.view(piece.array)
            if view.write_unit is None:
                continue
            start = targets.segments[piece.array].interval.start
            box = piece.box.shift(targets.axis, -start)
            for a, b, unit, size in zip(
                box.start, box.stop, view.write_unit, view.shape, strict=True
            ):
                assert a % unit == 0
                assert b % unit == 0 or b == size


def _peak_is_kept(problem: tuple, plan: Plan) -> None:
    """A worker holds its block, and of a chunk what is stored and what it is decoded to."""
    _, sources, targets = problem
    itemsize = targets.segments[0].spec.dtype.itemsize
    for task in plan.tasks():
        views = [sources.view(piece.array) for piece in (*task.reads, *task.copies)]
        held = 2 * max((prod(view.chunks) for view in views if view.chunks is not None), default=0)
        held += sum(write.box.size for write in task.writes) if task.reads else 0
        assert plan.workers * held * itemsize <= plan.peak_memory_bytes
    assert max(prod(w.box.shape) for t in plan.tasks() for w in t.writes) <= prod(plan.block)
    for move in plan.moves:
        for sweep in move.sweeps:
            bands = [sweep.bands[number] for number in range(len(sweep.bands))]
            assert max(band.length for band in bands) == sweep.block[move.move.axis]


def _counts_of_bytes(problem: tuple, plan: Plan) -> None:
    shape, sources, targets = problem
    assert plan.read_amplification >= 1
    assert plan.bytes_read == _bytes_decoded(plan, sources)
    itemsize = targets.segments[0].spec.dtype.itemsize
    assert sum(plan.routes.values()) == prod(shape) * itemsize
    contiguous = all(s.spec.is_contiguous for t in (sources, targets) for s in t.segments)
    if contiguous:
        assert plan.read_amplification == 1
        assert set(plan.routes) <= {"kernel", "mapped"}


def _bytes_decoded(plan: Plan, sources: Tiling) -> int:
    """Bytes of the whole chunks that the reads touch, one task after the other."""
    total = 0
    for task in plan.tasks():
        for piece in task.reads:
            view = sources.view(piece.array)
            start = sources.segments[piece.array].interval.start
            box = piece.box.shift(sources.axis, -start)
            chunks = view.chunks or (1,) * view.ndim
            sides = (
                min(-(-b // c) * c, n) - a // c * c
                for a, b, c, n in zip(box.start, box.stop, chunks, view.shape, strict=True)
            )
            total += prod(sides) * view.dtype.itemsize
        total += sum(
            piece.box.size * sources.view(piece.array).dtype.itemsize for piece in task.copies
        )
    return total


@examples(300)
@given(problems(), budgets, jobs)
def test_a_plan(problem: tuple, memory: int, workers: int) -> None:
    """All at once, of the same plans: to draw a problem takes longer than to check its plan."""
    plan = plan_of(problem, memory, workers)
    assert 1 <= plan.workers <= workers
    assert plan.peak_memory_bytes <= memory
    _every_element_is_written_once(problem, plan)
    _a_task_has_what_it_writes(problem, plan)
    _what_moves_is_the_same_on_both_sides(problem, plan)
    _no_write_cuts_through_a_chunk(problem, plan)
    _peak_is_kept(problem, plan)
    _counts_of_bytes(problem, plan)


@examples(60)
@given(problems(), budgets, jobs)
def test_a_plan_is_a_value(problem: tuple, memory: int, workers: int) -> None:
    plan = plan_of(problem, memory, workers)
    again = plan_of(problem, memory, workers)
    assert plan == again
    assert list(plan.tasks()) == list(again.tasks())
    assert plan.to_dict() == again.to_dict()


@examples(60)
@given(problems(), jobs)
def test_the_budget_that_is_named_will_do(problem: tuple, workers: int) -> None:
    moves = [MoveSpec(*problem)]
    with pytest.raises(OverBudget) as refused:
        make_plan(moves, memory=1, jobs=workers)
    needed = refused.value.found
    assert isinstance(needed, int)
    plan = make_plan(moves, memory=needed, jobs=workers)
    assert plan.peak_memory_bytes <= needed


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 10_000), (20_000, 1)])
def test_many_arrays_are_part_of_the_budget(inputs: int, outputs: int) -> None:
    length = inputs * outputs
    sources, targets = (
        Tiling(
            0,
            tuple(
                Segment(Interval(i, i + step), ArraySpec((step, 8), np.dtype("f8")))
                for i in range(0, length, step)
            ),
        )
        for step in (length // inputs, length // outputs)
    )

    def plan(memory: int) -> Plan:
        return make_plan([MoveSpec((length, 8), sources, targets)], memory=memory, jobs=2)

    with pytest.raises(OverBudget, match=r"20001|10001") as caught:
        plan(4 << 20)
    assert isinstance(caught.value.found, int)
    found = plan(caught.value.found)
    assert found.peak_memory_bytes < caught.value.found - (16 << 20)
