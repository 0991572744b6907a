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


def _written(lengths: list[int]) -> tuple[list[Piece], list[np.ndarray]]:
    """Writes of these lengths, one after the other, and their blocks."""
    ends = np.cumsum([0, *lengths]).tolist()
    boxes = [Box((a, 0), (b, 4)) for a, b in pairwise(ends)]
    blocks = Buffers().blocks([(box.shape, ArraySpec(box.shape, np.dtype("f4"))) for box in boxes])
    return [Piece(number, box) for number, box in enumerate(boxes)], blocks


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
    writes, blocks = _written(lengths)
    found = _even_run(writes, 0, blocks)
    assert found is not None
    assert (found.first, found.total, found.length) == (first, total, lengths[first])
    assert found.step == blocks[first + 1].ctypes.data - blocks[first].ctypes.data


@pytest.mark.parametrize("lengths", [[1, 2] * 6, [3] * 5 + [2] * 5])
def test_few_even_blocks_are_not_worth_it(lengths: list[int]) -> None:
    writes, blocks = _written(lengths)
    assert _even_run(writes, 0, blocks) is None


def test_blocks_elsewhere_in_memory_are_not_even() -> None:
    writes, blocks = _written([3] * 20)
    blocks[10] = blocks[10].copy()
    found = _even_run(writes, 0, blocks)
    assert found is not None
    assert (found.first, found.total) == (0, 10)


def test_a_gap_on_the_axis_ends_a_run() -> None:
    writes, blocks = _written([3] * 20)
    moved = [Piece(p.array, p.box.shift(0, 5 if p.array >= 10 else 0)) for p in writes]
    found = _even_run(moved, 0, blocks)
    assert found is not None
    assert (found.first, found.total) == (0, 10)
