"""The hashes of a run: computed from the bytes that move, and completed by reading the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import numpy as np

from concatsplit_core.array.geometry import Box, Interval, Shape, with_length
from concatsplit_core.array.layouts import Contiguous, Stream
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.endpoints.job import Move
from concatsplit_core.endpoints.layout import Outputs
from concatsplit_core.formats.sources import Source, fill_of
from concatsplit_core.formats.stored import Stored
from concatsplit_core.planning.blocking import union
from concatsplit_core.planning.plan import MovePlan
from concatsplit_core.routes.base import TakeBytes, Turns
from concatsplit_core.run.hashing.blobs import (
    BlobHash,
    ByteHash,
    ChunkHash,
    ElementHash,
    is_complete,
    record_of,
)
from concatsplit_core.run.hashing.elements import is_hashed_as_stored, same_bytes
from concatsplit_core.run.hashing.leaf_hasher import WAITING_BYTES, WaitingMemory
from concatsplit_core.run.hashing.leaves import leaves_bytes, refuse_many_leaves
from concatsplit_core.run.hashing.record import Hashed, HashRecord
from concatsplit_core.run.hashing.rereading import chunk_digest, complete

Opened = Callable[[int], AbstractContextManager[Source]]
"""Opens a staged output for reading, by its number."""


class RunHashes:
    """The hashes of all inputs and outputs of a run.

    The routes call `of_source`, `of_target`, `of_bytes` and `of_chunk` with what they move. After
    the run, `inputs` and `outputs` read what the routes did not see.

    Parameters
    ----------
    move : Move
    outputs : Outputs
    plan : MovePlan
    memory : int
        Budget in bytes for the reading after the run.
    jobs : int
    waiting : WaitingMemory
        Memory for parts of leaves, which all moves of a run share.
    turns : Turns
        Of the tasks of a run, which all its moves share as well.
    """

    def __init__(
        self,
        move: Move,
        outputs: Outputs,
        plan: MovePlan,
        memory: int,
        jobs: int,
        waiting: WaitingMemory,
        turns: Turns,
    ) -> None:
        self.turns = turns
        self._move, self._made = move, outputs
        self._memory, self._jobs = memory, jobs
        self._waiting = waiting
        self._encoded_sources, self._encoded_targets = _encoded(plan, outputs)
        self._used = _used(move)
        self._refuse_many_chunks(memory)
        self._sources: dict[int, BlobHash] = {}
        self._targets: dict[int, BlobHash] = {}
        self._lock = threading.Lock()

    def _refuse_many_chunks(self, memory: int) -> None:
        first = len(self._move.sources)
        stored = self._encoded_sources | {first + index for index in self._encoded_targets}
        nbytes = sum(
            leaves_bytes(shape, spec.dtype, spec.chunks)
            for number, (spec, shape) in enumerate(_hashed_shapes(self._move, self._made))
            if number in stored and spec.chunks is not None
        )
        refuse_many_leaves(nbytes, memory, f"{self._move.sources[0].ref} and its outputs")

    def source(self, index: int) -> BlobHash | None:
        """The hash of an input; None if nothing of the input is read."""
        used = self._used[index]
        if index in self._sources or used == []:
            return self._sources.get(index)
        with self._lock:
            if index not in self._sources:
                stored = index in self._encoded_sources
                source = self._move.sources[index]
                self._sources[index] = self._new(source.spec, stored, used, fill_of(source))
            return self._sources[index]

    def target(self, index: int) -> BlobHash:
        """The hash of an output."""
        if index in self._targets:
            return self._targets[index]
        with self._lock:
            if index not in self._targets:
                spec = self._made.tiling.segments[index].spec
                is_encoded = index in self._encoded_targets
                stored = is_encoded and self._made.storages[index].grid is None
                self._targets[index] = self._new(spec, stored)
            return self._targets[index]

    def _new(
        self,
        spec: ArraySpec,
        stored: bool,
        used: list[Interval] | None = None,
        fill: np.ndarray | None = None,
    ) -> BlobHash:
        axis = self._made.tiling.axis
        if stored and spec.chunks is not None:
            return ChunkHash(spec, fill, axis, used)
        if stored and used is None and not (spec.order == "C" and is_hashed_as_stored(spec.dtype)):
            return ByteHash(spec, self._waiting)
        return ElementHash(spec, self._waiting, axis, used)

    def is_same(self, source: int, target: int) -> bool:
        """Whether equal elements of an input and an output are hashed as the same bytes."""
        made = self._made.tiling.segments[self._made.origins[target].output].spec
        return same_bytes(self._move.sources[source].spec.dtype, made.dtype)

    def of_source(self, index: int, box: Box, array: np.ndarray) -> None:
        """Hash elements of an input."""
        blob = self.source(index)
        if isinstance(blob, ElementHash):
            blob.put(box, array)

    def of_target(self, index: int, box: Box, block: np.ndarray) -> None:
        """Hash elements of an output."""
        origin = self._made.origins[index]
        blob, first = self.target(origin.output), origin.element
        if isinstance(blob, ElementHash):
            tiling = self._made.planned
            local = tiling.local(index, box)
            elements = block.reshape(local.shape, order=blob.spec.order)
            blob.put(local.shift(tiling.axis, first) if first else local, elements)

    def of_bytes(self, source: int, target: int) -> TakeBytes:
        """A function that hashes bytes which are copied from an input to an output."""
        read = _byte_hasher(self.source(source))
        write = _byte_hasher(self.target(self._made.origins[target].output))

        def take(start: int, to: int, data: memoryview) -> None:
            if read is not None:
                read(start, data)
            if write is not None:
                write(to, data)

        return take

    def of_chunk(
        self, source: int, here: Box, target: int, there: Box | None, stored: Stored | None
    ) -> None:
        """Hash a chunk as it is stored."""
        read, written = self.source(source), self.target(self._made.origins[target].output)
        if not isinstance(read, ChunkHash):
            return
        chunk = chunk_digest(read, stored)
        number = read.number(here.start)
        if number is not None:
            read.leaves.put(number, chunk)
        if there is not None and stored is not None and isinstance(written, ChunkHash):
            number = written.number(there.start)
            if number is not None:
                written.leaves.put(number, chunk)

    def inputs(self) -> list[Hashed]:
        """Complete the hashes of the inputs, and return them."""
        hashes = []
        for index, source in enumerate(self._move.sources):
            hashes.append(Hashed(self._record(self.source(index), source), source.stored_bytes()))
            self._sources.pop(index, None)
        return hashes

    def outputs(self, opened: Opened) -> list[Hashed]:
        """Complete the hashes of the outputs, which are staged and complete, and return them."""
        return [self._output(index, opened) for index in range(len(self._made.tiling.segments))]

    def _output(self, index: int, opened: Opened) -> Hashed:
        blob = self.target(index)
        spec = blob.spec
        del self._targets[index]
        if is_complete(blob) and isinstance(spec.layout, Contiguous | Stream):
            return Hashed(record_of(blob), spec.nbytes)
        with opened(index) as source:
            if isinstance(blob, ChunkHash):
                blob.set_fill(fill_of(source))
            return Hashed(self._record(blob, source), source.stored_bytes())

    def _record(self, blob: BlobHash | None, source: Source) -> HashRecord | None:
        if blob is None:
            return None
        complete(blob, source, self._memory, self._jobs, lambda _: None)
        return record_of(blob)


def _byte_hasher(blob: BlobHash | None) -> Callable[[int, memoryview], None] | None:
    """The function that hashes bytes of a blob's file; None if its hash is not made of them."""
    if isinstance(blob, ByteHash):
        return blob.stream.put_bytes
    if not isinstance(blob, ElementHash) or not blob.takes_bytes:
        return None
    return blob.put_bytes if blob.ranges is not None else blob.regions[0].stream.put_bytes


