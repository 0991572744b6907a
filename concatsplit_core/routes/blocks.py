"""Filling the blocks of a task from its sources: the half that mapped and decoded share."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

import numpy as np

from concatsplit_core.formats.base import Source
from concatsplit_core.geometry import Box
from concatsplit_core.plan import Piece, Task
from concatsplit_core.routes.base import Context
from concatsplit_core.routes.extents import read_whole, read_windows
from concatsplit_core.routes.place import place

_MANY = 8
"""Neighbours that are worth being looked at together."""


def fill_blocks(task: Task, context: Context) -> list[np.ndarray]:
    """Read the sources of a task once and serve all its targets.

    Returns
    -------
    list of numpy.ndarray
        One block a write, with the axes of the logical array, in its target's element order.
    """
    tiling = context.target_tiling
    blocks = context.arena.blocks(
        [(write.box.shape, tiling.view(write.array)) for write in task.writes]
    )
    served = _Served(task.writes, tiling.axis)
    for read in task.reads:
        with context.reading_from(read.array):
            _fill_from(read, context, served, blocks)
    return blocks


class _Served:
    """The writes of a task, in order along the axis, to be found by what they overlap."""

    def __init__(self, writes: Sequence[Piece], axis: int) -> None:
        self._writes, self._axis = writes, axis
        self._reach = list(accumulate((w.box.stop[axis] for w in writes), max))

    def overlapping(self, box: Box) -> Iterator[tuple[int, Box, Box]]:
        """Number of each write that a box serves, its own box, and the common one."""
        for number in range(bisect_right(self._reach, box.start[self._axis]), len(self._writes)):
            own = self._writes[number].box
            if own.start[self._axis] >= box.stop[self._axis]:
                break
            common = own.intersect(box)
            if common is not None:
                yield number, own, common


def _fill_from(read: Piece, context: Context, served: _Served, blocks: list[np.ndarray]) -> None:
    source, tiling = context.sources[read.array], context.source_tiling
    consumers = list(served.overlapping(read.box))
    if source.extent is not None and len(consumers) == 1:
        number, own, common = consumers[0]
        if common == read.box and _fill_straight(
            read, context, source, blocks[number][common.within(own)]
        ):
            return
    for local, array in _parts(source, tiling.local(read.array, read.box), context):
        box = tiling.logical(read.array, local)
        seen = np.expand_dims(array, tiling.axis) if tiling.new_axis else array
        parts = [
            (number, blocks[number][common.within(own)], seen[common.within(box)])
            for number, own, common in served.overlapping(box)
        ]
        if not _place_together(parts, tiling.axis):
            for _, space, part in parts:
                place(space, part)


def _place_together(parts: list[tuple[int, np.ndarray, np.ndarray]], axis: int) -> bool:
    """Serve many narrow neighbours with one copy, where they and their blocks lie evenly spaced.

    A window cut into hundreds of columns would else be hundreds of copies of a few items each.
    """
    if len(parts) < _MANY:
        return False
    (first, space, part), (_, next_space, next_part), *_ = parts
    step, hop = _address(next_space) - _address(space), _address(next_part) - _address(part)
    for index, (number, other, source) in enumerate(parts):
        even = (
            number == first + index
            and other.shape == space.shape
            and other.strides == space.strides
            and _address(other) == _address(space) + index * step
            and _address(source) == _address(part) + index * hop
        )
        if not even:
            return False
    if step <= 0 or hop != part.shape[axis] * part.strides[axis]:
        return False
    many = (len(parts), *space.shape)
    place(
        np.lib.stride_tricks.as_strided(space, many, (step, *space.strides)),
        np.lib.stride_tricks.as_strided(part, many, (hop, *part.strides), writeable=False),
    )
    return True


def _address(array: np.ndarray) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _fill_straight(read: Piece, context: Context, source: Source, space: np.ndarray) -> bool:
    """Read a box into its place without a copy, where both are one run of the same items."""
    spec, extent = source.spec, source.extent
    straight = space.flags.f_contiguous if spec.order == "F" else space.flags.c_contiguous
    if extent is None or not straight or space.dtype != spec.dtype:
        return False
    into = space.reshape(-1, order=spec.order).view(np.uint8).data
    with context.reading.use(extent.path) as fd:
        box = context.source_tiling.local(read.array, read.box)
        return read_whole(fd, extent, spec, box, into)


def _parts(source: Source, box: Box, context: Context) -> Iterator[tuple[Box, np.ndarray]]:
    if source.extent is None:
        yield from source.read(box)
        return
    with context.reading.use(source.extent.path) as fd:
        yield from read_windows(fd, source.extent, source.spec, box, context.arena, context.window)
