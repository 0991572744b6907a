"""A digest of a plan: equal plans have equal ones, in every process and on every machine."""

from __future__ import annotations

from typing import Any

from concatsplit_core.array.tiling import Tiling
from concatsplit_core.planning.plan import MovePlan, Plan


def plan_digest(plan: Plan) -> str:
    """The digest of all that decides what each task reads and writes."""
    import xxhash  # it loads faster than hashlib, which a resumed run of few bytes feels

    found = xxhash.xxh3_128()
    _add(found, plan.workers, plan.window, plan.compared_bytes)
    for move in plan.moves:
        _add_move(found, move)
    return found.hexdigest()


def _add_move(found: Any, plan: MovePlan) -> None:
    _add(found, plan.move.shape, plan.move.whole_axes, sorted(plan.alignment.items()))
    for tiling in (plan.move.sources, plan.move.targets):
        _add_tiling(found, tiling)
    for sweep in plan.sweeps:
        _add(found, sweep.route, sweep.order, sweep.block, sweep.grid)
        for entry in sweep.bands.entries:
            _add(found, entry)


def _add_tiling(found: Any, tiling: Tiling) -> None:
    """Specs are described once where neighbours share one: there may be a million of them."""
    _add(found, tiling.axis, tiling.new_axis)
    before, text = None, ""
    for interval, spec in tiling.segments:
        if spec is not before:
            before, text = spec, repr(spec)
        _add(found, interval.start, interval.stop, text)


def _add(found: Any, *values: Any) -> None:
    found.update(repr(values).encode("utf-8", "surrogatepass"))
