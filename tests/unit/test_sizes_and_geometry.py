"""Byte counts, axes, boxes and intervals."""

from __future__ import annotations

from itertools import islice, product

import pytest

from concatsplit_core.array.geometry import (
    Box,
    Interval,
    ceil_to,
    drop,
    insert,
    normalize_axis,
    steps,
    tile,
    with_length,
)
from concatsplit_core.formats import grid
from concatsplit_core.formats.grid import chunks_of
from concatsplit_core.foundation.errors import AxisError, UsageError
from concatsplit_core.foundation.sizes import format_size, parse_size


@pytest.mark.parametrize(
    ("text", "nbytes"),
    [
        ("1", 1),
        (17, 17),
        ("1048576", 1 << 20),
        ("64MiB", 64 << 20),
        ("64M", 64 << 20),
        ("64MB", 64_000_000),
        ("1GB", 10**9),
        ("2G", 2 << 30),
        ("2g", 2 << 30),
        ("1.5KiB", 1536),
        ("1k", 1024),
        ("1 TiB", 1 << 40),
        ("3P", 3 << 50),
        (" 5 ", 5),
        ("512B", 512),
    ],
)
def test_parse_size(text: str | int, nbytes: int) -> None:
    assert parse_size(text) == nbytes


@pytest.mark.parametrize(
    "text",
    ["", "x", "-1", "0", 0, -5, "1e6", "1.2.3M", "MiB", "64iB", "64Mi B", "1QB", "0.1", "1,5M"],
)
def test_parse_size_refuses(text: str | int) -> None:
    with pytest.raises(UsageError, match="size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [
        (0, "0B"),
        (1023, "1023B"),
        (1024, "1KiB"),
        (1536, "1.5KiB"),
        (256 << 20, "256MiB"),
        (5 << 40, "5TiB"),
        (10 << 30, "10GiB"),
        (100 << 10, "100KiB"),
        (1 << 60, "1EiB"),
    ],
)
def test_format_size(nbytes: int, text: str) -> None:
    assert format_size(nbytes) == text


@pytest.mark.parametrize(
    "nbytes", [1, 1023, 1025, 1_000_001, 10 * 1024 + 1, (1 << 20) - 1, 123_456_789, (5 << 40) + 3]
)
def test_a_size_rounded_up_is_enough(nbytes: int) -> None:
    assert nbytes <= parse_size(format_size(nbytes, up=True)) <= nbytes * 1.11 + 1


@pytest.mark.parametrize(("axis", "ndim", "found"), [(0, 1, 0), (-1, 1, 0), (-3, 3, 0), (2, 3, 2)])
def test_normalize_axis(axis: int, ndim: int, found: int) -> None:
    assert normalize_axis(axis, ndim) == found


@pytest.mark.parametrize(
    ("axis", "ndim", "message"),
    [
        (1, 1, "use -1 to 0"),
        (-2, 1, "1 axis; use"),
        (3, 3, "3 axes; use -3 to 2"),
        (0, 0, "only stack takes such arrays"),
    ],
)
def test_normalize_axis_refuses(axis: int, ndim: int, message: str) -> None:
    with pytest.raises(AxisError, match=message) as caught:
        normalize_axis(axis, ndim, "input 2 (c.npy)")
    assert "input 2 (c.npy)" in str(caught.value)
    assert caught.value.exit_code == 2


def test_boxes() -> None:
    box = Box((1, 2, 3), (4, 6, 8))
    assert box.shape == (3, 4, 5)
    assert box.size == 60
    assert box.slices == (slice(1, 4), slice(2, 6), slice(3, 8))
    assert box.intersect(Box((3, 0, 7), (9, 3, 9))) == Box((3, 2, 7), (4, 3, 8))
    assert box.intersect(Box((4, 2, 3), (5, 6, 8))) is None
    assert box.within(Box((1, 0, 1), (9, 9, 9))) == (slice(0, 3), slice(2, 6), slice(2, 7))
    assert box.shift(1, -2) == Box((1, 0, 3), (4, 4, 8))
    assert box.with_axis(0, (0, 9)) == Box((0, 2, 3), (9, 6, 8))
    assert box.drop(1) == Box((1, 3), (4, 8))
    assert Box.whole(()).size == 1
    assert Box.whole((3, 0)).size == 0


def test_tuples() -> None:
    assert drop((1, 2, 3), 1) == (1, 3)
    assert insert((1, 3), 1, 2) == (1, 2, 3)
    assert insert((), 0, 7) == (7,)
    assert insert((1, 2), 2, 3) == (1, 2, 3)
    assert with_length((1, 2, 3), 2, 9) == (1, 2, 9)


@pytest.mark.parametrize(
    ("lengths", "intervals"),
    [([], []), ([3, 5], [(0, 3), (3, 8)]), ([0, 2, 0], [(0, 0), (0, 2), (2, 2)])],
)
def test_tile(lengths: list, intervals: list) -> None:
    assert tile(lengths) == intervals
    assert [i.length for i in tile(lengths)] == lengths


@pytest.mark.parametrize(
    ("length", "step", "found"),
    [(10, 4, [(0, 4), (4, 8), (8, 10)]), (8, 4, [(0, 4), (4, 8)]), (3, 100, [(0, 3)]), (0, 4, [])],
)
def test_steps(length: int, step: int, found: list[tuple[int, int]]) -> None:
    assert list(steps(length, step)) == found


@pytest.mark.parametrize(
    ("value", "multiple", "found"), [(0, 4, 0), (1, 4, 4), (4, 4, 4), (5, 4, 8)]
)
def test_ceil_to(value: int, multiple: int, found: int) -> None:
    assert ceil_to(value, multiple) == found


def test_interval() -> None:
    assert Interval(3, 7).length == 4


def test_chunks_of_a_box_are_found_one_by_one_where_there_are_billions() -> None:
    shape, chunks = (3, 1 << 50), (2, 1 << 10)
    found = list(islice(chunks_of(Box((1, 1 << 40), shape), chunks, shape), 2))
    assert found[0] == ((0, 1 << 30), Box((0, 1 << 40), (2, (1 << 40) + 1024)))
    assert found[1][0] == (0, (1 << 30) + 1)


def test_chunks_of_a_box_come_in_the_same_order_however_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    box, chunks, shape = Box((1, 7, 0), (5, 12, 3)), (2, 2, 2), (5, 13, 3)
    few = list(chunks_of(box, chunks, shape))
    assert [index for index, _ in few] == list(product(range(3), range(3, 6), range(2)))
    monkeypatch.setattr(grid, "_MANY", 1)
    assert list(chunks_of(box, chunks, shape)) == few