def waiting_memory(memory: int) -> WaitingMemory:
    """Memory for parts of leaves, out of a budget in bytes."""
    return WaitingMemory(_waiting_bytes(memory))


def held_bytes(moves: Sequence[tuple[Move, Outputs]], memory: int) -> int:
    """Bytes of a budget that hashing a run takes: digests, and parts of leaves that wait.

    Raises
    ------
    OverBudget
        There are too many leaves.
    """
    shapes = (shape for move, outputs in moves for shape in _hashed_shapes(move, outputs))
    nbytes = sum(leaves_bytes(shape, spec.dtype) for spec, shape in shapes)
    refuse_many_leaves(nbytes, memory, f"{moves[0][0].sources[0].ref} and its outputs")
    return nbytes + _waiting_bytes(memory)


def _hashed_shapes(move: Move, outputs: Outputs) -> list[tuple[ArraySpec, Shape]]:
    """All inputs, then all outputs, each with the shape of the elements that are hashed."""
    shapes = []
    for source, used in zip(move.sources, _used(move), strict=True):
        shape = source.spec.shape
        if used is not None:
            shape = with_length(shape, outputs.tiling.axis, sum(part.length for part in used))
        shapes.append((source.spec, shape))
    return shapes + [(s.spec, s.spec.shape) for s in outputs.tiling.segments]


def _waiting_bytes(memory: int) -> int:
    return min(WAITING_BYTES, memory // 8)


def _encoded(plan: MovePlan, outputs: Outputs) -> tuple[set[int], set[int]]:
    """The inputs, and the outputs, with chunks that are copied as they are stored."""
    sources, targets = plan.copied()
    return sources, {outputs.origins[target].output for target in targets}


def _used(move: Move) -> list[list[Interval] | None]:
    """The parts of each input that go into outputs: intervals from its start; None for all."""
    wanted = union(segment.interval for segment in move.target_tiling.segments)
    used: list[list[Interval] | None] = []
    at = 0
    for segment in move.source_tiling.segments:
        own = segment.interval
        while at < len(wanted) and wanted[at].stop <= own.start:
            at += 1
        number, parts = at, list[Interval]()
        while number < len(wanted) and wanted[number].start < own.stop:
            first, stop = max(own.start, wanted[number].start), min(own.stop, wanted[number].stop)
            parts.append(Interval(first - own.start, stop - own.start))
            number += 1
        whole = not own.length or parts == [Interval(0, own.length)]
        used.append(None if whole else [part for part in parts if part.length])
    return used
