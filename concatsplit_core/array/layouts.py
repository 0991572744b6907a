"""The ways in which the elements of an array lie: each a value that says only what it needs."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Literal

import numpy as np

from concatsplit_core.array.geometry import Shape
from concatsplit_core.foundation.records import NamedTuple

Order = Literal["C", "F"]


class Encoding(NamedTuple):
    """How the bytes of a chunk are made; between equal encodings they may move as stored.

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


class Contiguous(NamedTuple):
    """The elements lie in one run of bytes of a file.

    ::

        | header ... |  0  1  2  3  4  5 ...      byte of element i: offset + i * itemsize

    Parameters
    ----------
    order : {"C", "F"}
        How the elements follow each other: the last index changes fastest, or the first.
    offset : int, optional
        Of the first element in the file, in bytes; None where it is not known yet: the file of an
        output is not made, or an input is first inflated into a file.
    offset_step : int, optional
        For an output whose file is not made: the offset may be any multiple of so many bytes;
        None where the format alone chooses it.
    """

    order: Order = "C"
    offset: int | None = None
    offset_step: int | None = None


class Chunked(NamedTuple):
    """The elements lie in chunks of one shape, each encoded as a whole.

    Parameters
    ----------
    chunks : tuple of int
        Shape of the pieces that are decoded, and encoded, as a whole.
    encoding : Encoding, optional
        None where chunks cannot be read or written as they are stored.
    stored_chunks : int, optional
        How many chunks are stored at most; None where all of them may be.
    """

    chunks: Shape
    encoding: Encoding | None = None
    stored_chunks: int | None = None

    @property
    def write_unit(self) -> Shape:
        return self.chunks


class Sharded(NamedTuple):
    """Chunks lie together in shards, each with an index of its chunks.

    ::

        +----+----+  +----+----+
        | 0  | 1  |  | 4  | 5  |      shards of 2 x 2 chunks: any chunk can be read,
        +----+----+  +----+----+      a shard is written as a whole
        | 2  | 3  |  | 6  | 7  |
        +----+----+  +----+----+

    Parameters
    ----------
    shards : tuple of int
        Shape of the pieces that are written as a whole; a multiple of the chunks.
    chunks, encoding, stored_chunks
        As of `Chunked`.
    packing : hashable, optional
        How chunks lie in a shard, and what an absent one stands for; None as for `encoding`.
    """

    shards: Shape
    chunks: Shape
    encoding: Encoding | None = None
    packing: Hashable | None = None
    stored_chunks: int | None = None

    @property
    def write_unit(self) -> Shape:
        return self.shards


class Stream(NamedTuple):
    """The elements are written in C order from the first to the last, in pieces.

    Parameters
    ----------
    write_unit : tuple of int
        Of a piece, which follows the one before it in C order.
    """

    write_unit: Shape


class InMemory(NamedTuple):
    """The elements are in no file, but in the memory of this process.

    Parameters
    ----------
    write_unit : tuple of int, optional
        What a task has to fill as a whole; None where any box will do.
    order : {"C", "F"}
    """

    write_unit: Shape | None = None  # first, unlike in `Opaque`: tuples of equal fields are equal
    order: Order = "C"


class Opaque(NamedTuple):
    """Only a library knows where the elements lie; it reads and writes boxes of them.

    Parameters
    ----------
    order : {"C", "F"}
        The order in which the library takes elements fastest.
    write_unit : tuple of int, optional
        What it has to be given as a whole; None where any box will do.
    """

    order: Order = "C"
    write_unit: Shape | None = None


ArrayLayout = Contiguous | Chunked | Sharded | Stream | InMemory | Opaque


def with_axes(layout: ArrayLayout, change: Callable[[Shape], Shape]) -> ArrayLayout:
    """The layout of the same bytes, with an axis of length 1 added or removed.

    Parameters
    ----------
    layout : ArrayLayout
    change : callable
        Puts the entry of the axis into a shape, or takes it out.
    """
    match layout:
        case Contiguous():
            return layout
        case Chunked():
            return layout._replace(chunks=change(layout.chunks), encoding=_untransposed(layout))
        case Sharded():
            return layout._replace(
                shards=change(layout.shards),
                chunks=change(layout.chunks),
                encoding=_untransposed(layout),
            )
    unit = layout.write_unit
    return layout if unit is None else layout._replace(write_unit=change(unit))


def _untransposed(layout: Chunked | Sharded) -> Encoding | None:
    """The encoding; None if it names axes by numbers, which have changed."""
    encoding = layout.encoding
    return None if encoding is not None and encoding.transposed else encoding
