"""Arrays described, not opened: shape, dtype, layout, and how arrays tile a logical axis."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from math import prod
from typing import Literal, NamedTuple

import numpy as np

from concatsplit_core.array.geometry import Box, Interval, Shape, drop, insert

Order = Literal["C", "F"]

STRING_BYTES = 64
"""What a variable-length string costs in memory, where nothing is known of its text."""

FEW_CHUNKS, FEW_BYTES = 1 << 16, 4 << 30
"""Chunks, and bytes of array data, that are walked in seconds even if nothing of them is stored."""


class Encoding(NamedTuple):
    """How the bytes of a chunk come about: between equal encodings they may move as stored.

    Parameters
    ----------
    dtype : numpy.dtype
        Of the items as they lie in the chunk.
    codec : hashable
        The steps that the items went through, settings included.
    transposed : tuple of int
        Order of the axes in the chunk; empty where it is C order.
    """

    dtype: np.dtype
    codec: Hashable
    transposed: Shape = ()


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """Shape, dtype and layout of one array.

    Parameters
    ----------
    shape : tuple of int
    dtype : numpy.dtype
        ``StringDType`` stands for variable-length strings.
    order : {"C", "F"}
        How a contiguous array's elements follow each other.
    contiguous : bool
        The elements lie in one run of bytes at a known offset.
    chunks : tuple of int, optional
        What has to be decoded, and encoded, as a whole.
    shards : tuple of int, optional
        What has to be written as a whole, where that is more than a chunk.
    sequential : bool
        Can only be written from its first element to its last.
    in_memory : bool
        The elements are in no file.
    encoding : Encoding, optional
        Of the chunks; None where they cannot be had as stored.
    packing : hashable, optional
        How chunks lie in a shard, and what an absent one stands for; None as for `encoding`.
    converted : bool
        The elements change when they are read, into those of `dtype`.
    string_bytes : int, optional
        What a variable-length string takes in memory, slot and text, on average over the chunk
        that has the most; None where nobody has looked.
    stored_chunks : int, optional
        How many chunks are stored at most; None where nobody has counted them, as there are few.
    """

    shape: Shape
    dtype: np.dtype
    order: Order = "C"
    contiguous: bool = True
    chunks: Shape | None = None
    shards: Shape | None = None
    sequential: bool = False
    in_memory: bool = False
    encoding: Encoding | None = None
    packing: Hashable | None = None
    converted: bool = False
    string_bytes: int | None = None
    stored_chunks: int | None = None

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
        return self.size * self.dtype.itemsize

    @property
    def is_string(self) -> bool:
        """Whether the elements are variable-length strings."""
        return self.dtype.kind == "T"

    @property
    def memory_itemsize(self) -> int:
        """Bytes that an element takes in memory (an estimate for strings)."""
        return self.string_bytes or STRING_BYTES if self.is_string else self.dtype.itemsize

    @property
    def write_unit(self) -> Shape | None:
        """What one task has to write as a whole; None where any box will do."""
        return self.chunks if self.shards is None else self.shards

    def with_axis(self, axis: int) -> ArraySpec:
        """The same array seen with an extra axis of length 1."""
        return replace(
            self,
            shape=insert(self.shape, axis, 1),
            chunks=None if self.chunks is None else insert(self.chunks, axis, 1),
            shards=None if self.shards is None else insert(self.shards, axis, 1),
            encoding=None if self.encoding and self.encoding.transposed else self.encoding,
        )


@dataclass(frozen=True, slots=True)
class Segment:
    """One array and the interval of the logical axis that it covers."""

    interval: Interval
    spec: ArraySpec


@dataclass(frozen=True, slots=True)
class Tiling:
    """Arrays laid along one axis of the logical array.

    Parameters
    ----------
    axis : int
        The axis of the logical array, not negative.
    segments : tuple of Segment
        In order. Sources cover the axis; targets may leave gaps or overlap.
    new_axis : bool
        The arrays lack the axis: each is seen with length 1 along it.
    """

    axis: int
    segments: tuple[Segment, ...]
    new_axis: bool = False

    def view(self, index: int) -> ArraySpec:
        """Spec of one array with the axes of the logical array."""
        spec = self.segments[index].spec
        return spec.with_axis(self.axis) if self.new_axis else spec

    def local(self, index: int, box: Box) -> Box:
        """A box of the logical array in the array's own indices."""
        within = self.within(index, box)
        return within.drop(self.axis) if self.new_axis else within

    def within(self, index: int, box: Box) -> Box:
        """A box of the logical array in the indices of the array's view, with all axes."""
        return box.shift(self.axis, -self.segments[index].interval.start)

    def logical(self, index: int, box: Box) -> Box:
        """A box in the array's own indices on the logical array."""
        start = self.segments[index].interval.start
        if self.new_axis:
            return Box(insert(box.start, self.axis, start), insert(box.stop, self.axis, start + 1))
        return box.shift(self.axis, start)

    def local_shape(self, shape: Shape) -> Shape:
        """Shape of a block of the logical array in the array's own axes."""
        return drop(shape, self.axis) if self.new_axis else shape
