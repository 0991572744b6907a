"""Completing a hash: reading what was not hashed yet, on all cores and within the budget."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import product
from math import prod

from concatsplit_core.array.geometry import Box, Interval, with_length
from concatsplit_core.array.layouts import InMemory
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.array.tiling import Segment, Tiling
from concatsplit_core.endpoints.hollow import refuse_hollow
from concatsplit_core.formats.sources import ChunkedSource, Source
from concatsplit_core.formats.stored import Stored, read_stored
from concatsplit_core.planning.move import MoveSpec
from concatsplit_core.planning.planner import make_plan
from concatsplit_core.planning.task import Task
from concatsplit_core.routes.base import Context
from concatsplit_core.routes.blocks import fill_blocks
from concatsplit_core.routes.extents import extent_of
from concatsplit_core.run.hashing.blobs import (
    BlobHash,
    ByteHash,
    ChunkHash,
    ElementHash,
    is_complete,
)
from concatsplit_core.run.hashing.leaves import digest
from concatsplit_core.run.loading import read_whole
from concatsplit_core.run.threads import run_on_threads
from concatsplit_core.stores.files import ReadingInput, open_input, read_exactly

_SMALL = 1 << 20
"""Arrays of at most so many bytes are read as a whole, without a plan."""

_WINDOW = 256 << 10
"""Bytes read at once: few enough to be still in the processor's cache when they are hashed."""

_CHUNKS_PER_STEP = 256
"""Chunks that are looked up in one step."""

OnBytes = Callable[[int], None]
"""Called with the number of bytes of elements that were read."""


def complete(blob: BlobHash, source: Source, memory: int, jobs: int, on_bytes: OnBytes) -> None:
    """Hash the leaves of a blob that are missing.

    Parameters
    ----------
    blob : BlobHash
    source : Source
        The open blob; `prepare` was called.
    memory : int
        Budget in bytes.
    jobs : int
    on_bytes : callable

    Raises
    ------
    OverBudget
        A chunk of the array does not fit the budget.
    ConcatsplitError
        The array cannot be read.
    """
    if is_complete(blob):
        return
    with ReadingInput(source.ref):
        blob.drop_incomplete()
        match blob:
            case ElementHash():
                refuse_hollow([source])
                _read_elements(blob, source, memory, jobs, on_bytes)
            case ByteHash():
                _read_bytes(blob, source, jobs, on_bytes)
            case ChunkHash():
                _read_chunks(blob, source, jobs, on_bytes)
    if not is_complete(blob):
        raise AssertionError(f"{source.ref}: some leaves were not hashed")


