"""The hash of one blob: of its elements, its bytes, or its chunks as they are stored."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import prod
from typing import Protocol

import numpy as np

from concatsplit_core.array.geometry import Box, Interval, Shape
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.run.hashing.elements import is_hashed_as_stored, put_box
from concatsplit_core.run.hashing.leaf_hasher import LeafHasher, WaitingMemory
from concatsplit_core.run.hashing.leaves import (
    ABSENT,
    Leaves,
    cut_bytes,
    cut_elements,
    digest,
    root,
    sections,
    unit_bytes,
)
from concatsplit_core.run.hashing.record import HashRecord, Kind


class Stretch(NamedTuple):
    """Consecutive elements in C order: the indices of the first and of the last one."""

    first: Shape
    last: Shape


class BlobHash(Protocol):
    """The leaves of one blob, and the elements that each leaf covers."""

    kind: Kind
    spec: ArraySpec
    ranges: tuple[Interval, ...] | None

    def all_leaves(self) -> list[Leaves]:
        """The leaves, in order."""
        ...

    def drop_incomplete(self) -> None:
        """Forget the leaves that are hashed in part, so that they can be hashed from the start."""
        ...

    def stretch(self, first: int, stop: int) -> Stretch:
        """The elements of the leaves with numbers from `first` up to `stop`, exclusive."""
        ...


def record_of(blob: BlobHash) -> HashRecord:
    """The record of a blob in a manifest; all its leaves must be known."""
    digests = b"".join(leaves.digests() for leaves in blob.all_leaves())
    return HashRecord(blob.kind, root(digests).hex(), blob.ranges, sections(digests))


def is_complete(blob: BlobHash) -> bool:
    """Whether all leaves are known."""
    return all(leaves.is_complete for leaves in blob.all_leaves())


class _Region(NamedTuple):
    """A box of an array that is hashed like an array of its own."""

    box: Box
    stream: LeafHasher


class ElementHash:
    """Hashes the elements of an array, or of ranges of it along one axis."""

    kind: Kind = "elements"

    def __init__(
        self,
        spec: ArraySpec,
        waiting: WaitingMemory,
        axis: int = 0,
        ranges: Sequence[Interval] | None = None,
    ) -> None:
        self.spec, self.axis = spec, axis
        self.ranges = None if ranges is None else tuple(ranges)
        whole = Box.whole(spec.shape)
        boxes = [whole] if ranges is None else [whole.with_axis(axis, part) for part in ranges]
        self.regions = [
            _Region(b, LeafHasher(cut_elements(b.shape, spec.dtype), waiting)) for b in boxes
        ]
        self._starts = [part.start for part in self.ranges or ()]
        self.takes_bytes = spec.order == "C" and is_hashed_as_stored(spec.dtype)
        """Whether the array's bytes in its file are the bytes that are hashed."""

    def _region(self, start: int) -> _Region:
        """The region that contains an index along the axis."""
        return self.regions[max(0, bisect_right(self._starts, start) - 1)]

    def put(self, box: Box, array: np.ndarray) -> None:
        """Hash the elements of a box, if it lies inside one region and consists of whole rows."""
        region = self._region(box.start[self.axis]) if self.ranges else self.regions[0]
        if region.box.intersect(box) == box:
            within = box.offset(tuple(-n for n in region.box.start))
            put_box(region.stream, region.box.shape, within, array)

    def put_bytes(self, start: int, data: memoryview) -> None:
        """Hash bytes of the array's file, if they lie inside one region.

        Parameters
        ----------
        start : int
            The offset of the first byte from the array's first element.
        data : memoryview
        """
        row = prod(self.spec.shape[self.axis + 1 :]) * unit_bytes(self.spec.dtype)
        before, at = divmod(start, row * self.spec.shape[self.axis])
        region = self._region(at // row)
        first, stop = region.box.start[self.axis], region.box.stop[self.axis]
        if first * row <= at and at + len(data) <= stop * row:
            region.stream.put_bytes(before * (stop - first) * row + at - first * row, data)

    def all_leaves(self) -> list[Leaves]:
        return [region.stream.leaves for region in self.regions]

    def drop_incomplete(self) -> None:
        for region in self.regions:
            region.stream.drop_incomplete()

    def stretch(self, first: int, stop: int) -> Stretch:
        counts = [leaves.count for leaves in self.all_leaves()]
        return Stretch(*(self._index(leaf, counts, end) for leaf, end in ((first, 0), (stop, 1))))

    def _index(self, leaf: int, counts: list[int], end: int) -> Shape:
        """The index of the first element of a leaf (`end` is 0), or of the last before it (1)."""
        leaf -= end
        number = next(i for i, below in enumerate(accumulate(counts)) if leaf < below)
        box, stream = self.regions[number]
        leaf += end - sum(counts[:number])
        unit = unit_bytes(self.spec.dtype)
        place = stream.cut.total if leaf == stream.cut.leaves else stream.cut.place(leaf)
        local = np.unravel_index(place // unit - end, box.shape)
        return tuple(int(i) + a for i, a in zip(local, box.start, strict=True))


class ByteHash:
    """Hashes the bytes of a contiguous array as they lie in its file."""

    kind: Kind = "bytes"
    ranges: tuple[Interval, ...] | None = None

    def __init__(self, spec: ArraySpec, waiting: WaitingMemory) -> None:
        self.spec = spec
        self.stream = LeafHasher(cut_bytes(spec.nbytes), waiting)

    def all_leaves(self) -> list[Leaves]:
        return [self.stream.leaves]

    def drop_incomplete(self) -> None:
        self.stream.drop_incomplete()

    def stretch(self, first: int, stop: int) -> Stretch:
        cut, size = self.stream.cut, self.spec.dtype.itemsize
        ends = cut.place(first) // size, (min(cut.total, cut.place(stop)) - 1) // size
        order = self.spec.order
        indices = (np.unravel_index(end, self.spec.shape, order=order) for end in ends)
        return Stretch(*(tuple(map(int, index)) for index in indices))


class ChunkHash:
    """Hashes the chunks of an array as they are stored; with ranges, only the chunks they touch."""

    kind: Kind = "chunks"

    def __init__(
        self,
        spec: ArraySpec,
        fill: np.ndarray | None,
        axis: int = 0,
        ranges: Sequence[Interval] | None = None,
    ) -> None:
        if spec.chunks is None:
            raise AssertionError("the array has no chunks")
        self.spec, self.chunks, self.axis = spec, spec.chunks, axis
        self.ranges = None if ranges is None else tuple(ranges)
        self.set_fill(fill)
        grid = [-(-n // c) for n, c in zip(spec.shape, self.chunks, strict=True)]
        self.columns: dict[int, int] | None = None
        """With ranges: the position of each touched chunk index along the axis; else None."""
        if ranges is not None:
            step = self.chunks[axis]
            touched = sorted({i for a, b in ranges for i in range(a // step, -(-b // step))})
            self.columns = {index: number for number, index in enumerate(touched)}
            grid[axis] = len(touched)
        self._grid = tuple(grid)
        self.leaves = Leaves(prod(grid))

    def number(self, start: Shape) -> int | None:
        """The leaf of the chunk that starts at an element; None if that chunk is not hashed."""
        index = [a // c for a, c in zip(start, self.chunks, strict=True)]
        if self.columns is not None:
            if index[self.axis] not in self.columns:
                return None
            index[self.axis] = self.columns[index[self.axis]]
        leaf = 0
        for i, n in zip(index, self._grid, strict=True):
            leaf = leaf * n + i
        return leaf

    def set_fill(self, fill: np.ndarray | None) -> None:
        """Set the fill value of chunks that are not stored; None if it is not known."""
        self._absent = digest(b"" if fill is None else fill.tobytes(), ABSENT)

    def absent(self) -> bytes:
        """The digest of a chunk that is not stored: that of its fill value."""
        return self._absent

    def boxes(self) -> Iterator[Box]:
        """The boxes of the array whose chunks are hashed."""
        whole = Box.whole(self.spec.shape)
        if self.columns is None:
            yield whole
            return
        step, length = self.chunks[self.axis], self.spec.shape[self.axis]
        for index in self.columns:
            yield whole.with_axis(self.axis, (index * step, min(length, (index + 1) * step)))

    def all_leaves(self) -> list[Leaves]:
        return [self.leaves]

    def drop_incomplete(self) -> None:
        """Do nothing: a chunk is always hashed as a whole."""

    def stretch(self, first: int, stop: int) -> Stretch:
        start, end = self._chunk(first).start, self._chunk(stop - 1).stop
        return Stretch(start, tuple(n - 1 for n in end))

    def _chunk(self, leaf: int) -> Box:
        index = list(map(int, np.unravel_index(leaf, self._grid)))
        if self.columns is not None:
            index[self.axis] = list(self.columns)[index[self.axis]]
        start = tuple(i * c for i, c in zip(index, self.chunks, strict=True))
        ends = zip(start, self.chunks, self.spec.shape, strict=True)
        return Box(start, tuple(min(a + c, n) for a, c, n in ends))
