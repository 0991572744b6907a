"""Hashing elements: in C order, little-endian, without padding."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import product
from math import prod

import numpy as np

from concatsplit_core.array.fields import packed
from concatsplit_core.array.geometry import Box, Shape
from concatsplit_core.run.hashing.leaf_hasher import LeafHasher
from concatsplit_core.run.hashing.leaves import unit_bytes, whole_rows

_AT_ONCE = 256 << 10
"""Bytes that are converted at once where elements are stored in another form than is hashed."""

_BIG = {">"} if sys.byteorder == "little" else {">", "="}
_NO_TEXT = b"\xff" * 8
"""Hashed in place of a missing text; no text is that long."""


def is_hashed_as_stored(dtype: np.dtype) -> bool:
    """Whether elements of a dtype are hashed by the very bytes that they have in memory."""
    return dtype.kind != "T" and (
        dtype.itemsize == packed(dtype).itemsize and dtype.newbyteorder("<") == dtype
    )


def same_bytes(one: np.dtype, other: np.dtype) -> bool:
    """Whether equal elements of two dtypes are hashed as the same bytes."""
    if "T" in (one.kind, other.kind):
        return one.kind == other.kind
    return packed(one).newbyteorder("<") == packed(other).newbyteorder("<")


def put_box(stream: LeafHasher, shape: Shape, box: Box, array: np.ndarray) -> bool:
    """Hash the elements of a box of an array, if the box consists of whole rows.

    Parameters
    ----------
    stream : LeafHasher
        The hasher of the array's elements.
    shape : tuple of int
        The shape of the array.
    box : Box
    array : numpy.ndarray
        The elements of the box.

    Returns
    -------
    bool
        False if the box has only parts of rows; then nothing was hashed.
    """
    if not whole_rows(shape, stream.cut, box):
        return False
    if not array.size or not array.dtype.itemsize:
        return True
    axis = len(shape) - 1  # runs go along this axis; on the axes after it the box is full
    while axis > 0 and box.start[axis] == 0 and box.stop[axis] == shape[axis]:
        axis -= 1
    axis = max(0, axis)
    unit = unit_bytes(array.dtype)
    steps = [unit * prod(shape[d + 1 :]) for d in range(axis + 1)]
    for at in product(*(range(n) for n in box.shape[:axis])):
        index = (*(a + i for a, i in zip(box.start, at, strict=False)), *box.start[axis : axis + 1])
        start = sum(i * step for i, step in zip(index, steps, strict=False))
        _put_run(stream, start, array[at] if at else array)
    return True


def _put_run(stream: LeafHasher, start: int, run: np.ndarray) -> None:
    """Hash consecutive elements in C order; `start` is the number of their first unit."""
    if run.dtype.kind == "T":
        _put_texts(stream, start, run)
        return
    for at, data in _as_bytes(run):
        stream.put_bytes(start + at, data)


def _as_bytes(run: np.ndarray) -> Iterator[tuple[int, memoryview]]:
    """The bytes to hash of a run, piece by piece, each with its offset in the run."""
    if run.flags.c_contiguous and is_hashed_as_stored(run.dtype):
        yield 0, run.reshape(-1).view(np.uint8).data
        return
    if not run.ndim:
        run = run.reshape(1)
    row = run[:1].size * run.dtype.itemsize
    step, at = max(1, _AT_ONCE // row), 0
    for first in range(0, len(run), step):
        data = _plain(np.ascontiguousarray(run[first : first + step]))
        view = data.reshape(-1).view(np.uint8).data
        yield at, view
        at += len(view)


def _plain(array: np.ndarray) -> np.ndarray:
    """The elements, little-endian and without padding."""
    dtype = array.dtype
    if dtype.names is not None or dtype.subdtype is not None:
        return array.astype(packed(dtype).newbyteorder("<"), copy=False)
    return array.byteswap() if dtype.byteorder in _BIG else array


def _put_texts(stream: LeafHasher, start: int, run: np.ndarray) -> None:
    flat = run.reshape(-1)
    at = 0
    for part in stream.cut.parts(start, flat.size):
        stream.put(part, _texts(flat[at : at + part.length]))
        at += part.length


def _texts(array: np.ndarray) -> bytes:
    """Texts as UTF-8, each after its length in 8 bytes."""
    pieces = []
    for text in array.tolist():
        if not isinstance(text, str):  # StringDType may hold a missing text
            pieces.append(_NO_TEXT)
            continue
        coded = text.encode("utf-8", "surrogatepass")
        pieces += [len(coded).to_bytes(8, "little"), coded]
    return b"".join(pieces)
