"""Neighbouring blocks that are filled by one copy: how many of them are found."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from concatsplit_core.array.geometry import Box
from concatsplit_core.array.layouts import Contiguous, Order
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.planning.task import Piece
from concatsplit_core.routes.blocks import _even_run, _Served
from concatsplit_core.routes.buffers import Buffers


def _written(lengths: list[int]) -> tuple[list[Piece], list[np.ndarray], list[int]]:
    """Writes of these lengths, one after the other, their blocks, and where these start."""
    ends = np.cumsum([0, *lengths]).tolist()
    boxes = [Box((a, 0), (b, 4)) for a, b in pairwise(ends)]
    specs = [(box.shape, ArraySpec(box.shape, np.dtype("f4"))) for box in boxes]
    blocks, starts = Buffers().blocks(specs)
    assert starts is not None
    first = blocks[0].ctypes.data
    assert [block.ctypes.data - first for block in blocks] == starts[: len(blocks)]
    return [Piece(number, box) for number, box in enumerate(boxes)], blocks, starts


@pytest.mark.parametrize(
    ("lengths", "first", "total"),
    [
        ([3] * 12, 0, 12),
        ([3] * 11 + [1], 0, 11),
        ([1] + [3] * 11, 1, 11),
        ([1] + [3] * 9 + [2], 1, 9),
        ([3] * 9 + [2] + [3] * 4, 0, 9),
    ],
)
def test_the_longest_run_of_even_blocks(lengths: list[int], first: int, total: int) -> None:
    writes, blocks, starts = _written(lengths)
    found = _even_run(writes, 0, blocks, starts)
    assert found is not None
    assert (found.first, found.total, found.length) == (first, total, lengths[first])
    assert found.step == blocks[first + 1].ctypes.data - blocks[first].ctypes.data


@pytest.mark.parametrize("lengths", [[1, 2] * 6, [3] * 5 + [2] * 5])
def test_few_even_blocks_are_not_worth_it(lengths: list[int]) -> None:
    writes, blocks, starts = _written(lengths)
    assert _even_run(writes, 0, blocks, starts) is None


def test_blocks_elsewhere_in_memory_are_not_even() -> None:
    writes, blocks, starts = _written([3] * 20)
    starts[10] += 64
    found = _even_run(writes, 0, blocks, starts)
    assert found is not None
    assert (found.first, found.total) == (0, 10)


def test_a_gap_on_the_axis_ends_a_run() -> None:
    writes, blocks, starts = _written([3] * 20)
    moved = [Piece(p.array, p.box.shift(0, 5 if p.array >= 10 else 0)) for p in writes]
    found = _even_run(moved, 0, blocks, starts)
    assert found is not None
    assert (found.first, found.total) == (0, 10)


def test_text_of_any_length_lies_anywhere() -> None:
    spec = ArraySpec((3, 4), np.dtypes.StringDType())
    blocks, starts = Buffers().blocks([((3, 4), spec)] * 20)
    assert starts is None
    assert len({block.ctypes.data for block in blocks}) == len(blocks) == 20


def _served(lengths: list[int], other: int, order: Order) -> tuple[_Served, list[np.ndarray], Box]:
    """Parts of these lengths along the slowest axis of an order, their blocks, and all of them."""
    axis = 0 if order == "C" else 1
    ends = np.cumsum([0, *lengths]).tolist()
    boxes = [
        Box((a, 0), (b, other)) if not axis else Box((0, a), (other, b)) for a, b in pairwise(ends)
    ]
    layout = Contiguous(order)
    specs = [(box.shape, ArraySpec(box.shape, np.dtype("f4"), layout)) for box in boxes]
    blocks, starts = Buffers().blocks(specs)
    writes = [Piece(number, box) for number, box in enumerate(boxes)]
    whole = Box(boxes[0].start, boxes[-1].stop)
    return _Served(writes, axis, blocks, starts), blocks, whole


@pytest.mark.parametrize("order", ["C", "F"])
def test_parts_along_the_slowest_axis_are_one_array_in_memory(order: Order) -> None:
    served, blocks, whole = _served([3] * 12, 16, order)
    space = served.as_one(whole)
    assert space is not None
    space[:] = values = np.arange(space.size, dtype="f4").reshape(whole.shape)
    np.testing.assert_array_equal(np.concatenate(blocks, 0 if order == "C" else 1), values)


@pytest.mark.parametrize(
    ("lengths", "other"),
    [
        ([3] * 12, 5),  # each starts at a multiple of 64 bytes, with a gap before it
        ([3] * 11 + [2], 16),
        ([2] * 7, 16),  # too few to be looked at together
    ],
)
def test_parts_with_gaps_or_of_several_lengths_are_not(lengths: list[int], other: int) -> None:
    served, _, whole = _served(lengths, other, "C")
    assert served.as_one(whole) is None


def test_a_box_that_is_not_all_of_the_parts_is_not() -> None:
    served, _, whole = _served([3] * 12, 16, "C")
    assert served.as_one(whole.with_axis(0, (0, 33))) is None
    assert served.as_one(whole.with_axis(1, (0, 15))) is None


def test_parts_along_a_faster_axis_are_not() -> None:
    boxes = [Box((0, 16 * at), (4, 16 * at + 16)) for at in range(12)]
    specs = [(box.shape, ArraySpec(box.shape, np.dtype("f4"))) for box in boxes]
    blocks, starts = Buffers().blocks(specs)
    writes = [Piece(number, box) for number, box in enumerate(boxes)]
    assert _Served(writes, 1, blocks, starts).as_one(Box((0, 0), (4, 192))) is None