def _read_elements(
    blob: ElementHash, source: Source, memory: int, jobs: int, on_bytes: OnBytes
) -> None:
    spec = source.spec
    item = spec.memory_itemsize
    largest = max(spec.size, prod(spec.chunks or ())) * item
    if not spec.ndim or largest <= min(_SMALL, memory // 4):
        array = read_whole(source)
        for region in blob.regions:
            blob.put(region.box, array[region.box.slices])
        on_bytes(spec.nbytes)
        return
    axis, intervals = _missing(blob)
    targets = tuple(Segment(interval, _rows(spec, axis, interval, blob)) for interval in intervals)
    tiling = Tiling(axis, targets)
    sources = Tiling(axis, (Segment(Interval(0, spec.shape[axis]), spec),))
    move = MoveSpec(spec.shape, sources, tiling, [source.ref])
    plan = make_plan([move], memory=memory, jobs=jobs)
    context = Context([source], [], sources, tiling, [], plan.window)

    def work(task: Task) -> None:
        blocks = fill_blocks(task, context)
        context.turns.wait(task.number)  # the parts of a row have to be hashed in order
        for write, block in zip(task.writes, blocks, strict=True):
            blob.put(write.box, block)
        context.turns.finish(task.number)

    def done(task: Task) -> None:
        on_bytes(sum(write.box.size for write in task.writes) * spec.dtype.itemsize)

    try:
        run_on_threads(
            plan.tasks(), work, jobs=plan.workers, done=done, cancel=context.turns.cancel
        )
    finally:
        context.reading.close()


def _missing(blob: ElementHash) -> tuple[int, list[Interval]]:
    """An axis, and the intervals of it that contain all missing leaves."""
    shape = blob.spec.shape
    if blob.ranges is not None:
        parts = zip(blob.ranges, blob.all_leaves(), strict=True)
        return blob.axis, [part for part, leaves in parts if not leaves.is_complete]
    stream = blob.regions[0].stream
    row, intervals = stream.cut.total // max(1, shape[0]), list[Interval]()
    for leaves in stream.leaves.missing():
        stop = (
            stream.cut.total if leaves.stop == stream.cut.leaves else stream.cut.place(leaves.stop)
        )
        first, last = stream.cut.place(leaves.start) // row, -(-stop // row)
        if intervals and first <= intervals[-1].stop:
            first = intervals.pop().start
        intervals.append(Interval(first, last))
    return 0, intervals


def _rows(spec: ArraySpec, axis: int, interval: Interval, blob: ElementHash) -> ArraySpec:
    """The spec of an interval that is read, in blocks of whole rows, which no leaf cuts."""
    shape = with_length(spec.shape, axis, interval.length)
    number = 0 if blob.ranges is None else blob.ranges.index(interval)
    first = spec.ndim - blob.regions[number].stream.cut.fixed
    rows = tuple(1 if d < first else n for d, n in enumerate(shape))
    layout = InMemory(write_unit=rows)
    return ArraySpec(shape, spec.dtype, layout, string_bytes=spec.string_bytes)


def _read_bytes(blob: ByteHash, source: Source, jobs: int, on_bytes: OnBytes) -> None:
    extent, leaves, step = extent_of(source), blob.stream.leaves, blob.stream.cut.leaf
    runs = (
        Interval(leaf, min(leaf + 32, run.stop))
        for run in leaves.missing()
        for leaf in range(run.start, run.stop, 32)
    )
    fd = open_input(extent.path)

    def work(run: Interval) -> None:
        buffer = memoryview(bytearray(_WINDOW))
        first, stop = run
        at, end = first * step, min(stop * step, source.spec.nbytes)
        while at < end:
            view = buffer[: end - at]
            read_exactly(fd, view, extent.offset + at, extent.path)
            blob.stream.put_bytes(at, view)
            at += len(view)

    def done(run: Interval) -> None:
        first, stop = run
        on_bytes(min(stop * step, source.spec.nbytes) - first * step)

    try:
        run_on_threads(runs, work, jobs=jobs, done=done)
    finally:
        os.close(fd)


def _read_chunks(blob: ChunkHash, source: Source, jobs: int, on_bytes: OnBytes) -> None:
    refuse_hollow([source])
    if not isinstance(source, ChunkedSource):
        raise TypeError(f"{source.ref} has no chunks that could be hashed")

    def work(box: Box) -> None:
        for here, stored in source.stored(box, False):
            number = blob.number(here.start)
            if number is not None and number not in blob.leaves:
                blob.leaves.put(number, chunk_digest(blob, stored))

    def done(box: Box) -> None:
        on_bytes(box.size * source.spec.dtype.itemsize)

    boxes = (part for box in blob.boxes() for part in _steps(box, blob))
    run_on_threads(boxes, work, jobs=jobs, done=done)


def _steps(box: Box, blob: ChunkHash) -> Iterator[Box]:
    """Cut a box into boxes of one shard each, or of up to 256 chunks along the last axes."""
    unit = list(blob.spec.shards or blob.chunks)
    count = 1
    for d in range(len(unit) - 1, -1, -1):
        if blob.spec.shards is not None or count >= _CHUNKS_PER_STEP:
            break
        length = box.stop[d] - box.start[d]
        steps = min(-(-length // unit[d]), max(1, _CHUNKS_PER_STEP // count))
        unit[d] *= steps
        count *= steps
        if unit[d] < length:
            break
    yield from _grid(box, tuple(unit))


def _grid(box: Box, unit: tuple[int, ...]) -> Iterator[Box]:
    starts = (range(a // u * u, b, u) for a, b, u in zip(box.start, box.stop, unit, strict=True))
    for start in product(*starts):
        stop = tuple(min(a + u, b) for a, u, b in zip(start, unit, box.stop, strict=True))
        yield Box(tuple(map(max, start, box.start)), stop)


def chunk_digest(blob: ChunkHash, stored: Stored | None) -> bytes:
    """The digest of a chunk as it is stored; if it is not stored, of its fill value."""
    if stored is None:
        return blob.absent()
    if stored.path is None or stored.nbytes <= _WINDOW:
        return digest(read_stored(stored), stored.skipped)
    import xxhash

    state = xxhash.xxh3_128(seed=stored.skipped)
    buffer = memoryview(bytearray(_WINDOW))
    fd = open_input(stored.path)
    try:
        for at in range(0, stored.nbytes, _WINDOW):
            view = buffer[: stored.nbytes - at]
            read_exactly(fd, view, stored.offset + at, stored.path)
            state.update(view)
    finally:
        os.close(fd)
    return state.digest()
