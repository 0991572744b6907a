"""The route `mapped`: windows of contiguous arrays in, strided copies into a block, runs out."""

from __future__ import annotations

import numpy as np

from concatsplit_core.planning.task import Piece, Task
from concatsplit_core.routes.base import Context
from concatsplit_core.routes.blocks import fill_blocks
from concatsplit_core.routes.extents import extent_of, write_runs
from concatsplit_core.stores.files import write_file


def run(task: Task, context: Context) -> None:
    """Move what a task says, all of whose targets are contiguous."""
    blocks = fill_blocks(task, context)
    for write, block in zip(task.writes, blocks, strict=True):
        write_block(write, block, context)


def write_block(write: Piece, block: np.ndarray, context: Context) -> None:
    """Write a block into a contiguous target."""
    target = context.targets[write.array]
    extent, spec = extent_of(target), target.spec
    data = block.reshape(-1, order=spec.order).view(np.uint8)
    if data.nbytes == spec.nbytes:  # all of it at once: one file of many, opened for this only
        with context.writing_to(write.array):
            write_file(extent.path, data.data, extent.offset)
        return
    with context.writing_to(write.array), context.writing.use(extent.path) as fd:
        write_runs(fd, extent, spec, context.target_tiling.local(write.array, write.box), data)
