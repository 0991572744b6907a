"""What a picture counts is what the plan does: no byte is lost, and none is drawn twice."""

from __future__ import annotations

from itertools import pairwise
from math import prod

from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from properties.test_plans import budgets, jobs, plan_of, problems

from concatsplit_core.array.geometry import Interval
from concatsplit_core.pictures.chunk_map import ChunkMap
from concatsplit_core.pictures.columns import column_shares
from concatsplit_core.pictures.drawing import shortened, told_apart, wrapped
from concatsplit_core.pictures.panels import lanes_of
from concatsplit_core.pictures.routed import routed_pieces
from concatsplit_core.planning.task import ROUTES

intervals = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 50)).map(lambda ends: Interval(*sorted(ends))),
    max_size=12,
)


@examples(60)
@given(problems(), budgets, jobs, st.sampled_from([ROUTES, ("mapped", "decoded"), ("decoded",)]))
def test_pieces_are_the_bytes_of_the_routes(
    problem: tuple, memory: int, workers: int, routes: tuple
) -> None:
    shape, _, targets = problem
    (plan,) = plan_of(problem, memory, workers, routes).moves
    every = routed_pieces(plan)
    index = prod(shape) // shape[targets.axis] * targets.segments[0].spec.dtype.itemsize
    for route in ROUTES:
        mine = sum(p.interval.length for pieces in every for p in pieces if p.route == route)
        assert mine * index == plan.routes.get(route, 0)
    for segment, pieces in zip(targets.segments, every, strict=True):
        at = segment.interval.start
        for number, piece in enumerate(pieces):
            assert piece.interval.start == at < piece.interval.stop
            assert not number or piece.route != pieces[number - 1].route
            at = piece.interval.stop
        assert at == segment.interval.stop


@given(intervals, st.integers(1, 30))
def test_columns_hold_what_lies_in_them(found: list[Interval], columns: int) -> None:
    length = 50
    shares = column_shares(found, length, columns)
    assert sum(shares) == columns * sum(interval.length for interval in found)
    for column, share in enumerate(shares):
        first, last = column * length, (column + 1) * length
        inside = (min(b * columns, last) - max(a * columns, first) for a, b in found)
        assert share == sum(max(0, one) for one in inside)


@given(intervals)
def test_no_two_of_a_lane_overlap(found: list[Interval]) -> None:
    found = found[:6]
    lanes = lanes_of(found)
    assert len(lanes) == len(found)
    for lane in set(lanes):
        mine = sorted(one for one, at in zip(found, lanes, strict=True) if at == lane)
        assert all(a.stop <= b.start for a, b in pairwise(mine))


def test_names_keep_what_tells_them_apart() -> None:
    def told(names: list[str], room: int) -> list[str]:
        return told_apart(names, [room] * len(names), 1)

    assert told(["mp-0.arr", "mp-1.arr", "mp-2.arr"], 7) == ["…0.arr", "…1.arr", "…2.arr"]
    assert told(["mp-0.arr", "mp-1.arr"], 5) == ["…0…", "…1…"]
    parts = [f"part-{number}.npy" for number in range(8, 22)]
    shown = told(parts, 9)
    assert shown[2::10] == ["…10.npy", "…20.npy"]
    assert len(set(shown)) == len(parts)
    assert told(["a.npy", "a.npy"], 8) == ["a.npy", "a.npy"]
    assert told(["layer-0.weight", "layer-1.weight", "bias"], 9) == [
        "…0.weight",
        "…1.weight",
        "bias",
    ]


@examples(60)
@given(st.lists(st.text("ab1é漢", max_size=12), max_size=6), st.integers(0, 16))
def test_different_names_are_never_shown_alike(names: list[str], room: int) -> None:
    shown = told_apart(names, [room] * len(names), 1)
    pairs = {(word, name) for word, name in zip(shown, names, strict=True) if word}
    assert len(pairs) == len({word for word, _ in pairs})
    assert all(sum(1 + (c == "漢") for c in word) <= room for word in shown)


@examples(60)
@given(st.text(max_size=60), st.integers(0, 300))
def test_texts_fit(text: str, room: int) -> None:
    def width(line: str) -> int:
        from unicodedata import east_asian_width

        return sum(13 if east_asian_width(c) in "WF" else 6 for c in line)

    assert width(shortened(text, room)) <= max(0, room)
    lines = wrapped(text, 100, 3)
    assert len(lines) <= 3
    assert all(width(line) <= 100 + 2 * 7 for line in lines)


@examples(60)
@given(st.data(), st.lists(st.integers(1, 300), min_size=1, max_size=3).map(tuple))
def test_every_chunk_is_in_one_cell(data: st.DataObject, shape: tuple[int, ...]) -> None:
    chunks = tuple(data.draw(st.integers(1, 20)) for _ in shape)
    found = ChunkMap(shape, chunks)
    starts = data.draw(
        st.lists(
            st.tuples(*(st.sampled_from(range(0, n, c)) for n, c in zip(shape, chunks))),  # noqa: B905
            max_size=20,
            unique=True,
        )
    )  # fmt: skip
    found.add((start, 1 + number) for number, start in enumerate(starts))
    cells = found.cells()
    assert len(cells) == found.rows * found.columns <= 64 * 192
    assert sum(cell.chunks for cell in cells) == found.count
    assert sum(cell.present for cell in cells) == found.present == len(starts)
    assert found.stored_bytes == sum(range(1, len(starts) + 1))
    for cell in cells:
        inside = 0
        for start in starts:
            place = [start[d] // chunks[d] for d in found.axes]
            place = [0] * (2 - len(place)) + place
            inside += all(
                a <= at <= b for a, at, b in zip(cell.first, place, cell.last, strict=True)
            )
        assert inside == cell.present <= cell.chunks
