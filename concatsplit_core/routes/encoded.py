"""Between equal chunks: they move as they are stored."""

from __future__ import annotations

from typing import Any

import numpy as np

from concatsplit_core.array.geometry import Box, Shape
from concatsplit_core.formats.sources import ChunkedSource
from concatsplit_core.formats.stored import Stored
from concatsplit_core.formats.targets import ChunkedTarget, ReadyChunks
from concatsplit_core.planning.task import Piece, Task
from concatsplit_core.routes.base import Context, Hashes
from concatsplit_core.routes.blocks import fill_blocks
from concatsplit_core.routes.chunk_files import check_size, chunk_files, copy_files


def run(task: Task, context: Context) -> None:
    """Move the chunks of a task; what shares a shard with them is decoded and encoded."""
    alone = chunk_files(task, context)
    if alone is not None:
        for files in alone:
            copy_files(files, task.shards, context)
        return
    blocks: Any = fill_blocks(task, context) if task.reads else [None] * len(task.writes)
    encoded: list[tuple[ChunkedTarget, Any]] = []
    tiling = context.target_tiling
    for write, block in zip(task.writes, blocks, strict=True):
        target = _target(write, context)
        ready = _ready_chunks(task, write, target, context)
        box = tiling.local(write.array, write.box)
        seen = None if block is None else block.reshape(tiling.local_shape(block.shape))
        with context.writing_to(write.array):
            encoded.append((target, target.encode(box, seen, ready)))
    if context.ordered:
        context.turns.wait(task.number)
    placed = []
    for write, (target, data) in zip(task.writes, encoded, strict=True):
        with context.writing_to(write.array):
            placed.append((target, target.place(data)))
    if context.ordered:
        context.turns.finish(task.number)
    for write, (target, data) in zip(task.writes, placed, strict=True):
        with context.writing_to(write.array):
            target.store(data)


def _target(write: Piece, context: Context) -> ChunkedTarget:
    target = context.targets[write.array]
    if not isinstance(target, ChunkedTarget):
        raise TypeError(f"{context.output_refs[write.array]} has no chunks to move into")
    return target


def _source(move: Piece, context: Context) -> ChunkedSource:
    source = context.sources[move.array]
    if not isinstance(source, ChunkedSource):
        raise TypeError(f"{source.ref} has no chunks that could move")
    return source


def _ready_chunks(task: Task, write: Piece, target: ChunkedTarget, context: Context) -> ReadyChunks:
    """The chunks, or shards, of a target that come from no block, by where each one starts."""
    ready: dict[Shape, Stored | np.ndarray | None] = {}
    for move in task.copies:
        source = _source(move, context)
        local = context.source_tiling.local(move.array, move.box)
        with context.reading_from(move.array):
            for here, found in source.stored(local, task.shards):
                stored = found
                logical = context.source_tiling.logical(move.array, here)
                there = context.target_tiling.local(write.array, logical)
                if stored is not None and not task.shards:
                    check_size(stored.nbytes, source, here.start)
                as_it_is = _as_it_is(stored, source, target, task.shards)
                if as_it_is and stored is not None and context.compares_checksums:
                    ready[there.start] = source.checked(here, stored, context.check)
                elif as_it_is:
                    ready[there.start] = stored
                else:
                    ready[there.start] = _decoded(source, here, there)
                if context.hashes is not None and not task.shards:
                    place = there if as_it_is else None
                    context.hashes.of_chunk(move.array, here, write.array, place, stored)
            if context.hashes is not None and task.shards:
                _hash_shards(move, write, context, context.hashes)
    return ready


def _hash_shards(move: Piece, write: Piece, context: Context, hashes: Hashes) -> None:
    """Hash the chunks of shards that move as they are."""
    local = context.source_tiling.local(move.array, move.box)
    for here, stored in _source(move, context).stored(local, False):
        logical = context.source_tiling.logical(move.array, here)
        there = context.target_tiling.local(write.array, logical)
        hashes.of_chunk(move.array, here, write.array, there, stored)


def _as_it_is(
    stored: Stored | None, source: ChunkedSource, target: ChunkedTarget, shards: bool
) -> bool:
    """Whether what is stored means the same in the target."""
    if stored is None:
        return _fill_bytes(source) is not None and _fill_bytes(source) == _fill_bytes(target)
    return shards or target.takes_skipped or not stored.skipped


def _fill_bytes(array: ChunkedSource | ChunkedTarget) -> bytes | None:
    return None if array.fill is None else array.fill.tobytes()


def _decoded(source: ChunkedSource, here: Box, there: Box) -> np.ndarray:
    """A chunk that has to be encoded after all, with the target's axes."""
    whole = np.empty(here.shape, source.spec.dtype)
    for part, array in source.read(here):
        whole[part.within(here)] = array
    return whole.reshape(there.shape)
