"""From two tilings of one logical array and a budget to a plan: pure, and of no format."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from math import prod
from typing import NoReturn

from concatsplit_core.array.geometry import Shape
from concatsplit_core.array.sizes import format_size
from concatsplit_core.array.tiling import Tiling
from concatsplit_core.errors import OverBudget
from concatsplit_core.planning.blocking import Edges
from concatsplit_core.planning.claims import refuse_empty_claims
from concatsplit_core.planning.filling import filling_batches
from concatsplit_core.planning.moving import moving_batches
from concatsplit_core.planning.plan import ROUTES, WINDOW, Plan, Route, Sweep
from concatsplit_core.planning.problem import Batch, Problem, bytes_read, largest_block
from concatsplit_core.planning.routing import route_parts

_SMALLEST_WINDOW = 4096

_INPUT_BYTES, _OUTPUT_BYTES, _FREE_BYTES = 1800, 5600, 14 << 20
"""What an input and an output take in memory beside their elements (measured, for .npy inputs and
members of an HDF5 file), and how much of it the process needs anyway."""


def make_plan(
    shape: Shape,
    sources: Tiling,
    targets: Tiling,
    *,
    memory: int,
    jobs: int,
    routes: Collection[Route] = ROUTES,
    names: Sequence[str] | None = None,
    check: bool = False,
    whole_axes: int = 0,
) -> Plan:
    """Decide which task moves which boxes, by which route.

    Parameters
    ----------
    shape : tuple of int
        Shape of the logical array.
    sources, targets : Tiling
        Along the same axis. The sources cover what the targets cover.
    memory, jobs : int
        Budget in bytes for array data in memory; most tasks in flight at once.
    routes : collection of str
        Routes that may be taken.
    names : sequence of str, optional
        For messages.
    check : bool
        Decode what moves as it is stored.
    whole_axes : int
        Axes at the end on which blocks are best whole.

    Raises
    ------
    OverBudget
        Not even one block of the smallest kind fits the budget.
    UsageError
        The routes that may be taken do not lead from all sources to all targets.
    """
    if 0 in shape or not targets.segments or not targets.segments[0].spec.dtype.itemsize:
        return Plan((), {}, {}, shape, 1, WINDOW, 0, 0, 0)
    edges, room = Edges(sources), memory - _held(sources, targets)
    window = _window(room, jobs)
    routing = route_parts(shape, sources, targets, edges, routes)
    problem = Problem(shape, sources, targets, edges, routing, window, check, whole_axes)
    refuse_empty_claims(problem, names)
    batches = _batches(problem)
    if (need := _smallest(batches)) > room:
        _refuse(problem, need, memory, jobs)
    workers = max(1, min(jobs, room // max(1, need)))
    found = [(sweep, b.peak(sweep)) for b in batches for sweep in b.sweeps(room // workers)]
    return _plan(problem, found, workers)


def _plan(problem: Problem, found: Sequence[tuple[Sweep, int]], workers: int) -> Plan:
    """The plan of sweeps, each with what a task of it holds at most."""
    sweeps = tuple(sweep for sweep, _ in found)
    workers = max(1, min(workers, sum(len(sweep) for sweep in sweeps)))
    return Plan(
        sweeps=sweeps,
        routes=problem.routing.routes,
        reasons=problem.routing.reasons,
        block=max(map(largest_block, sweeps), key=prod, default=problem.shape),
        workers=workers,
        window=problem.window,
        peak_memory_bytes=workers * max((peak for _, peak in found), default=0),
        bytes_read=sum(bytes_read(sweep, problem.sources) for sweep in sweeps),
        bytes_written=sum(_covered(problem.targets, problem.shape)),
    )


def _window(memory: int, jobs: int) -> int:
    return max(_SMALLEST_WINDOW, min(WINDOW, memory // (8 * jobs)))


def _batches(problem: Problem) -> list[Batch]:
    return [*moving_batches(problem), *filling_batches(problem)]


def _smallest(batches: Sequence[Batch]) -> int:
    """Bytes that the smallest tasks hold."""
    return max((batch.smallest for batch in batches), default=0)


def _held(sources: Tiling, targets: Tiling) -> int:
    """Bytes that arrays take beside their elements, where they are more than a few thousand."""
    all_of_them = len(sources.segments) * _INPUT_BYTES + len(targets.segments) * _OUTPUT_BYTES
    return max(0, all_of_them - _FREE_BYTES)


def _refuse(problem: Problem, need: int, memory: int, jobs: int) -> NoReturn:
    """Name a budget that is enough: a larger one has larger windows."""
    held = _held(problem.sources, problem.targets)
    while need < (more := _smallest(_batches(problem._replace(window=_window(need, jobs))))):
        need = more
    what = f"the smallest step holds {format_size(need)} of array data"
    why = "a chunk or shard has to be decoded or written as a whole"
    how = "or smaller --chunks"
    if held:
        count = len(problem.sources.segments) + len(problem.targets.segments)
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


def _covered(targets: Tiling, shape: Shape) -> Iterable[int]:
    section = prod(shape) // shape[targets.axis]
    return (s.interval.length * section * s.spec.dtype.itemsize for s in targets.segments)
