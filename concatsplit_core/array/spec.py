"""Arrays described, not opened: shape, dtype and layout."""

from __future__ import annotations

from math import prod

import numpy as np

from concatsplit_core.array.geometry import Shape, drop, insert
from concatsplit_core.array.layouts import (
    ArrayLayout,
    Chunked,
    Contiguous,
    Encoding,
    InMemory,
    Opaque,
    Order,
    Sharded,
    with_axes,
)
from concatsplit_core.foundation.records import dataclass, replace

_CHUNKED = (Chunked, Sharded)
_ORDERED = (Contiguous, InMemory, Opaque)
_STRIDED = (Contiguous, InMemory)

STRING_BYTES = 64
"""Bytes that a variable-length string is taken to need in memory while it was not measured."""

FEW_CHUNKS, FEW_BYTES = 1 << 16, 4 << 30
"""Chunks, and bytes of array data, that are walked in seconds even if nothing of them is stored."""


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """Shape, dtype and layout of one array.

    Parameters
    ----------
    shape : tuple of int
    dtype : numpy.dtype
        ``StringDType`` stands for variable-length strings.
    layout : ArrayLayout
        How the elements lie.
    converted : bool
        Reading converts the stored elements to `dtype`.
    string_bytes : int, optional
        Bytes that a variable-length string takes in memory, slot and text: the average of the
        chunk with the most text; None where it was not measured.
    """

    shape: Shape
    dtype: np.dtype
    layout: ArrayLayout = Contiguous()
    converted: bool = False
    string_bytes: int | None = None

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of array data, uncompressed."""
        return prod(self.shape) * self.dtype.itemsize

    @property
    def is_string(self) -> bool:
        """Whether the elements are variable-length strings."""
        return self.dtype.kind == "T"

    @property
    def memory_itemsize(self) -> int:
        """Bytes that an element takes in memory (an estimate for strings)."""
        return self.string_bytes or STRING_BYTES if self.is_string else self.dtype.itemsize

    @property
    def order(self) -> Order:
        """The order in which the elements follow each other; C where they lie in chunks."""
        layout = self.layout
        return layout.order if isinstance(layout, _ORDERED) else "C"

    @property
    def chunks(self) -> Shape | None:
        """Shape of what is decoded, and encoded, as a whole; None where there are no chunks."""
        layout = self.layout
        return layout.chunks if isinstance(layout, _CHUNKED) else None

    @property
    def shards(self) -> Shape | None:
        """Shape of the shards, which hold several chunks each; None where there are none."""
        return self.layout.shards if isinstance(self.layout, Sharded) else None

    @property
    def write_unit(self) -> Shape | None:
        """Shape of what one task has to write as a whole; None where any box will do."""
        return None if isinstance(self.layout, Contiguous) else self.layout.write_unit

    @property
    def encoding(self) -> Encoding | None:
        """How chunks are encoded; None where they cannot be read or written as stored."""
        layout = self.layout
        return layout.encoding if isinstance(layout, _CHUNKED) else None

    @property
    def stored_chunks(self) -> int | None:
        """How many chunks are stored at most; None where all of them may be."""
        layout = self.layout
        return layout.stored_chunks if isinstance(layout, _CHUNKED) else None

    @property
    def is_contiguous(self) -> bool:
        """Whether the elements lie in one run of bytes of a file."""
        return isinstance(self.layout, Contiguous)

    @property
    def is_strided(self) -> bool:
        """Whether every element lies at a place that strides give, in a file or in memory."""
        return isinstance(self.layout, _STRIDED)

    def with_axis(self, axis: int) -> ArraySpec:
        """The same array seen with an extra axis of length 1."""
        layout = with_axes(self.layout, lambda shape: insert(shape, axis, 1))
        return replace(self, shape=insert(self.shape, axis, 1), layout=layout)

    def without_axis(self, axis: int) -> ArraySpec:
        """The same array seen without an axis of length 1."""
        layout = with_axes(self.layout, lambda shape: drop(shape, axis))
        return replace(self, shape=drop(self.shape, axis), layout=layout)
