"""Filling the blocks of a task from its sources: the half that mapped and decoded share."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Generator, Iterator, Sequence
from contextlib import closing
from itertools import accumulate, islice, product
from math import prod

import numpy as np

from concatsplit_core.array.geometry import Box
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.sources import (
    ChunkedSource,
    DecodedSource,
    FindSpace,
    Source,
)
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.planning.task import CONVERTED_AT_ONCE, Piece, Task
from concatsplit_core.routes.base import Context, Convert, Hashes
from concatsplit_core.routes.elements import copy_elements
from concatsplit_core.routes.extents import extent_of, read_extent, read_windows
from concatsplit_core.stores.files import read_file

_WIDEST = 8
"""Bytes of the items that a conversion works with, however few its input has."""
_LARGE = 64 << 10
"""A chunk of this many bytes is decoded where it belongs: to find that is quicker than to copy."""
_MANY = 8
"""From this many neighbours on, one copy serves all of them together."""


def fill_blocks(task: Task, context: Context) -> list[np.ndarray]:
    """Read the sources of a task once and serve all its targets.

    Returns
    -------
    list of numpy.ndarray
        One block a write, with the axes of the logical array, in its target's element order.
    """
    tiling = context.target_tiling
    blocks, starts = context.buffers.blocks(
        [(write.box.shape, tiling.view(write.array)) for write in task.writes]
    )
    served = _Served(task.writes, tiling.axis, blocks, starts)
    for read in task.reads:
        with context.reading_from(read.array):
            _fill_from(read, context, served, blocks)
    if context.hashes is not None:
        from concatsplit_core.routes.hashed import hash_blocks

        hash_blocks(task, context, context.hashes, blocks)
    return blocks


class _Even(NamedTuple):
    """Neighbouring writes of one shape, whose blocks lie evenly spaced in memory.

    One copy serves all of them. Else a window that is cut into hundreds of columns would be
    hundreds of copies of a few items each.
    """

    first: int
    total: int
    length: int
    step: int


class _Served:
    """The writes of a task, in order along the axis; finds those that overlap a box."""

    def __init__(
        self,
        writes: Sequence[Piece],
        axis: int,
        blocks: list[np.ndarray],
        starts: list[int] | None,
    ) -> None:
        self.writes, self._axis, self._blocks = writes, axis, blocks
        self._reach = list(accumulate((w.box.stop[axis] for w in writes), max))
        self._even: _Even | None = None
        if starts is not None and len(writes) >= _MANY:
            self._even = _even_run(writes, axis, blocks, starts)
        self._found: Box | None = None
        """The box whose elements may lie in their place already."""

    def overlapping(self, box: Box, without: Container[int] = ()) -> Iterator[tuple[int, Box, Box]]:
        """Number of each write that a box serves, its own box, and the common one."""
        if len(self.writes) == 1 and not without:
            own = self.writes[0].box
            common = own.intersect(box)
            if common is not None:
                yield 0, own, common
            return
        for number in range(bisect_right(self._reach, box.start[self._axis]), len(self.writes)):
            if number in without:
                continue
            own = self.writes[number].box
            if own.start[self._axis] >= box.stop[self._axis]:
                break
            common = own.intersect(box)
            if common is not None:
                yield number, own, common

    def serve(self, box: Box, seen: np.ndarray) -> None:
        """Place an array, which covers a box, wherever it is wanted."""
        together = self._together(box)
        if together:
            self._serve_together(box, seen, together)
        for number, own, common in self.overlapping(box, without=together):
            place, part = self._blocks[number][common.within(own)], seen[common.within(box)]
            if self._found != box or not np.may_share_memory(place, part):
                copy_elements(place, part)

    def space_of(self, box: Box, dtype: np.dtype) -> memoryview | None:
        """The memory where all elements of a box belong, if it is one run of items of a dtype."""
        for number, own, common in self.overlapping(box):
            place = self._blocks[number][common.within(own)]
            if common == box and place.dtype == dtype and place.flags.c_contiguous:
                self._found = box
                space: memoryview = place.reshape(-1).view(np.uint8).data
                return space
        return None

    def _together(self, box: Box) -> range:
        """Numbers of the even writes that a box covers along the axis, if they are many."""
        even = self._even
        if even is None:
            return range(0)
        start = self.writes[even.first].box.start[self._axis]
        low = max(0, -(-(box.start[self._axis] - start) // even.length))
        high = min(even.total, (box.stop[self._axis] - start) // even.length)
        return range(even.first + low, even.first + high) if high - low >= _MANY else range(0)

    def _serve_together(self, box: Box, seen: np.ndarray, numbers: range) -> None:
        """One copy for many neighbours: both sides seen with an axis that counts them."""
        number, even = numbers[0], self._even
        own = self.writes[number].box
        common = own.intersect(box)
        if even is None or common is None:
            raise AssertionError("nothing to serve together")
        space, part = self._blocks[number][common.within(own)], seen[common.within(box)]
        hop = even.length * part.strides[self._axis]
        many = (len(numbers), *space.shape)
        as_strided = np.lib.stride_tricks.as_strided
        copy_elements(
            as_strided(space, many, (even.step, *space.strides)),
            as_strided(part, many, (hop, *part.strides), writeable=False),
        )


def _even_run(
    writes: Sequence[Piece], axis: int, blocks: list[np.ndarray], starts: list[int]
) -> _Even | None:
    """The longest run of even writes that starts with the first one or the second."""
    best: _Even | None = None
    for first in (0, 1):
        box, strides = writes[first].box, blocks[first].strides
        length = box.stop[axis] - box.start[axis]
        step = starts[first + 1] - starts[first]
        count = 1
        at, place = box.stop[axis], starts[first] + step
        for number in range(first + 1, len(writes)):
            box = writes[number].box
            stop = at + length
            if (
                box.start[axis] != at
                or box.stop[axis] != stop
                or starts[number] != place
                or blocks[number].strides != strides
            ):
                break
            count += 1
            at, place = stop, place + step
        if step > 0 and count >= _MANY and (best is None or count > best.total):
            best = _Even(first, count, length, step)
        if best is not None and best.total == len(writes):
            break
    return best


def _fill_from(read: Piece, context: Context, served: _Served, blocks: list[np.ndarray]) -> None:
    source, tiling = context.sources[read.array], context.source_tiling
    consumers = list(islice(served.overlapping(read.box), 2))
    conversion = context.conversion(read.array)
    if source.spec.is_contiguous and len(consumers) == 1 and conversion is None:
        number, own, common = consumers[0]
        if common == read.box and _fill_straight(
            read, context, source, blocks[number][common.within(own)]
        ):
            return
    hashes = context.hashes
    if hashes is not None and not _hashed_by_part(read, served, source, context):
        hashes = None
    # closed at once where a part fails: the error's traceback would keep the input open
    find_space = None
    if conversion is None and _has_large_chunks(source.spec):

        def find_space(local: Box) -> memoryview | None:
            return served.space_of(tiling.logical(read.array, local), source.spec.dtype)

    local_box = tiling.local(read.array, read.box)
    with closing(_parts(source, local_box, context, find_space)) as found:
        parts = found if hashes is None else _hashed(found, read.array, hashes)
        for local, array in parts if conversion is None else _converted(parts, conversion):
            seen = np.expand_dims(array, tiling.axis) if tiling.new_axis else array
            served.serve(tiling.logical(read.array, local), seen)


def _hashed_by_part(read: Piece, served: _Served, source: Source, context: Context) -> bool:
    """Whether what is read is hashed as it comes, and not from the blocks that it fills."""
    from concatsplit_core.routes.hashed import holders

    return _comes_whole(source) and holders(read, served.writes, context) is None


def _comes_whole(source: Source) -> bool:
    """Whether every element is read once; sparse arrays give fill values, then what is stored."""
    return source.spec.stored_chunks is None


def _hashed(
    parts: Iterator[tuple[Box, np.ndarray]], source: int, hashes: Hashes
) -> Iterator[tuple[Box, np.ndarray]]:
    """Parts of an input, which are hashed on their way."""
    for local, array in parts:
        hashes.of_source(source, local, array)
        yield local, array


def _fill_straight(read: Piece, context: Context, source: Source, space: np.ndarray) -> bool:
    """Read a box into its place without a copy, where both are one run of the same items."""
    spec, extent = source.spec, extent_of(source)
    straight = space.flags.f_contiguous if spec.order == "F" else space.flags.c_contiguous
    if not straight or space.dtype != spec.dtype:
        return False
    into = space.reshape(-1, order=spec.order).view(np.uint8).data
    if into.nbytes == spec.nbytes:  # all of it at once: one file of many, opened for this only
        read_file(extent.path, into, extent.offset)
        return True
    with context.reading.use(extent.path) as fd:
        box = context.source_tiling.local(read.array, read.box)
        return read_extent(fd, extent, spec, box, into)


def _converted(
    parts: Iterator[tuple[Box, np.ndarray]], conversion: Convert
) -> Iterator[tuple[Box, np.ndarray]]:
    """Parts with their elements converted, few at a time: a conversion needs room of its own."""
    for whole, array in parts:
        for box in in_small_boxes(whole, array.dtype.itemsize):
            yield box, conversion(array[box.within(whole)])


def in_small_boxes(box: Box, itemsize: int) -> Iterator[Box]:
    """A box cut into boxes of at most `CONVERTED_AT_ONCE` bytes."""
    most = CONVERTED_AT_ONCE // max(_WIDEST, itemsize) or 1
    steps = list(box.shape)
    for d in range(len(steps)):
        behind = prod(steps[d + 1 :])
        steps[d] = max(1, min(steps[d], most // max(1, behind)))
        if steps[d] > 1:
            break
    ranges = [range(a, b, n) for a, b, n in zip(box.start, box.stop, steps, strict=True)]
    for start in product(*ranges):
        stop = (min(a + n, b) for a, n, b in zip(start, steps, box.stop, strict=True))
        yield Box(start, tuple(stop))


def _has_large_chunks(spec: ArraySpec) -> bool:
    """Whether it is quicker to decode chunks where they belong than to copy them there."""
    nbytes = 0 if spec.is_string else prod(spec.chunks or (0,)) * spec.dtype.itemsize
    return nbytes >= _LARGE


def _parts(
    source: Source, box: Box, context: Context, find_space: FindSpace | None
) -> Generator[tuple[Box, np.ndarray]]:
    if isinstance(source, ChunkedSource):
        yield from source.read_to(box, find_space)
        return
    if isinstance(source, DecodedSource):
        yield from source.read(box)
        return
    extent = source.extent
    with context.reading.use(extent.path) as fd:
        yield from read_windows(fd, extent, source.spec, box, context.buffers, context.window)
