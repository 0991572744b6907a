"""The pieces of an array that hold wanted elements: its chunks, or runs of rows."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from concatsplit_core.array.geometry import Box, Shape
from concatsplit_core.array.indexing import PickGroup, Picks, bounds, crossings, grouped
from concatsplit_core.array.spec import ArraySpec

PIECE = 16 << 20
"""Bytes that are read at once of an array that has no chunks and cannot be mapped."""

Part = tuple[tuple[Any, ...], np.ndarray]
"""Some of the wanted elements, and where they go in the block."""


class Cell(NamedTuple):
    """A piece of an array, and which of its elements are wanted.

    Parameters
    ----------
    number : tuple of int
        Of the piece in the grid of pieces.
    box : Box
        Of the piece.
    groups : tuple of PickGroup
        What is wanted of it, along each axis.
    """

    number: Shape
    box: Box
    groups: tuple[PickGroup, ...]

    @property
    def is_whole(self) -> bool:
        """Whether all of it is wanted."""
        return all(len(g.picks) == n for g, n in zip(self.groups, self.box.shape, strict=True))

    @property
    def needed(self) -> Box:
        """The smallest box with all that is wanted."""
        edges = [bounds(group.picks) for group in self.groups]
        return Box(tuple(start for start, _ in edges), tuple(stop for _, stop in edges))


def cells(shape: Shape, unit: Shape, picks: Sequence[Picks]) -> Iterator[Cell]:
    """The pieces of an array that hold wanted elements."""
    along = [
        list(grouped(picked, range(c, n + c, c)))
        for picked, n, c in zip(picks, shape, unit, strict=True)
    ]
    for groups in product(*along):
        index = tuple(group.number for group in groups)
        start = tuple(i * c for i, c in zip(index, unit, strict=True))
        stop = tuple(min(a + c, n) for a, c, n in zip(start, unit, shape, strict=True))
        yield Cell(index, Box(start, stop), groups)


def piece_shape(spec: ArraySpec) -> Shape:
    """The shape of the pieces in which an array without chunks is read: whole rows where it can."""
    unit, room = [1] * spec.ndim, max(1, PIECE // max(1, spec.memory_itemsize))
    axes = range(spec.ndim)
    for d in axes if spec.order == "F" else axes[::-1]:
        unit[d] = max(1, min(spec.shape[d], room))
        room //= unit[d]
    return tuple(unit)


def wanted_of(parts: Iterable[tuple[Box, np.ndarray]], cell: Cell) -> Iterator[Part]:
    """What is wanted of the parts of a piece."""
    for box, part in parts:
        place: list[slice] = []
        inside: list[Picks] = []
        for group, start, stop in zip(cell.groups, box.start, box.stop, strict=True):
            low, high = bisect_left(group.picks, start), bisect_left(group.picks, stop)
            if low == high:
                break
            place.append(slice(group.place.start + low, group.place.start + high))
            inside.append(group.picks[low:high])
        else:
            yield (*place, ...), part[crossings(inside, box.start)]
