"""The route `mapped`: windows of contiguous arrays in, strided copies into a block, runs out."""

from __future__ import annotations

import numpy as np

from concatsplit_core.formats.targets import ContiguousTarget
from concatsplit_core.planning.task import Piece, Task
from concatsplit_core.routes.base import Context
from concatsplit_core.routes.blocks import fill_blocks
from concatsplit_core.routes.extents import write_runs


def run(task: Task, context: Context) -> None:
    """Move what a task says, all of whose targets are contiguous."""
    blocks = fill_blocks(task, context)
    for write, block in zip(task.writes, blocks, strict=True):
        write_block(write, block, context)


def write_block(write: Piece, block: np.ndarray, context: Context) -> None:
    """Write a block into a contiguous target."""
    target = context.targets[write.array]
    if not isinstance(target, ContiguousTarget):
        raise TypeError("the elements of the output are not one run of bytes in a file")
    spec, is_whole = target.spec, block.nbytes == target.spec.nbytes
    data = block.ravel(spec.order).view(np.uint8)
    with context.writing_to(write.array):
        if is_whole:  # all of it at once: one file of many, opened only for this
            target.write_whole(data.data)
            return
        extent = target.extent
        with context.writing.use(extent.path) as fd:
            box = context.target_tiling.local(write.array, write.box)
            write_runs(fd, extent, spec, box, data, target.is_durable)
