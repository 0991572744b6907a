"""Chunks, or shards, that are files of their own on both sides: copied one after the other."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import product
from math import inf, prod

from concatsplit_core.array.geometry import Box, Shape
from concatsplit_core.codecs.bounds import most_stored
from concatsplit_core.formats.sources import ChunkedSource, Source
from concatsplit_core.formats.targets import ChunkedTarget
from concatsplit_core.foundation.errors import MalformedInput, OverBudget
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.planning.task import Piece, Task
from concatsplit_core.routes.base import Context
from concatsplit_core.stores.durability import start_writing
from concatsplit_core.stores.files import close_file, copy_range, input_error, open_input
from concatsplit_core.stores.local import LOCAL


class ChunkFiles(NamedTuple):
    """How the files of one input become files of one output.

    Parameters
    ----------
    move, write : Piece
        What is copied, and to where.
    unit : tuple of int
        Shape of the chunks, or shards.
    shift : int
        From the place of a chunk in the input's grid to that in the output's, along the axis.
    here, there : callable
        From a place in the grid of the input, or output, to the path of the file.
    """

    move: Piece
    write: Piece
    unit: Shape
    shift: int
    here: Callable[[Shape], str]
    there: Callable[[Shape], str]


def chunk_files(task: Task, context: Context) -> list[ChunkFiles] | None:
    """What a task copies, if all of that is files that nothing has to look into; else None."""
    looks_inside = context.hashes is not None or context.check
    new_axis = context.source_tiling.new_axis or context.target_tiling.new_axis
    if looks_inside or new_axis or task.reads:
        return None
    found = []
    for write in task.writes:
        for move in task.copies:
            one = _one(task, move, write, context)
            if one is None:
                return None
            found.append(one)
    return found


def _one(task: Task, move: Piece, write: Piece, context: Context) -> ChunkFiles | None:
    source, target = context.sources[move.array], context.targets[write.array]
    if not isinstance(source, ChunkedSource) or not isinstance(target, ChunkedTarget):
        return None
    here, there = (
        source.unit_paths(task.shards, context.compares_checksums),
        target.unit_paths(task.shards),
    )
    unit = source.spec.shards if task.shards else source.spec.chunks
    if here is None or there is None or not unit or unit != target.spec.write_unit:
        return None
    # a chunk that is not there has to mean the same on both sides
    if source.fill is None or target.fill is None or source.fill.tobytes() != target.fill.tobytes():
        return None
    axis = context.source_tiling.axis
    lies = context.source_tiling.segments[move.array].interval.start
    goes = context.target_tiling.segments[write.array].interval.start
    shift, rest = divmod(lies - goes, unit[axis])
    return None if rest else ChunkFiles(move, write, unit, shift, here, there)


def copy_files(files: ChunkFiles, shards: bool, context: Context) -> None:
    """Copy the files; what is not there stays absent."""
    move, unit, here, there = files.move, files.unit, files.here, files.there
    source = context.sources[move.array]
    ref, (least, most) = source.ref, (0, inf) if shards else _possible(source)
    is_durable = context.targets[files.write.array].is_durable
    local = context.source_tiling.local(move.array, move.box)
    with context.writing_to(files.write.array):
        for index, goes in _places(local, unit, context.source_tiling.axis, files.shift):
            try:
                fd = open_input(here(index))
            except FileNotFoundError:
                continue
            except OSError as error:
                raise input_error(ref, error) from error
            try:
                size = os.fstat(fd).st_size
                if not least <= size <= most:
                    start = tuple(i * n for i, n in zip(index, unit, strict=True))
                    check_size(size, source, start)
                to = LOCAL.open_for_writing(there(goes))
                try:
                    copy_range(fd, 0, to, 0, size, ref)
                    if is_durable:
                        start_writing(to, 0, size)
                finally:
                    close_file(to)
            finally:
                close_file(fd)


def _places(box: Box, unit: Shape, axis: int, shift: int) -> Iterator[tuple[Shape, Shape]]:
    """The places of all chunks that a box touches, in the grids of both sides."""
    along = [range(a // n, -(-b // n)) for a, b, n in zip(box.start, box.stop, unit, strict=True)]
    for index in product(*along):
        yield index, (*index[:axis], index[axis] + shift, *index[axis + 1 :])


def check_size(nbytes: int, source: Source, start: Shape) -> None:
    """Refuse a chunk that is stored in more or fewer bytes than any chunk of its array can be.

    Parameters
    ----------
    nbytes : int
        How many it is stored in.
    source : Source
    start : tuple of int
        Its first element.
    """
    least, most = _possible(source)
    what = f"{source.ref}: the chunk at {start} is stored in {nbytes} bytes"
    whole = _decoded_bytes(source)
    if nbytes > most > least:
        raise OverBudget(f"{what}, more than it can hold", found=nbytes, expected=whole)
    if not least <= nbytes <= most:
        raise MalformedInput(f"{what} where {whole} belong", found=nbytes)


def _decoded_bytes(source: Source) -> int:
    return prod(source.spec.chunks or ()) * source.spec.dtype.itemsize


def _possible(source: Source) -> tuple[int, float]:
    """The fewest and the most bytes in which a chunk may be stored."""
    spec, whole = source.spec, _decoded_bytes(source)
    if spec.encoding is not None and spec.encoding.codec == ():
        return max(1, whole), whole
    return 1, inf if spec.is_string else most_stored(whole)
