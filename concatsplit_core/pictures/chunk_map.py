"""Chunks of an array, counted in a bounded number of cells: how many are there, and how large."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from math import prod
from typing import NamedTuple

from concatsplit_core.array.geometry import Shape

MOST_ROWS, MOST_COLUMNS = 64, 192
"""More chunks than this along an axis share cells."""


class DrawnChunks(NamedTuple):
    """Some chunks that are drawn as one.

    Parameters
    ----------
    first, last : tuple of int
        Their indices on the two axes of the picture, the last one included.
    chunks, present : int
        How many there are, and how many of them are stored.
    stored_bytes : int
        Bytes of the stored ones.
    """

    first: Shape
    last: Shape
    chunks: int
    present: int
    stored_bytes: int


class ChunkMap:
    """The chunk grid of an array, seen along two of its axes.

    The axes are those with the most chunks; chunks that differ only on other axes share a cell.

    Parameters
    ----------
    shape, chunks : tuple of int
        Of the array, and of a chunk.
    """

    def __init__(self, shape: Shape, chunks: Shape) -> None:
        self.grid = tuple(-(-n // c) for n, c in zip(shape, chunks, strict=True))
        self._chunks = chunks
        ranked = sorted(range(len(shape)), key=lambda d: (-self.grid[d], -d))
        self.axes = tuple(sorted(d for d in ranked[:2] if self.grid[d] > 1))
        """The axis of the rows and that of the columns: only that of the columns where the others
        have one chunk; none where the array is one chunk."""
        padded = (None, None, *self.axes)[-2:]
        self._row, self._column = padded
        self.rows = min(MOST_ROWS, self._length(self._row))
        self.columns = min(MOST_COLUMNS, self._length(self._column))
        self._present = [0] * (self.rows * self.columns)
        self._stored = [0] * (self.rows * self.columns)

    @property
    def count(self) -> int:
        """How many chunks there are."""
        return prod(self.grid)

    @property
    def present(self) -> int:
        """How many of them are stored."""
        return sum(self._present)

    @property
    def stored_bytes(self) -> int:
        """Bytes of all stored chunks."""
        return sum(self._stored)

    def add(self, starts: Iterable[tuple[Shape, int]]) -> None:
        """Count chunks that are stored.

        Parameters
        ----------
        starts : iterable of (tuple of int, int)
            The index of the first element of each, and its stored bytes.
        """
        (row, row_unit), (column, column_unit) = map(self._unit, (self._row, self._column))
        of_rows, of_columns = self._length(self._row), self._length(self._column)
        for start, nbytes in starts:
            at_row = 0 if row is None else start[row] // row_unit * self.rows // of_rows
            at = 0 if column is None else start[column] // column_unit * self.columns // of_columns
            self._present[at_row * self.columns + at] += 1
            self._stored[at_row * self.columns + at] += nbytes

    def cells(self) -> list[DrawnChunks]:
        """All cells, row by row."""
        beside = self.count // (self._length(self._row) * self._length(self._column) or 1)
        rows = _ranges(self._length(self._row), self.rows)
        columns = _ranges(self._length(self._column), self.columns)
        found = []
        for number, (across, along) in enumerate(product(rows, columns)):
            size = len(across) * len(along) * beside
            first, last = (across[0], along[0]), (across[-1], along[-1])
            found.append(
                DrawnChunks(first, last, size, self._present[number], self._stored[number])
            )
        return found

    def _length(self, axis: int | None) -> int:
        return 1 if axis is None else self.grid[axis]

    def _unit(self, axis: int | None) -> tuple[int | None, int]:
        return axis, 1 if axis is None else self._chunks[axis]


def _ranges(length: int, cells: int) -> list[range]:
    """The chunks of each cell, as ``chunk * cells // length`` shares them out."""
    return [
        range(-(-cell * length // cells), -(-(cell + 1) * length // cells)) for cell in range(cells)
    ]
