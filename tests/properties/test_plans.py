"""Plans of random tilings: complete, without overlap, one owner for every chunk, in the budget."""

from __future__ import annotations

from itertools import accumulate, pairwise
from math import prod

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from concatsplit_core.errors import OverBudget
from concatsplit_core.geometry import Interval, drop, replace
from concatsplit_core.plan import Plan
from concatsplit_core.planner import make_plan
from concatsplit_core.spec import ArraySpec, Segment, Tiling

DTYPES = ("u1", "<f4", "<f8", "V3")


@st.composite
def lengths(draw: st.DrawFn, total: int) -> list[int]:
    """Lengths that sum to a total, zeros among them."""
    cuts = draw(st.lists(st.integers(0, total), max_size=5))
    return [b - a for a, b in pairwise([0, *sorted(cuts), total])]


@st.composite
def segments(
    draw: st.DrawFn, shape: tuple, axis: int, parts: list[Interval], new_axis: bool, dtype: str
) -> tuple[Segment, ...]:
    """One array a part, each laid out in its own way."""
    found = []
    layouts = draw(st.sampled_from(("contiguous", "chunked", "sharded", "mixed")))
    shared = draw(st.tuples(*[st.integers(1, 9)] * len(shape)))
    for part in parts:
        own = drop(shape, axis) if new_axis else replace(shape, axis, part.length)
        layout = layouts
        if layouts == "mixed":
            layout = draw(st.sampled_from(("contiguous", "chunked", "sharded")))
        chunks = shards = None
        if layout != "contiguous":
            if draw(st.booleans()):
                shared = draw(st.tuples(*[st.integers(1, 9)] * len(shape)))
            chunks = shared[: len(own)]
        if layout == "sharded" and chunks is not None:
            times = draw(st.integers(1, 3))
            shards = tuple(c * times for c in chunks)
        order = draw(st.sampled_from("CF")) if chunks is None else "C"
        spec = ArraySpec(own, np.dtype(dtype), order, chunks is None, chunks, shards)
        found.append(Segment(part, spec))
    return tuple(found)


@st.composite
def problems(draw: st.DrawFn) -> tuple[tuple, Tiling, Tiling]:
    """A logical array between two tilings, as the operators make them."""
    shape = draw(st.lists(st.integers(1, 24), min_size=1, max_size=3).map(tuple))
    axis = draw(st.integers(0, len(shape) - 1))
    dtype = draw(st.sampled_from(DTYPES))
    tilings = []
    for _ in range(2):
        new_axis = draw(st.booleans())
        cut = [1] * shape[axis] if new_axis else draw(lengths(shape[axis]))
        edges = [0, *accumulate(cut)]
        parts = [Interval(a, b) for a, b in pairwise(edges)]
        tilings.append(Tiling(axis, draw(segments(shape, axis, parts, new_axis, dtype)), new_axis))
    return shape, tilings[0], tilings[1]


budgets = st.integers(1 << 6, 1 << 16)
jobs = st.integers(1, 4)


def plan_of(problem: tuple, memory: int, workers: int) -> Plan:
    shape, sources, targets = problem
    try:
        return make_plan(shape, sources, targets, memory=memory, jobs=workers)
    except OverBudget as error:
        if error.found > memory:
            reject()
        raise


@settings(max_examples=150)
@given(problems(), budgets, jobs)
def test_every_element_is_written_once(problem: tuple, memory: int, workers: int) -> None:
    shape, _, targets = problem
    plan = plan_of(problem, memory, workers)
    written = [np.zeros(targets.view(i).shape, int) for i in range(len(targets.segments))]
    tasks = list(plan.tasks())
    for task in tasks:
        for write in task.writes:
            start = targets.segments[write.array].interval.start
            written[write.array][write.box.shift(targets.axis, -start).slices] += 1
    assert all((count == 1).all() for count in written)
    assert [task.number for task in tasks] == list(range(len(plan)))
    assert plan.bytes_written == prod(shape) * targets.segments[0].spec.dtype.itemsize


@settings(max_examples=150)
@given(problems(), budgets, jobs)
def test_a_task_reads_what_it_writes(problem: tuple, memory: int, workers: int) -> None:
    shape, sources, targets = problem
    plan = plan_of(problem, memory, workers)
    for task in plan.tasks():
        read = np.zeros(shape, int)
        for piece in task.reads:
            interval = sources.segments[piece.array].interval
            assert interval.start <= piece.box.start[sources.axis]
            assert piece.box.stop[sources.axis] <= interval.stop
            assert piece.box.size
            read[piece.box.slices] += 1
        assert (read <= 1).all()
        for piece in task.writes:
            interval = targets.segments[piece.array].interval
            assert interval.start <= piece.box.start[targets.axis]
            assert piece.box.stop[targets.axis] <= interval.stop
            assert (read[piece.box.slices] == 1).all()


@settings(max_examples=150)
@given(problems(), budgets, jobs)
def test_no_write_cuts_through_a_chunk(problem: tuple, memory: int, workers: int) -> None:
    _, _, targets = problem
    for task in plan_of(problem, memory, workers).tasks():
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


@settings(max_examples=150)
@given(problems(), budgets, jobs)
def test_peak_is_promised_and_kept(problem: tuple, memory: int, workers: int) -> None:
    _, _, targets = problem
    plan = plan_of(problem, memory, workers)
    assert 1 <= plan.workers <= workers
    assert plan.peak_memory_bytes <= memory
    itemsize = targets.segments[0].spec.dtype.itemsize
    largest = max(sum(w.box.size for w in task.writes) for task in plan.tasks())
    assert plan.workers * largest * itemsize <= plan.peak_memory_bytes
    assert max(prod(w.box.shape) for t in plan.tasks() for w in t.writes) <= prod(plan.block)


@settings(max_examples=150)
@given(problems(), budgets, jobs)
def test_counts_of_bytes(problem: tuple, memory: int, workers: int) -> None:
    shape, sources, targets = problem
    plan = plan_of(problem, memory, workers)
    assert plan.read_amplification >= 1
    assert plan.bytes_read == _bytes_decoded(plan, sources)
    itemsize = targets.segments[0].spec.dtype.itemsize
    assert sum(plan.routes.values()) == prod(shape) * itemsize
    contiguous = all(s.spec.contiguous for t in (sources, targets) for s in t.segments)
    if contiguous:
        assert plan.read_amplification == 1
        assert set(plan.routes) == {"mapped"}


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
    return total


@settings(max_examples=60)
@given(problems(), budgets, jobs)
def test_a_plan_is_a_value(problem: tuple, memory: int, workers: int) -> None:
    plan = plan_of(problem, memory, workers)
    again = plan_of(problem, memory, workers)
    assert plan == again
    assert list(plan.tasks()) == list(again.tasks())
    assert plan.to_dict() == again.to_dict()


@settings(max_examples=60)
@given(problems(), jobs)
def test_the_budget_that_is_named_will_do(problem: tuple, workers: int) -> None:
    shape, sources, targets = problem
    with pytest.raises(OverBudget) as refused:
        make_plan(shape, sources, targets, memory=1, jobs=workers)
    needed = refused.value.found
    plan = make_plan(shape, sources, targets, memory=needed, jobs=workers)
    assert plan.peak_memory_bytes <= needed
