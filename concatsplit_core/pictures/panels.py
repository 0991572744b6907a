"""One array of a plan as a panel: its inputs, its outputs below them, and how each part moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from concatsplit_core.array.descr import dtype_label
from concatsplit_core.array.geometry import Interval, Shape
from concatsplit_core.array.inference import name_of
from concatsplit_core.array.tiling import Tiling
from concatsplit_core.foundation.sizes import format_size, shape_text
from concatsplit_core.pictures.columns import column_shares
from concatsplit_core.pictures.drawing import (
    HEAD_LETTER,
    NAME_LETTERS,
    WIDTH,
    Drawing,
    shortened,
    told_apart,
)
from concatsplit_core.pictures.routed import RoutedPiece, routed_pieces
from concatsplit_core.planning.plan import MovePlan
from concatsplit_core.planning.task import ROUTES

LEFT, ROOM = 84.0, WIDTH - 84.0 - 24.0
"""Where the axis starts, and how long it is drawn."""

MOST_BOXES = 200
"""Arrays, or pieces, that are drawn one by one; more are counted in columns."""

COLUMNS = 229
"""Each is about four units wide."""

_TALL, _LANE, _MOST_LANES = 46.0, 20.0, 6
_LINE_GAP = 4.0
"""Lines of a chunk grid that are closer than this are left out."""


class _Row(NamedTuple):
    """The inputs, or the outputs, of a panel."""

    what: str
    tiling: Tiling
    names: Sequence[str] | None
    y: float


def draw_panel(drawing: Drawing, y: float, plan: MovePlan, heading: str) -> float:
    """Draw the plan of one array.

    Parameters
    ----------
    drawing : Drawing
    y : float
        Where the panel starts.
    plan : MovePlan
    heading : str

    Returns
    -------
    float
        Where it ends.
    """
    move = plan.move
    drawing.text(24, y + 14, shortened(heading, WIDTH - 48, HEAD_LETTER), "head")
    if move.is_empty:
        drawing.text(LEFT, y + 40, "has no elements: nothing moves", "dim")
        return y + 56
    inputs = _Row("input", move.sources, move.names, y + 48)
    outputs = _Row("output", move.targets, move.target_names, inputs.y + _TALL + 20)
    _draw_side(drawing, inputs, plan, inputs.y - 8)
    _draw_inputs(drawing, inputs, move.shape)
    lanes = lanes_of([segment.interval for segment in move.targets.segments])
    bottom = _draw_outputs(drawing, outputs, plan, lanes)
    _draw_guides(drawing, inputs, move.shape[move.axis], bottom)
    _draw_side(drawing, outputs, plan, bottom + 14 if max(lanes, default=0) == 0 else None)
    return _draw_axis(drawing, move.shape[move.axis], bottom + 32)


def lanes_of(intervals: Sequence[Interval]) -> list[int]:
    """The lane of each interval: those of one lane do not overlap.

    Where `_MOST_LANES` lanes are not enough, the others all get the lane of that number.
    """
    ends: list[int] = []
    lanes = [0] * len(intervals)
    for number in sorted(range(len(intervals)), key=intervals.__getitem__):
        start, stop = intervals[number]
        free = next((lane for lane, end in enumerate(ends) if end <= start), len(ends))
        if free == len(ends) <= _MOST_LANES:
            ends.append(stop)
        lanes[number] = min(free, _MOST_LANES)
        if free < len(ends):
            ends[free] = stop
    return lanes


def _x(at: float, length: int) -> float:
    return LEFT + ROOM * at / length


def _draw_side(drawing: Drawing, row: _Row, plan: MovePlan, names_at: float | None) -> None:
    """What a row shows, on its left, and the names of its arrays where they fit."""
    segments, length = row.tiling.segments, plan.move.shape[plan.move.axis]
    count = len(segments)
    drawing.text(LEFT - 10, row.y + 18, f"{row.what}s" if count > 1 else row.what, anchor="end")
    if count > 1:
        drawing.text(LEFT - 10, row.y + 34, f"{count:,}", "dim", "end")
    if names_at is None or count > MOST_BOXES:
        return
    names = list(map(str, range(count))) if row.names is None else row.names
    rooms = [ROOM * interval.length / length - 6 for interval, _ in segments]
    for words, (interval, _) in zip(told_apart(names, rooms), segments, strict=True):
        middle = _x((interval.start + interval.stop) / 2, length)
        drawing.text(middle, names_at, words, "dim", "middle") if words else None


def _draw_inputs(drawing: Drawing, row: _Row, shape: Shape) -> None:
    length = shape[row.tiling.axis]
    segments = row.tiling.segments
    if len(segments) > MOST_BOXES:
        starts = (Interval(s.interval.start, s.interval.stop) for s in segments[::2])
        shares = column_shares(starts, length, COLUMNS)
        drawing.box(LEFT, row.y, ROOM, _TALL, "odd", f"{len(segments)} inputs")
        drawing.boxes(_stacks([shares], row.y, length)[0], "even")
        drawing.box(LEFT, row.y, ROOM, _TALL, "frame")
        return
    for number, (interval, _) in enumerate(segments):
        if interval.length:
            x, width = _x(interval.start, length), ROOM * interval.length / length
            kind = "odd" if number % 2 else "even"
            drawing.box(x, row.y, width, _TALL, kind, _tip(row, number))
            _draw_grid(drawing, row, number, shape, _TALL)
            drawing.box(x, row.y, width, _TALL, "frame")


def _draw_outputs(drawing: Drawing, row: _Row, plan: MovePlan, lanes: Sequence[int]) -> float:
    """Draw the outputs in the colours of their routes; returns where the row ends."""
    length = plan.move.shape[plan.move.axis]
    pieces, segments = routed_pieces(plan), row.tiling.segments
    number_of_lanes = 1 + max(lanes, default=0)
    many = sum(map(len, pieces)) > 2 * MOST_BOXES or len(segments) > MOST_BOXES
    if many or number_of_lanes > _MOST_LANES:
        _draw_columns(drawing, row.y, [piece for one in pieces for piece in one], length)
        return row.y + _TALL
    tall = _TALL if number_of_lanes == 1 else _LANE
    for number, (interval, _) in enumerate(segments):
        lane = row._replace(y=row.y + lanes[number] * (tall + 4))
        for along, route in pieces[number]:
            tip = f"{route}: {along.start} to {along.stop}; {_tip(row, number)}"
            width = ROOM * along.length / length
            drawing.box(_x(along.start, length), lane.y, width, tall, route, tip)
        if interval.length:
            _draw_grid(drawing, lane, number, plan.move.shape, tall)
            width = ROOM * interval.length / length
            drawing.box(_x(interval.start, length), lane.y, width, tall, "frame")
    return row.y + number_of_lanes * (tall + 4) - 4


def _draw_columns(drawing: Drawing, y: float, pieces: Sequence[RoutedPiece], length: int) -> None:
    """Draw how much of each column goes by each route, for many pieces."""
    shares = [
        column_shares((p.interval for p in pieces if p.route == route), length, COLUMNS)
        for route in ROUTES
    ]
    for route, places in zip(ROUTES, _stacks(shares, y, length), strict=True):
        drawing.boxes(places, route)
    drawing.box(LEFT, y, ROOM, _TALL, "frame")


def _stacks(
    shares: Sequence[Sequence[int]], y: float, length: int
) -> list[list[tuple[float, float, float, float]]]:
    """The boxes of each kind: a column's shares stand one on top of the other."""
    wide = ROOM / COLUMNS
    places: list[list[tuple[float, float, float, float]]] = [[] for _ in shares]
    for column, amounts in enumerate(zip(*shares, strict=True)):
        whole, top = max(length, sum(amounts)), y
        for kind, amount in enumerate(amounts):
            tall = _TALL * amount / whole
            if amount:
                places[kind].append((LEFT + column * wide, top, wide, tall))
            top += tall
    return places


