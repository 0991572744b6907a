"""The picture of a plan: how inputs tile outputs, what moves as it is stored, and why not more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from concatsplit_core.array.descr import dtype_label
from concatsplit_core.array.inference import name_of
from concatsplit_core.foundation.sizes import format_size, shape_text
from concatsplit_core.pictures.drawing import NAME_LETTERS, WIDTH, Drawing, shortened, wrapped
from concatsplit_core.pictures.panels import draw_panel
from concatsplit_core.planning.plan import MovePlan, Plan
from concatsplit_core.planning.task import ROUTES, Route

MEANING: dict[Route, str] = {
    "kernel": "copied as they lie, by the system",
    "encoded": "chunks move as they are stored",
    "mapped": "elements are copied",
    "decoded": "chunks are decoded, or encoded, or both",
}
"""What each route does with bytes."""

MOST_PANELS = 12
"""Arrays of a data set that are drawn; the others are counted."""

_MOST_TOLD = 20
"""Inputs and outputs that a description names one by one."""

_MOST_REASON_LINES = 4


def picture_of_plan(plan: Plan, operator: str, labels: Sequence[str]) -> str:
    """Draw a plan.

    Parameters
    ----------
    plan : Plan
    operator : str
        Which operator it is a plan of.
    labels : sequence of str
        What to call each array of a data set; a bare array is "".

    Returns
    -------
    str
        An SVG document of bounded size.
    """
    arrays = list(zip(plan.moves, labels, strict=True))
    drawn = sorted(arrays, key=lambda one: -one[0].bytes_written)[:MOST_PANELS]
    chosen = {id(move) for move, _ in drawn}
    shown = [one for one in arrays if id(one[0]) in chosen][:MOST_PANELS]
    title = f"Plan of {operator}: {format_size(plan.bytes_written)} to write"
    drawing = Drawing(title, " ".join(_described(plan, shown, len(arrays))))
    y = 16.0
    for move, name in shown:
        y = draw_panel(drawing, y, move, _heading(operator, move, name)) + 12
    if len(arrays) > len(shown):
        drawing.text(24, y + 4, f"and {len(arrays) - len(shown):,} more arrays", "dim")
        y += 24
    return drawing.finished(_draw_legend(drawing, y, plan) + 8)


def _heading(operator: str, move: MovePlan, name: str) -> str:
    whole = move.move
    dtype = dtype_label(whole.targets.segments[0].spec.dtype) if whole.targets.segments else ""
    size = format_size(move.bytes_written)
    along = f"{shape_text(whole.shape)} {dtype} along axis {whole.axis}, {size}"
    return f"{name}: {along}" if name else f"{operator} {along}"


def _draw_legend(drawing: Drawing, y: float, plan: Plan) -> float:
    """Every route that is taken, its bytes and why no cheaper one; then what the run takes."""
    for route, share in _routes(plan):
        drawing.box(24, y, 20, 14, route)
        drawing.box(24, y, 20, 14, "frame")
        drawing.text(54, y + 11, share)
        y += 20
        why = "; ".join(plan.reasons.get(route, ()))
        for line in wrapped(f"because {why}", WIDTH - 90, _MOST_REASON_LINES) if why else ():
            drawing.text(54, y + 9, line, "dim")
            y += 16
        y += 4
    drawing.text(24, y + 12, _totals(plan), "dim")
    return y + 22


def _routes(plan: Plan) -> Iterator[tuple[Route, str]]:
    routes = plan.routes
    for route in ROUTES:
        nbytes = routes.get(route, 0)
        if nbytes:
            percent = 100 * nbytes / max(1, plan.bytes_written)
            yield route, f"{route}: {format_size(nbytes)} ({percent:.3g} %), {MEANING[route]}"


def _totals(plan: Plan) -> str:
    tasks, threads = len(plan), plan.workers
    return (
        f"reads {format_size(plan.bytes_read)} ({plan.read_amplification:.2f} x), writes "
        f"{format_size(plan.bytes_written)}, in {tasks:,} {'task' if tasks == 1 else 'tasks'} on "
        f"{threads} {'thread' if threads == 1 else 'threads'}, "
        f"with {format_size(plan.peak_memory_bytes)} of array data in memory at most"
    )


def _described(plan: Plan, shown: list[tuple[MovePlan, str]], count: int) -> Iterator[str]:
    """All that the picture shows, in words."""
    for made, name in shown:
        move = made.move
        who = f"Array {shortened(name, NAME_LETTERS, 1)}" if name else "The array"
        yield f"{who} is {shape_text(move.shape)}, along axis {move.axis}."
        for what, tiling, names in (
            ("Input", move.sources, move.names),
            ("Output", move.targets, move.target_names),
        ):
            for number, (interval, _) in enumerate(tiling.segments[:_MOST_TOLD]):
                where = f"{interval.start} to {interval.stop}"
                yield f"{shortened(name_of(number, names, what), NAME_LETTERS, 1)} covers {where}."
            if len(tiling.segments) > _MOST_TOLD:
                yield f"There are {len(tiling.segments) - _MOST_TOLD} more {what.lower()}s."
    if count > len(shown):
        yield f"There are {count - len(shown)} more arrays."
    for route, share in _routes(plan):
        why = [shortened(one, NAME_LETTERS, 1) for one in plan.reasons.get(route, ())[:_MOST_TOLD]]
        yield f"{share}{', because ' + '; '.join(why) if why else ''}."
    yield f"The run {_totals(plan)}."
