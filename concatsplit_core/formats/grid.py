"""Regular chunk grids: which chunks a box touches, and how chunks are cut out of a block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from operator import sub

import numpy as np

from concatsplit_core.array.geometry import Box, Shape

_MANY = 1 << 16
"""Elements of a box along an axis from which on its chunks are not listed first."""


def chunks_of(box: Box, chunks: Shape, shape: Shape) -> Iterator[tuple[Shape, Box]]:
    """Grid index of every chunk that a box touches, and the chunk's box clipped to the array."""
    if not chunks:
        yield (), Box((), ())
        return
    places: Iterable[tuple[tuple[int, int, int], ...]]
    if max(map(sub, box.stop, box.start)) > _MANY:
        places = _one_by_one([*zip(box.start, box.stop, chunks, shape, strict=True)])
    else:
        along = [
            [(i, i * c, min(i * c + c, n)) for i in range(a // c, -(-b // c))]
            for a, b, c, n in zip(box.start, box.stop, chunks, shape, strict=True)
        ]
        places = product(*along)
    for place in places:
        index, start, stop = zip(*place, strict=True)
        yield index, Box(start, stop)


def _one_by_one(
    sides: Sequence[tuple[int, int, int, int]],
) -> Iterator[tuple[tuple[int, int, int], ...]]:
    """As `product`, which would first list all chunks along each axis: there may be billions."""
    if not sides:
        yield ()
        return
    a, b, c, n = sides[0]
    for i in range(a // c, -(-b // c)):
        for others in _one_by_one(sides[1:]):
            yield (i, i * c, min(i * c + c, n)), *others


def clip(chunk: Box, box: Box, array: np.ndarray) -> tuple[Box, np.ndarray]:
    """The part of a decoded chunk, padded or not, that lies in a box."""
    common = chunk.intersect(box)
    if common is None:
        raise AssertionError("a chunk outside the box")
    return common, array[common.within(chunk)]


def space_for(
    chunk: Box, box: Box, chunks: Shape, find_space: Callable[[Box], memoryview | None] | None
) -> memoryview | None:
    """Where a chunk may be decoded to, if all of it lies in a box."""
    if find_space is None or chunk.shape != chunks or chunk.intersect(box) != chunk:
        return None
    return find_space(chunk)


def padded(block: np.ndarray, chunks: Shape, fill: object) -> np.ndarray:
    """A chunk from the array's edge, completed with fill values."""
    if block.shape == chunks:
        return block
    whole = np.full(chunks, fill, block.dtype)
    whole[tuple(slice(0, n) for n in block.shape)] = block
    return whole


def is_fill(block: np.ndarray, fill: np.ndarray) -> bool:
    """Whether all elements have the same bytes as the fill value."""
    if not block.size or block.dtype.kind == "T" or not block.dtype.itemsize:
        return False
    wanted = fill.tobytes()
    if (
        block[(0,) * block.ndim].tobytes() != wanted
        or block[(-1,) * block.ndim].tobytes() != wanted
    ):
        return False
    plain = block.dtype.itemsize in {1, 2, 4, 8}
    kind = np.dtype(f"u{block.dtype.itemsize}" if plain else f"V{block.dtype.itemsize}")
    if plain:
        return bool((block.view(kind) == np.frombuffer(wanted, kind)[0]).all())
    return block.tobytes() == wanted * block.size


def chunk_label(index: Shape, chunks: Shape | None, shape: Shape) -> str:
    """The name of a chunk in messages: its index in the grid, and the elements that it holds."""
    name = f"chunk {'.'.join(map(str, index)) or '0'}"
    if not chunks or len(chunks) != len(index):
        return name
    bounds = zip(index, chunks, shape, strict=True)
    inside = ", ".join(f"{i * c}:{min(i * c + c, n)}" for i, c, n in bounds)
    return f"{name} (elements {inside})"
