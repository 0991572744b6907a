"""The picture of arrays: their chunk grids, with absent chunks, and stored sizes as a heat map."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from concatsplit_core.array.geometry import Shape
from concatsplit_core.foundation.sizes import format_size, shape_text
from concatsplit_core.pictures.chunk_map import ChunkMap, DrawnChunks
from concatsplit_core.pictures.drawing import (
    HEAD_LETTER,
    LETTER,
    NAME_LETTERS,
    WIDTH,
    Drawing,
    shortened,
)
from concatsplit_core.pictures.panels import LEFT, ROOM

LEVELS = 6
"""Shades of the heat map."""

MOST_TIPS = 400
"""The most cells that are drawn one by one, each with a tip that a pointer shows."""

_WIDEST, _TALLEST, _HEIGHT = 46.0, 28.0, 288.0


class PicturedArray(NamedTuple):
    """An array of the picture.

    Parameters
    ----------
    ref, dtype, codec : str
        What people call it, its dtype and its codec.
    shape : tuple of int
    nbytes, stored_bytes : int
    chunks : tuple of int, optional
        What the cells stand for: chunks, or shards if `is_sharded`.
    dims : sequence of (str or None)
        Names of the axes.
    chunk_map : ChunkMap, optional
        None where there are no chunks, or they were not looked at.
    is_sharded : bool
    """

    ref: str
    dtype: str
    codec: str
    shape: Shape
    nbytes: int
    stored_bytes: int
    chunks: Shape | None = None
    dims: Sequence[str | None] = ()
    chunk_map: ChunkMap | None = None
    is_sharded: bool = False

    @property
    def facts(self) -> str:
        """How much of the array is stored, in words."""
        if self.chunks is None:
            return f"not in chunks; {format_size(self.nbytes)}"
        what = "shards" if self.is_sharded else "chunks"
        if self.chunk_map is None:
            stored = format_size(self.stored_bytes)
            return f"{what} of {shape_text(self.chunks)}: too many to look at each; {stored} stored"
        found = self.chunk_map
        absent = found.count - found.present
        share = 100 * found.stored_bytes / max(1, self.nbytes)
        takes = f"{what} take"  # without the documents of a store, which its stored bytes include
        if found.count == 1:
            what, takes = what[:-1], f"the {what[:-1]} takes"
        return (
            f"{found.count:,} {what} of {shape_text(self.chunks)}, {absent:,} absent; "
            f"{takes} {format_size(found.stored_bytes)} of {format_size(self.nbytes)} "
            f"({share:.3g} %)"
        )

    def name_of_axis(self, axis: int) -> str:
        """The number of an axis, and its name."""
        name = self.dims[axis] if self.dims else None
        return f"axis {axis} ({name})" if name else f"axis {axis}"


def picture_of_chunks(arrays: Sequence[PicturedArray], others: int = 0) -> str:
    """Draw the chunk grids of arrays.

    Parameters
    ----------
    arrays : sequence of PicturedArray
    others : int
        How many more arrays there are that are not drawn.

    Returns
    -------
    str
        An SVG document of bounded size.
    """
    more = [f"There are {others} more arrays."] if others else []
    words = [
        f"{shortened(one.ref, NAME_LETTERS, 1)}, {shape_text(one.shape)} {one.dtype}: {one.facts}."
        for one in arrays
    ]
    one = (
        f"Chunks of {shortened(arrays[0].ref, NAME_LETTERS, 1)}"
        if len(arrays) == 1
        else f"Chunks of {len(arrays)} arrays"
    )
    drawing = Drawing(one, " ".join(words + more))
    y = 16.0
    for array in arrays:
        y = _draw_array(drawing, y, array) + 14
    if others:
        drawing.text(24, y + 4, f"and {others:,} more arrays", "dim")
        y += 24
    return drawing.finished(y)


def _draw_array(drawing: Drawing, y: float, array: PicturedArray) -> float:
    about = f" {shape_text(array.shape)} {array.dtype}, codec {array.codec}"
    name = shortened(array.ref, WIDTH - 48 - len(about) * HEAD_LETTER, HEAD_LETTER)
    drawing.text(24, y + 14, name + about, "head")
    drawing.text(24, y + 34, shortened(array.facts, WIDTH - 48), "dim")
    y += 66
    found = array.chunk_map
    if found is None or not found.count:
        drawing.box(LEFT, y, ROOM, _TALLEST, "even", array.facts)
        drawing.box(LEFT, y, ROOM, _TALLEST, "frame")
        return y + _TALLEST + 8
    wide = min(_WIDEST, ROOM / found.columns)
    tall = min(_TALLEST, _HEIGHT / found.rows)
    _name_axes(drawing, y, array, found)
    low, high = _draw_cells(drawing, y, (wide, tall), found)
    drawing.box(LEFT, y, wide * found.columns, tall * found.rows, "frame")
    y += tall * found.rows + 12
    return _draw_scale(drawing, y, (low, high), found)


def _name_axes(drawing: Drawing, y: float, array: PicturedArray, found: ChunkMap) -> None:
    if not found.axes:
        return
    arrows = zip(found.axes, "↓→"[-len(found.axes) :], strict=True)
    words = ", ".join(f"{array.name_of_axis(d)} {arrow} {found.grid[d]:,}" for d, arrow in arrows)
    beside = [d for d, n in enumerate(found.grid) if n > 1 and d not in found.axes]
    if beside:
        names = ", ".join(f"{array.name_of_axis(d)}, {found.grid[d]:,}" for d in beside)
        words += f"; each cell holds all chunks along {names}"
    drawing.text(LEFT, y - 8, shortened(words, ROOM), "dim")


def _draw_cells(
    drawing: Drawing, y: float, size: tuple[float, float], found: ChunkMap
) -> tuple[int, int]:
    """Draw all cells; returns the smallest and the largest mean size of a cell's stored chunks."""
    wide, tall = size
    cells = found.cells()
    means = [cell.stored_bytes // cell.present for cell in cells if cell.present]
    low, high = min(means, default=0), max(means, default=0)
    drawing.box(LEFT, y, wide * found.columns, tall * found.rows, "absent")
    runs: defaultdict[str, list[tuple[float, float, float, float]]] = defaultdict(list)
    for number, cell in enumerate(cells):
        row, column = divmod(number, found.columns)
        left, top = LEFT + column * wide, y + row * tall
        there = tall * cell.present / cell.chunks
        if len(cells) <= MOST_TIPS:
            drawing.box(left, top, wide, tall, "absent", _tip(cell))
        if not cell.present:
            continue
        kind = f"heat{_level(cell.stored_bytes // cell.present, low, high)}"
        if len(cells) <= MOST_TIPS:
            drawing.box(left, top + tall - there, wide, there, kind, _tip(cell))
        else:
            _lengthen(runs[kind], (left, top + tall - there, wide, there))
    for kind, places in runs.items():
        drawing.boxes(places, kind)
    if wide >= 6 and tall >= 6:
        right, bottom = LEFT + wide * found.columns, y + tall * found.rows
        grid = [(LEFT + c * wide, y, LEFT + c * wide, bottom) for c in range(1, found.columns)]
        grid += [(LEFT, y + r * tall, right, y + r * tall) for r in range(1, found.rows)]
        drawing.lines(grid, "chunk")
    return low, high


def _lengthen(
    places: list[tuple[float, float, float, float]], one: tuple[float, float, float, float]
) -> None:
    """Add a box, or lengthen the last one where both make one rectangle."""
    if places:
        x, y, wide, tall = places[-1]
        if (y, tall) == (one[1], one[3]) and abs(x + wide - one[0]) < 1e-6:
            places[-1] = (x, y, wide + one[2], tall)
            return
    places.append(one)


def _level(nbytes: int, low: int, high: int) -> int:
    return min(LEVELS - 1, (nbytes - low) * LEVELS // (high - low)) if high > low else LEVELS // 2


def _tip(cell: DrawnChunks) -> str:
    if cell.chunks == 1:
        size = format_size(cell.stored_bytes) if cell.present else "absent"
        return f"chunk {cell.first[0]}, {cell.first[1]}: {size}"
    return (
        f"chunks {cell.first[0]}, {cell.first[1]} to {cell.last[0]}, {cell.last[1]}: "
        f"{cell.present} of {cell.chunks} stored, in {format_size(cell.stored_bytes)}"
    )


def _draw_scale(drawing: Drawing, y: float, ends: tuple[int, int], found: ChunkMap) -> float:
    """What the shades mean."""
    low, high = ends
    x = LEFT
    if found.present:
        drawing.text(x, y + 11, "bytes of a chunk:", "dim")
        x += 112
        levels = range(LEVELS) if high > low else (LEVELS // 2,)
        drawing.text(x + 2, y + 11, format_size(low), "dim")
        x += len(format_size(low)) * LETTER + 10
        for level in levels:
            drawing.box(x, y, 22, 14, f"heat{level}")
            x += 22
        if high > low:
            drawing.text(x + 6, y + 11, format_size(high), "dim")
            x += len(format_size(high)) * LETTER + 10
        x += 24
    if found.present < found.count:
        drawing.box(x, y, 22, 14, "absent")
        drawing.box(x, y, 22, 14, "frame")
        drawing.text(x + 30, y + 11, "absent: full of the fill value", "dim")
    return y + 22
