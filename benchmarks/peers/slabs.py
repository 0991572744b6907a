"""Blocks of an output along its first axis, and the pieces of the inputs that fill them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

type Index = tuple[slice, ...]

SLAB_BYTES = 128 << 20
"""As large as paid off: larger slabs were no faster with any of the peers."""


def joined_shape(shapes: Sequence[tuple[int, ...]], axis: int) -> tuple[int, ...]:
    """Shape of the arrays joined along an axis."""
    shape = list(shapes[0])
    shape[axis] = sum(one[axis] for one in shapes)
    return tuple(shape)


def depth(shape: tuple[int, ...], itemsize: int, unit: int = 1) -> int:
    """Rows of a slab: a multiple of the depth of the chunks that are written."""
    row_bytes = prod(shape[1:]) * itemsize
    return unit * max(1, SLAB_BYTES // (row_bytes * unit))


def pieces(
    inputs: Sequence[Any], axis: int, rows: int, together: bool
) -> Iterator[tuple[Index, np.ndarray]]:
    """Where to write what, so that every output chunk is written once.

    Parameters
    ----------
    inputs : sequence of array-like
        What slicing reads from.
    axis : int
    rows : int
        Depth of a slab.
    together : bool
        Join the inputs' pieces of a slab in memory first, as is needed where the border of two
        inputs lies inside a chunk.

    Yields
    ------
    index : tuple of slice
    values : ndarray
    """
    shape = joined_shape([one.shape for one in inputs], axis)
    rest = (slice(None),) * (len(shape) - 1)
    for start in range(0, shape[0], rows):
        stop = min(start + rows, shape[0])
        found = list(_from_inputs(inputs, axis, start, stop))
        if together and len(found) > 1:
            yield (slice(start, stop), *rest), np.concatenate([v for _, v in found], axis)
        else:
            yield from found


def _from_inputs(
    inputs: Sequence[Any], axis: int, start: int, stop: int
) -> Iterator[tuple[Index, np.ndarray]]:
    offset = 0
    for one in inputs:
        length = one.shape[axis]
        whole = [slice(None)] * len(one.shape)
        if axis == 0:
            low, high = max(start, offset), min(stop, offset + length)
            if low < high:
                rest = tuple(whole[1:])
                yield (slice(low, high), *rest), one[low - offset : high - offset]
        else:
            whole[0], whole[axis] = slice(start, stop), slice(offset, offset + length)
            yield tuple(whole), one[start:stop]
        offset += length
