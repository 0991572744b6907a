"""From two tilings of one logical array and a budget to a plan: pure, and of no format."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from math import prod

from concatsplit_core.errors import OverBudget
from concatsplit_core.geometry import Shape
from concatsplit_core.plan import ROUTES, WINDOW, Plan, Route
from concatsplit_core.planning.blocking import Edges
from concatsplit_core.planning.claims import refuse_empty_claims
from concatsplit_core.planning.filling import filling_batches
from concatsplit_core.planning.moving import moving_batches
from concatsplit_core.planning.problem import Batch, Problem, bytes_read, largest_block
from concatsplit_core.planning.routing import route_parts
from concatsplit_core.sizes import format_size
from concatsplit_core.spec import Tiling

_SMALLEST_WINDOW = 4096


def make_plan(
    shape: Shape,
    sources: Tiling,
    targets: Tiling,
    *,
    memory: int,
    jobs: int,
    routes: Collection[Route] = ROUTES,
    names: Sequence[str] | None = None,
    whole_axes: int = 0,
) -> Plan:
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
    routes : collection of str
        Routes that may be taken.
    names : sequence of str, optional
        What messages call the inputs.
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
    edges = Edges(sources)
    window = max(_SMALLEST_WINDOW, min(WINDOW, memory // (8 * jobs)))
    routing = route_parts(shape, sources, targets, edges, routes)
    problem = Problem(shape, sources, targets, edges, routing, window, whole_axes)
    refuse_empty_claims(problem, names)
    batches: list[Batch] = [*moving_batches(problem), *filling_batches(problem)]
    workers = _workers(batches, memory, jobs)
    found = [(sweep, b.peak(sweep)) for b in batches for sweep in b.sweeps(memory // workers)]
    sweeps = tuple(sweep for sweep, _ in found)
    workers = max(1, min(workers, sum(len(sweep) for sweep in sweeps)))
    return Plan(
        sweeps=sweeps,
        routes=routing.routes,
        reasons=routing.reasons,
        block=max(map(largest_block, sweeps), key=prod, default=shape),
        workers=workers,
        window=window,
        peak_memory_bytes=workers * max((peak for _, peak in found), default=0),
        bytes_read=sum(bytes_read(sweep, sources) for sweep in sweeps),
        bytes_written=sum(_covered(targets, shape)),
    )


def _workers(batches: Sequence[Batch], memory: int, jobs: int) -> int:
    """How many tasks of the smallest kind fit the budget at once, at most ``jobs``."""
    need = max((batch.smallest for batch in batches), default=0)
    if need > memory:
        raise OverBudget(
            f"the smallest step holds {format_size(need)} of array data, more than "
            f"--memory {format_size(memory)}: a chunk or shard has to be decoded or written as a "
            f"whole; give --memory {format_size(need, up=True)} or smaller --chunks",
            found=need,
            expected=memory,
        )
    return max(1, min(jobs, memory // max(1, need)))


def _covered(targets: Tiling, shape: Shape) -> Iterable[int]:
    section = prod(shape) // shape[targets.axis]
    return (s.interval.length * section * s.spec.dtype.itemsize for s in targets.segments)
