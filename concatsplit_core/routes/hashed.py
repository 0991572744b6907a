"""Hashes blocks that have been read and are about to be written."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from concatsplit_core.array.geometry import Box
from concatsplit_core.planning.task import Piece, Task
from concatsplit_core.routes.base import Context, Hashes

_TOGETHER = 1 << 20
"""Bytes that are put together at once from several blocks."""


def hash_blocks(task: Task, context: Context, hashes: Hashes, blocks: list[np.ndarray]) -> None:
    """Hash what a task writes, and of its inputs what its blocks hold whole and unchanged."""
    hashes.turns.wait(task.number)
    for write, block in zip(task.writes, blocks, strict=True):
        hashes.of_target(write.array, write.box, block)
    for read in task.reads:
        found = holders(read, task.writes, context)
        if found is not None:
            _hash_read(read, task.writes, found, context, hashes, blocks)
    hashes.turns.finish(task.number)


def holders(read: Piece, writes: Sequence[Piece], context: Context) -> list[tuple[int, Box]] | None:
    """The blocks that together hold all of a read, in the bytes that its input is hashed as.

    Returns
    -------
    list of (int, Box), optional
        Number of each block, and what it gives of the read; they follow each other along the
        axis. There are several only where the source comes in chunks.
    """
    hashes, axis = context.hashes, context.source_tiling.axis
    if hashes is None or context.conversion(read.array) is not None:
        return None
    at, stop = read.box.start[axis], read.box.stop[axis]
    number = bisect_right(writes, at, key=lambda w: w.box.start[axis]) - 1
    found: list[tuple[int, Box]] = []
    while 0 <= number < len(writes) and at < stop:
        write = writes[number]
        given = read.box.with_axis(axis, (at, min(stop, write.box.stop[axis])))
        if write.box.intersect(given) != given or not hashes.is_same(read.array, write.array):
            return None
        found.append((number, given))
        at, number = given.stop[axis], number + 1
    several = len(found) > 1 and context.sources[read.array].spec.is_contiguous
    return None if at < stop or several else found


def _hash_read(
    read: Piece,
    writes: Sequence[Piece],
    found: list[tuple[int, Box]],
    context: Context,
    hashes: Hashes,
    blocks: list[np.ndarray],
) -> None:
    """Hash what one input gave, a few indices of the first axis at a time if it is in parts."""
    tiling, box = context.source_tiling, read.box
    parts = [blocks[number][given.within(writes[number].box)] for number, given in found]
    if len(parts) == 1 or not tiling.axis:
        for (_, given), part in zip(found, parts, strict=True):
            local = tiling.local(read.array, given)
            hashes.of_source(read.array, local, part.reshape(local.shape))
        return
    step = _TOGETHER // max(1, sum(part[:1].nbytes for part in parts))
    for at in range(0, len(parts[0]), step) if step else ():
        some = np.concatenate([part[at : at + step] for part in parts], tiling.axis)
        first = box.start[0] + at
        local = tiling.local(read.array, box.with_axis(0, (first, first + len(some))))
        hashes.of_source(read.array, local, some.reshape(local.shape))
