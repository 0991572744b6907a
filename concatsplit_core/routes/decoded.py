"""Between any two formats: decode, place, encode."""

from __future__ import annotations

import numpy as np

from concatsplit_core.planning.plan import Piece, Task
from concatsplit_core.routes.base import Context
from concatsplit_core.routes.blocks import fill_blocks
from concatsplit_core.routes.mapped import write_block


def run(task: Task, context: Context) -> None:
    """Move what a task says; encoding runs beside other tasks, ordered targets wait for theirs."""
    blocks = fill_blocks(task, context)
    if not context.ordered:
        for write, block in zip(task.writes, blocks, strict=True):
            _finish(write, block, context)
        return
    encoded = [
        None if context.targets[write.array].spec.is_contiguous else _encode(write, block, context)
        for write, block in zip(task.writes, blocks, strict=True)
    ]
    context.turns.wait(task.number)
    for write, block, data in zip(task.writes, blocks, encoded, strict=True):
        if context.targets[write.array].spec.is_contiguous:
            write_block(write, block, context)
        else:
            with context.writing_to(write.array):
                context.targets[write.array].store(data)


def _finish(write: Piece, block: np.ndarray, context: Context) -> None:
    target = context.targets[write.array]
    if target.spec.is_contiguous:
        write_block(write, block, context)
    else:
        with context.writing_to(write.array):
            target.store(_encode(write, block, context))


def _encode(write: Piece, block: np.ndarray, context: Context) -> object:
    tiling = context.target_tiling
    if tiling.new_axis:
        block = block.reshape(
            tiling.local_shape(block.shape), order=context.targets[write.array].spec.order
        )
    return context.targets[write.array].encode(tiling.local(write.array, write.box), block)
