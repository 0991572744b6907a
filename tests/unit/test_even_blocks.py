"""Neighbouring blocks that are filled by one copy: how many of them are found."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from concatsplit_core.array.geometry import Box
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.planning.task import Piece
from concatsplit_core.routes.blocks import _even_run
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
