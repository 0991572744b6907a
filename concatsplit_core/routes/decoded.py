"""Between any two formats: decode, place, encode."""

from __future__ import annotations

from typing import Any

import numpy as np

from concatsplit_core.formats.targets import ContiguousTarget, Target
from concatsplit_core.planning.task import Piece, Task
from concatsplit_core.routes.base import Context
from concatsplit_core.routes.blocks import fill_blocks
from concatsplit_core.routes.strided import write_block


def run(task: Task, context: Context) -> None:
    """Move what a task says.

    Blocks are encoded while other tasks do the same. What has to be written in the order of the
    tasks then waits for its turn.
    """
    blocks = fill_blocks(task, context)
    if not context.ordered:
        for write, block in zip(task.writes, blocks, strict=True):
            _finish(write, block, context)
        return
    encoded = [
        _encode(context.targets[write.array], write, block, context)
        for write, block in zip(task.writes, blocks, strict=True)
    ]
    context.turns.wait(task.number)
    placed = [
        _place(write, data, context) for write, data in zip(task.writes, encoded, strict=True)
    ]
    context.turns.finish(task.number)
    for write, block, data in zip(task.writes, blocks, placed, strict=True):
        _store(write, block, data, context)


def _finish(write: Piece, block: np.ndarray, context: Context) -> None:
    target = context.targets[write.array]
    if isinstance(target, ContiguousTarget):
        write_block(write, block, context)
        return
    with context.writing_to(write.array):
        target.store(target.place(_encode(target, write, block, context)))


def _place(write: Piece, encoded: Any, context: Context) -> Any:
    """Do what has to be done in the order of the tasks."""
    target = context.targets[write.array]
    if isinstance(target, ContiguousTarget):
        return None
    with context.writing_to(write.array):
        return target.place(encoded)


def _store(write: Piece, block: np.ndarray, placed: Any, context: Context) -> None:
    target = context.targets[write.array]
    if isinstance(target, ContiguousTarget):
        write_block(write, block, context)
        return
    with context.writing_to(write.array):
        target.store(placed)


def _encode(target: Target, write: Piece, block: np.ndarray, context: Context) -> Any:
    """What an encoded target is to store; a contiguous one takes the block as it is."""
    if isinstance(target, ContiguousTarget):
        return None
    tiling = context.target_tiling
    if tiling.new_axis:
        block = block.reshape(tiling.local_shape(block.shape), order=target.spec.order)
    return target.encode(tiling.local(write.array, write.box), block)
