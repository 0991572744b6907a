"""Ratio, max-bytes, hop, -1 and only; orders by letters; what else decides a part."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import examples
from hypothesis import assume, given
from hypothesis import strategies as st

import concatsplit_core as cs
from concatsplit_core.array.cuts import Cut
from concatsplit_core.array.orders import channel_axis
from concatsplit_core.array.shares import select_parts
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.foundation.errors import AxisError, UsageError

axis_lengths = st.integers(0, 60)


def lengths_of(cut: Cut, length: int, index_bytes: int = 1) -> list[int]:
    """Lengths of parts that are checked to tile the axis in order."""
    intervals = cut.intervals(length, None, index_bytes)
    covered = [i for part in intervals for i in range(*part)]
    assert covered == list(range(length))
    return [part.stop - part.start for part in intervals]


@pytest.mark.parametrize(
    ("length", "ratio", "expected"),
    [(10, [8, 1, 1], [8, 1, 1]),
     (12, [8, 1, 1], [10, 1, 1]),
     (10, [1, 1, 1], [4, 3, 3]),
     (11, [1, 1, 1], [4, 4, 3]),
     (7, [3, 1], [5, 2]),
     (6, [3, 1], [5, 1]),
     (1, [1, 2, 1], [0, 1, 0]),
     (5, [0, 1, 0], [0, 5, 0]),
     (0, [8, 1, 1], [0, 0, 0]),
     (9, [7], [9]),
     (10**18 + 1, [1, 1], [5 * 10**17 + 1, 5 * 10**17])],
)  # fmt: skip
def test_ratio_by_hand(length: int, ratio: list[int], expected: list[int]) -> None:
    assert [i.length for i in Cut(ratio=ratio).intervals(length)] == expected


@pytest.mark.parametrize(
    ("given", "whole"),
    [([0.8, 0.1, 0.1], [8, 1, 1]), ([1 / 3, 1 / 3, 1 / 3], [1, 1, 1]), (np.array([2.0, 1]), [2, 1]),
     ("33.3%:66.7%", [333, 667]), ("1.0,0", [1, 0])],
)  # fmt: skip
def test_shares_become_whole_numbers(given: Any, whole: list[int]) -> None:
    quotas = [Fraction(share) for share in Cut(ratio=given).ratio]
    assert [float(q / sum(quotas)) for q in quotas] == pytest.approx(
        [w / sum(whole) for w in whole]
    )


@pytest.mark.parametrize("ratio", [[0.5, 0.2], [float("nan"), 1], ["1", "x"], [1e-3, float("inf")]])
def test_shares_that_are_no_ratio_are_refused(ratio: list[Any]) -> None:
    with pytest.raises(UsageError, match="--ratio"):
        Cut(ratio=ratio)


@given(axis_lengths, *[st.none() | st.integers(-70, 70)] * 2)
def test_a_range_is_a_slice_in_python(length: int, start: int | None, stop: int | None) -> None:
    expected = list(range(length)[start:stop])
    text = ":".join("" if n is None else str(n) for n in (start, stop))
    for given_range in (text, (start, stop), slice(start, stop)):
        (found,) = Cut(range=given_range).intervals(length)
        assert list(range(*found)) == expected


@pytest.mark.parametrize("wrong", [slice(1, 5, 2), (1, 2, 3), (1,), (0.5, 2), "1:2:3", "x"])
def test_what_is_no_range_is_refused(wrong: Any) -> None:
    with pytest.raises(UsageError, match="range"):
        Cut(range=wrong)


@given(axis_lengths, st.lists(st.integers(0, 12), min_size=1, max_size=6))
def test_ratio_is_by_largest_remainder(length: int, ratio: list[int]) -> None:
    assume(sum(ratio))
    found = lengths_of(Cut(ratio=ratio), length)
    assert len(found) == len(ratio)
    quotas = [Fraction(length * share, sum(ratio)) for share in ratio]
    floors = [int(q) for q in quotas]
    extra = [n - f for n, f in zip(found, floors, strict=True)]
    assert set(extra) <= {0, 1}
    rests = [q - f for q, f in zip(quotas, floors, strict=True)]
    up = [r for r, e in zip(rests, extra, strict=True) if e]
    down = [r for r, e in zip(rests, extra, strict=True) if not e]
    assert not up or not down or min(up) >= max(down)


@given(axis_lengths, st.integers(1, 40), st.integers(1, 400))
def test_max_bytes_holds_and_takes_no_part_too_many(length: int, each: int, most: int) -> None:
    if each > most:
        with pytest.raises(UsageError, match="--max-bytes"):
            Cut(max_bytes=most).intervals(length, None, each)
        return
    found = lengths_of(Cut(max_bytes=most), length, each)
    assert max(found) * each <= most
    assert max(found) - min(found) <= 1
    fewest = max(1, -(-length // (most // each)))
    assert len(found) == fewest
    assert found == [len(p) for p in np.array_split(np.arange(length), fewest)]


@pytest.mark.parametrize("most", [1, 3, 100])
def test_max_bytes_of_indices_that_hold_nothing_is_one_part(most: int) -> None:
    assert lengths_of(Cut(max_bytes=most), 5, 0) == [5]


@pytest.mark.parametrize("index_bytes", [0, 1])
@pytest.mark.parametrize("most", [0, -1])
def test_max_bytes_of_nothing_is_refused(most: int, index_bytes: int) -> None:
    with pytest.raises(UsageError):
        Cut(max_bytes=most).intervals(5, None, index_bytes)


@given(axis_lengths, st.integers(1, 20), st.integers(1, 25))
def test_hop_is_every_whole_window(length: int, size: int, hop: int) -> None:
    cut = Cut(size=size, hop=hop)
    if size > length:
        with pytest.raises(UsageError, match="no whole window"):
            cut.intervals(length)
        return
    expected = np.lib.stride_tricks.sliding_window_view(np.arange(length), size)[::hop]
    assert [list(range(*i)) for i in cut.intervals(length)] == expected.tolist()


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.data())
def test_one_length_may_be_what_the_others_leave(lengths: list[int], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(lengths) - 1))
    asked = [*lengths[:index], -1, *lengths[index + 1 :]]
    assert lengths_of(Cut(lengths=asked), sum(lengths)) == lengths
    others = sum(lengths) - lengths[index]
    if others:
        with pytest.raises(UsageError, match="-1"):
            Cut(lengths=asked).intervals(others - 1)


@pytest.mark.parametrize("lengths", [[-1, -1], [2, -1, -1], [-2, 4], [-1, -2, 5], [-1, -1, -1, 6]])
def test_two_unknown_or_negative_lengths_are_refused(lengths: list[int]) -> None:
    with pytest.raises(UsageError, match=r"-[12]"):
        Cut(lengths=lengths).intervals(2)


@pytest.mark.parametrize(
    ("only", "expected"),
    [("3", [3]),
     ("0-3,8", [0, 1, 2, 3, 8]),
     ("8,0-3", [0, 1, 2, 3, 8]),
     ("2,2,1-2", [1, 2]),
     ("9", [9]),
     ("0-9", list(range(10))),
     ([4, 1], [1, 4]),
     ((0,), [0])],
)  # fmt: skip
def test_only_selects(only: Any, expected: list[int]) -> None:
    assert select_parts(only, 10) == expected


@pytest.mark.parametrize(
    "only",
    ["", ",", "x", "1,", "-1", "1-", "1-2-3", "1..2", " ", "1.0", "3-1", "10", "0-10", "8,99", "²",
     "0-" + "9" * 30, [], [10], [-1]],
)  # fmt: skip
def test_only_that_names_no_part_is_refused(only: Any) -> None:
    with pytest.raises(UsageError, match="--only"):
        select_parts(only, 10)


WAYS = {
    "parts": 2, "size": 2, "lengths": [1, 2], "at": [1], "ratio": [1, 1], "max_bytes": 9,
}  # fmt: skip


@pytest.mark.parametrize(("one", "two"), list(permutations(WAYS, 2)))
def test_two_ways_to_cut_are_refused(one: str, two: str) -> None:
    with pytest.raises(UsageError, match="two ways to cut"):
        Cut(**{one: WAYS[one], two: WAYS[two]})


ALONE = {
    "hop without size": {"hop": 2},
    "hop with parts": {"hop": 2, "parts": 3},
    "hop with lengths": {"hop": 2, "lengths": [1, 2]},
    "hop with a remainder": {"size": 2, "hop": 2, "remainder": "keep"},
    "uneven with size": {"size": 2, "uneven": "balanced"},
    "remainder with ratio": {"ratio": [1, 1], "remainder": "drop"},
    "ratio of zeros": {"ratio": [0, 0]},
    "ratio of nothing": {"ratio": []},
    "negative share": {"ratio": [3, -1]},
    "hop of zero": {"size": 2, "hop": 0},
    "hop backwards": {"size": 2, "hop": -1},
    "window of zero": {"size": 0, "hop": 1},
}


@pytest.mark.parametrize("name", ALONE)
def test_a_cut_that_means_nothing_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="--"):
        Cut(**ALONE[name]).intervals(10)


@pytest.mark.parametrize(
    ("order", "axis"),
    [("NCHW", 1), ("NHWC", 3), ("NCWH", 1), ("CHW", 0), ("HWC", 2), ("NCDHW", 1), ("C", 0),
     ("nhwc", 3), ("TXYZC", 4)],
)  # fmt: skip
def test_order_names_the_channel_axis(order: str, axis: int) -> None:
    assert channel_axis(order, len(order), "it") == axis


@pytest.mark.parametrize("order", ["NHW", "", "NCCW", "NNCH", "nNCH", "N-C", "NC1", "N C", "ÑC"])
def test_order_of_another_kind_is_refused(order: str) -> None:
    with pytest.raises(UsageError, match="--order"):
        channel_axis(order, len(order), "it")


@pytest.mark.parametrize(("order", "ndim"), [("NCHW", 3), ("CHW", 4), ("C", 0)])
def test_order_of_another_rank_is_refused(order: str, ndim: int) -> None:
    with pytest.raises(AxisError, match=f"{len(order)} ax[ie]s"):
        channel_axis(order, ndim, "it")


@pytest.mark.parametrize(
    ("lengths", "dtype"),
    [([3, 5], "i4"),
     ([0], "i4"),
     ([2**31 - 1, 1], "i4"),
     ([2**30, 2**30, 2**30], "i4"),
     ([2**31, 1], "i8"),
     ([1, 2**40], "i8")],
)  # fmt: skip
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_split_info_is_wide_where_a_length_needs_it(
    lengths: list[int], dtype: str, axis: int
) -> None:
    shapes = [tuple(np.insert([2], axis % 2, n).tolist()) for n in lengths]
    whole, info = cs.infer_concat([ArraySpec(s, np.dtype("u1")) for s in shapes], axis)
    np.testing.assert_array_equal(info, np.array(lengths, dtype), strict=True)
    assert whole.shape[axis] == sum(lengths)


def test_split_info_of_a_stack_is_ones_even_of_long_axes() -> None:
    specs = [ArraySpec((2**40,), np.dtype("u1"))] * 3
    whole, info = cs.infer_concat(specs, -1, add_axis=True)
    assert whole.shape == (2**40, 3)
    np.testing.assert_array_equal(info, np.ones(3, "i4"), strict=True)


@examples(50)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=5), st.booleans())
def test_inference_of_split_undoes_that_of_concat(lengths: list[int], negative: bool) -> None:
    axis = -2 if negative else 1
    specs = [ArraySpec((2, n, 3), np.dtype(">f8")) for n in lengths]
    whole, info = cs.infer_concat(specs, axis)
    assert whole.shape == np.concatenate([np.empty(s.shape) for s in specs], axis).shape
    assert cs.infer_split(whole, info.tolist(), axis) == specs


PYTHON = {
    "size as text": ({"max_bytes": "1B"}, [1] * 8),
    "size in bytes": ({"max_bytes": 4}, [4, 4]),
    "ratio as text": ({"ratio": "3:1"}, [6, 2]),
    "ratio": ({"ratio": (3, 1)}, [6, 2]),
    "lengths of numpy": ({"lengths": np.array([2, -1])}, [2, 6]),
    "positions of numpy": ({"at": np.array([2, -3])}, [2, 3, 3]),
    "size of numpy": ({"size": np.int64(4)}, [4, 4]),
    "ratio of numpy": ({"ratio": np.array([3, 1])}, [6, 2]),
    "parts of numpy": ({"parts": np.int32(2)}, [4, 4]),
    "windows of numpy": ({"size": np.int64(4), "hop": np.int64(4)}, [4, 4]),
    "lengths from a list": ({"lengths_from": [2, -1]}, [2, 6]),
    "lengths from numpy": ({"lengths_from": np.array([2, 6], ">u2")}, [2, 6]),
}


@pytest.mark.parametrize("name", PYTHON)
def test_options_are_those_of_the_command_line(tmp_path: Path, name: str) -> None:
    how, lengths = PYTHON[name]
    whole = np.arange(8, dtype="u1")
    result = cs.split(whole, str(tmp_path / "part{index}.npy"), **how, sync=False)
    expected = np.split(whole, np.cumsum(lengths))[:-1]
    assert len(result.outputs) == len(expected)
    for blob, part in zip(result.outputs, expected, strict=True):
        np.testing.assert_array_equal(np.load(blob.ref), part, strict=True)


FRACTIONS: dict[str, Callable[[str], Any]] = {
    "lengths from": lambda out: cs.split(np.zeros(4), out, lengths_from=[1.9, 3.2], sync=False),
    "split by lengths": lambda out: cs.split_by_lengths(np.zeros(4), [1.9, 3.2], out, sync=False),
    "gradient": lambda out: cs.concat_gradient(np.zeros(4), out, (1.9, 3.2), sync=False),
}


@pytest.mark.parametrize("name", FRACTIONS)
def test_lengths_are_never_rounded(tmp_path: Path, name: str) -> None:
    with pytest.raises(cs.ConcatsplitError):
        FRACTIONS[name](str(tmp_path / "part{index}.npy"))
    assert list(tmp_path.iterdir()) == []
