"""From moves and a budget to a plan: pure, and of no format."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import prod
from typing import NoReturn

from concatsplit_core.array.edges import Edges
from concatsplit_core.foundation.errors import OverBudget
from concatsplit_core.foundation.sizes import format_size
from concatsplit_core.planning.amounts import bytes_read
from concatsplit_core.planning.elementwise import elementwise_batches
from concatsplit_core.planning.move import MoveSpec
from concatsplit_core.planning.plan import MovePlan, Plan
from concatsplit_core.planning.problem import Batch, Problem, source_facts
from concatsplit_core.planning.routing import route_shares
from concatsplit_core.planning.sweep import Sweep
from concatsplit_core.planning.task import ROUTES, Route
from concatsplit_core.planning.thresholds import DEFAULT, Thresholds

_SMALLEST_WINDOW = 4096

_INPUT_BYTES, _OUTPUT_BYTES, _FREE_BYTES = 1800, 5600, 14 << 20
"""What an input and an output take in memory beside their elements (measured, for .npy inputs and
members of an HDF5 file), and how much of it the process needs anyway."""


def make_plan(
    moves: Sequence[MoveSpec],
    *,
    memory: int,
    jobs: int,
    routes: Collection[Route] = ROUTES,
    check: bool = False,
    may_be_alone: bool = False,
    in_memory: bool = False,
    thresholds: Thresholds = DEFAULT,
) -> Plan:
    """Decide which task moves which boxes, by which route.

    Parameters
    ----------
    moves : sequence of MoveSpec
        Logical arrays that are moved together, within one budget.
    memory, jobs : int
        Budget in bytes for array data in memory; most tasks in flight at once.
    routes : collection of str
        Routes that may be taken.
    check : bool
        Decode what is copied as it is stored.
    may_be_alone : bool
        One worker does what the kernel copies, if there is nothing else: on one disk, two take as
        long and more processor time. It also does what takes less time than to start a second one.
    in_memory : bool
        The targets are files in memory, which two workers fill faster than one.
    thresholds : Thresholds

    Raises
    ------
    OverBudget
        Not even one block of the smallest kind fits the budget.
    UsageError
        The routes that may be taken do not lead from all sources to all targets.
    """
    held = _held([move for move in moves if not move.is_empty])
    room = memory - held
    window = _window(room, jobs, thresholds)
    problems = [
        None if move.is_empty else _problem(move, window, routes, check, thresholds)
        for move in moves
    ]
    batches = [_batches(problem) for problem in problems]
    need = _smallest(batches)
    if need > room:
        _refuse(problems, need, memory, jobs)
    workers = max(1, min(jobs, room // max(1, need)))
    planned: list[MovePlan] = []
    peaks: list[int] = []
    for move, problem, ours in zip(moves, problems, batches, strict=True):
        found = [(sweep, b.peak(sweep)) for b in ours for sweep in b.sweeps(room // workers)]
        planned.append(_move_plan(move, problem, [sweep for sweep, _ in found]))
        peaks += [peak for _, peak in found]
    if may_be_alone and _one_is_enough(planned, in_memory, thresholds):
        workers = 1
    workers = max(1, min(workers, sum(move.tasks for move in planned)))
    peak = workers * max(peaks, default=0)
    return Plan(tuple(planned), workers, window, peak, thresholds.compared_bytes)


def _one_is_enough(moves: Sequence[MovePlan], in_memory: bool, thresholds: Thresholds) -> bool:
    """Whether a second worker would not make it faster."""
    nbytes, tasks = sum(move.bytes_written for move in moves), sum(move.tasks for move in moves)
    if nbytes < thresholds.for_one:
        return True
    is_copied = all(move.routes.keys() <= {"kernel"} for move in moves)
    return is_copied and not (in_memory and nbytes >= tasks * thresholds.for_two_copies)


def _problem(
    move: MoveSpec, window: int, routes: Collection[Route], check: bool, thresholds: Thresholds
) -> Problem:
    """A move, routed."""
    edges = Edges.of(move.sources)
    views = move.targets.views()
    problem = Problem(
        move=move,
        edges=edges,
        routing=route_shares(move, edges, routes, thresholds),
        facts=source_facts(move.sources.views(), len(move.shape)),
        views=views,
        itemsize=max(view.memory_itemsize for view in views),
        window=window,
        check=check,
        takes_mapped="mapped" in routes,
        thresholds=thresholds,
    )
    if problem.facts.counted:  # else nobody pays for the module at start-up
        from concatsplit_core.planning.claims import refuse_empty_claims

        refuse_empty_claims(problem)
    return problem


def _move_plan(move: MoveSpec, problem: Problem | None, sweeps: Sequence[Sweep]) -> MovePlan:
    """The plan of one move, whose tasks are those of these sweeps."""
    if problem is None:
        return MovePlan(move, Edges.of(move.sources), (), {}, {}, move.shape, 0, 0, {})
    views = move.sources.views()
    section = prod(move.shape) // move.shape[move.axis]
    return MovePlan(
        move=move,
        edges=problem.edges,
        sweeps=tuple(sweeps),
        routes=problem.routing.routes,
        reasons=problem.routing.reasons,
        block=max((sweep.block for sweep in sweeps), key=prod, default=move.shape),
        bytes_read=sum(bytes_read(sweep, move, problem.edges, views) for sweep in sweeps),
        bytes_written=section
        * sum((stop - a) * spec.dtype.itemsize for (a, stop), spec in move.targets.segments),
        alignment=problem.routing.alignment,
    )


def _window(memory: int, jobs: int, thresholds: Thresholds) -> int:
    return max(_SMALLEST_WINDOW, min(thresholds.window, memory // (8 * jobs)))


def _batches(problem: Problem | None) -> list[Batch]:
    if problem is None:
        return []
    # Long tasks come first: the short ones at the end leave no worker without work for long.
    batches: list[Batch] = [*elementwise_batches(problem)]
    if not problem.routing.routes.keys().isdisjoint(("kernel", "encoded")):
        from concatsplit_core.planning.as_stored import as_stored_batches

        batches += as_stored_batches(problem)
    return batches


def _smallest(batches: Sequence[Sequence[Batch]]) -> int:
    """Bytes that the smallest tasks hold."""
    return max((batch.smallest for ours in batches for batch in ours), default=0)


def _held(moves: Sequence[MoveSpec]) -> int:
    """Bytes that arrays take beside their elements, where they are more than a few thousand."""
    inputs = sum(len(move.sources.segments) for move in moves)
    outputs = sum(len(move.targets.segments) for move in moves)
    return max(0, inputs * _INPUT_BYTES + outputs * _OUTPUT_BYTES - _FREE_BYTES)


def _refuse(problems: Sequence[Problem | None], need: int, memory: int, jobs: int) -> NoReturn:
    """Name a budget that is enough: a larger one has larger windows."""
    chosen = [problem for problem in problems if problem is not None]
    while need < (more := _smallest_with_window(chosen, need, jobs)):
        need = more
    moves = [problem.move for problem in chosen]
    held = _held(moves)
    what = f"the smallest step holds {format_size(need)} of array data"
    why = "a chunk or shard has to be decoded or written as a whole"
    how = "or smaller --chunks or --shards"
    if held:
        count = sum(len(m.sources.segments) + len(m.targets.segments) for m in moves)
        what = f"{count} inputs and outputs, and {what}, need {format_size(need + held)}"
        why = "each is known for as long as the run lasts"
        how = "or fewer of them at once"
    need += held
    raise OverBudget(
        f"{what}, more than --memory {format_size(memory)}: {why}; "
        f"give --memory {format_size(need, up=True)} {how}",
        found=need,
        expected=memory,
    )


def _smallest_with_window(problems: Sequence[Problem], memory: int, jobs: int) -> int:
    wider = (p._replace(window=_window(memory, jobs, p.thresholds)) for p in problems)
    return _smallest([_batches(problem) for problem in wider])