def _draw_grid(drawing: Drawing, row: _Row, number: int, shape: Shape, tall: float) -> None:
    """The edges of chunks, and of shards, where there is room for them."""
    view = row.tiling.view(number)
    start, axis = row.tiling.segments[number].interval.start, row.tiling.axis
    for unit, kind in ((view.chunks, "chunk"), (view.shards, "shard")):
        if unit is None:
            continue
        ends: list[tuple[float, float, float, float]] = []
        if ROOM * unit[axis] / shape[axis] >= _LINE_GAP:
            for at in range(unit[axis], view.shape[axis], unit[axis]):
                x = _x(start + at, shape[axis])
                ends.append((x, row.y, x, row.y + tall))
        across = max(
            (
                -(-n // c)
                for d, (n, c) in enumerate(zip(view.shape, unit, strict=True))
                if d != axis
            ),
            default=1,
        )
        if 1 < across <= tall / _LINE_GAP:
            x, right = _x(start, shape[axis]), _x(start + view.shape[axis], shape[axis])
            ends += [(x, row.y + tall * i / across, right, row.y + tall * i / across)
                     for i in range(1, across)]  # fmt: skip
        drawing.lines(ends, kind)


def _draw_guides(drawing: Drawing, inputs: _Row, length: int, bottom: float) -> None:
    """Draw lines from the edges of the inputs down through the outputs: they show which meet."""
    edges = {s.interval.start for s in inputs.tiling.segments} - {0, length}
    if len(edges) <= MOST_BOXES // 4:
        places = (_x(edge, length) for edge in sorted(edges))
        drawing.lines([(x, inputs.y + _TALL, x, bottom + 4) for x in places], "guide")


def _draw_axis(drawing: Drawing, length: int, y: float) -> float:
    drawing.text(LEFT, y, "0", "dim")
    drawing.text(LEFT + ROOM, y, f"{length:,}", "dim", "end")
    return y + 16


def _tip(row: _Row, number: int) -> str:
    interval, spec = row.tiling.segments[number]
    lies = "in one run of bytes" if spec.chunks is None else f"chunks {shape_text(spec.chunks)}"
    name = shortened(name_of(number, row.names, row.what), NAME_LETTERS, 1)
    return (
        f"{name}: {interval.start} to {interval.stop} on the axis, "
        f"{shape_text(spec.shape)} {dtype_label(spec.dtype)}, {format_size(spec.nbytes)}, {lies}"
    )
