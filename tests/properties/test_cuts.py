"""Ways to cut an axis against numpy.split and numpy.array_split."""

from __future__ import annotations

import numpy as np
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from concatsplit_core.array.cuts import Cut
from concatsplit_core.foundation.errors import UsageError

axis_lengths = st.integers(0, 60)


def parts_of(cut: Cut, length: int, names: int | None = None) -> list[list[int]]:
    return [list(range(a, b)) for a, b in cut.intervals(length, names)]


def as_lists(arrays: list[np.ndarray]) -> list[list[int]]:
    return [array.tolist() for array in arrays]


@given(axis_lengths, st.integers(1, 70))
def test_balanced_is_array_split(length: int, parts: int) -> None:
    expected = as_lists(np.array_split(np.arange(length), parts))
    assert parts_of(Cut(parts=parts, uneven="balanced"), length) == expected


@given(axis_lengths, st.integers(1, 70))
def test_equal_parts_are_split_or_refused(length: int, parts: int) -> None:
    try:
        expected = as_lists(np.split(np.arange(length), parts))
    except ValueError:
        for cut, names in ((Cut(parts=parts), None), (Cut(), parts)):
            with pytest.raises(UsageError, match="balanced"):
                cut.intervals(length, names)
    else:
        assert parts_of(Cut(parts=parts), length) == expected
        assert parts_of(Cut(), length, parts) == expected


@given(axis_lengths, st.integers(1, 70))
def test_trailing_is_full_parts_and_a_shorter_end(length: int, parts: int) -> None:
    full = -(-length // parts)
    found = parts_of(Cut(parts=parts, uneven="trailing"), length)
    items = np.arange(length)
    assert found == [items[full * i : full * (i + 1)].tolist() for i in range(parts)]


@given(axis_lengths, st.data())
def test_positions_are_split(length: int, data: st.DataObject) -> None:
    at = sorted(data.draw(st.lists(st.integers(0, length), max_size=6)))
    given_at = [p - length if p and p < length and data.draw(st.booleans()) else p for p in at]
    assert parts_of(Cut(at=given_at), length) == as_lists(np.split(np.arange(length), at))


@given(axis_lengths, st.lists(st.integers(-70, 70), max_size=4))
def test_positions_are_ordered_and_inside_or_refused(length: int, at: list[int]) -> None:
    edges = [p + length if p < 0 else p for p in at]
    fits = all(0 <= p <= length for p in edges) and edges == sorted(edges)
    if fits:
        found = [i for part in parts_of(Cut(at=at), length) for i in part]
        assert found == list(range(length))
    else:
        with pytest.raises(UsageError, match="cut"):
            Cut(at=at).intervals(length)


@given(axis_lengths, st.integers(1, 70))
def test_size(length: int, size: int) -> None:
    whole = [list(range(i, min(i + size, length))) for i in range(0, length, size)]
    kept = parts_of(Cut(size=size), length)
    assert kept == (whole or [[]])
    full = [part for part in whole if len(part) == size]
    if full:
        assert parts_of(Cut(size=size, remainder="drop"), length) == full
    else:
        with pytest.raises(UsageError, match="no whole part"):
            Cut(size=size, remainder="drop").intervals(length)
    if length % size:
        with pytest.raises(UsageError, match="--remainder"):
            Cut(size=size, remainder="error").intervals(length)


@examples(60)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.integers(-2, 2))
def test_lengths_must_sum(lengths: list[int], off: int) -> None:
    total = sum(lengths)
    if off == 0:
        edges = np.cumsum(lengths)[:-1]
        assert parts_of(Cut(lengths=lengths), total) == as_lists(np.split(np.arange(total), edges))
    elif total + off >= 0:
        with pytest.raises(UsageError, match=f"sum to {total}"):
            Cut(lengths=lengths).intervals(total + off)
