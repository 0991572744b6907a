"""Shards: chunks in one file, found by an index of offsets and lengths (ZEP 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import numpy as np

from concatsplit_core.array.geometry import Shape
from concatsplit_core.codecs.chunks import decode, encode
from concatsplit_core.codecs.pipeline import Step
from concatsplit_core.formats.stored import Stored, stored_in
from concatsplit_core.formats.zarr.forms import ShardForm
from concatsplit_core.foundation.errors import MalformedInput, OverBudget
from concatsplit_core.stores.base import Location

ABSENT = (1 << 64) - 1
INDEX_ENTRY = 16
"""Bytes that a shard has for each of its chunks, whether it holds the chunk or not."""
_CHECKSUM = (Step("crc32c"),)
_PIECE = 64 << 10


class Shard:
    """A shard file open for reading."""

    def __init__(self, place: Location, form: ShardForm, inner: Shape, ref: str) -> None:
        self._place, self._ref = place, ref
        self._file = place.store.open(place.key)
        self.size = self._file.size
        try:
            self.index = self._read_index(form, inner)
        except BaseException:
            self._file.close()
            raise

    def _read_index(self, form: ShardForm, inner: Shape) -> np.ndarray:
        nbytes = INDEX_ENTRY * prod(inner)
        stored = nbytes + 4 * form.index_has_checksum
        if self.size < stored:
            raise MalformedInput(
                f"{self._ref}: shard {self._place.name} is cut short", ref=self._ref
            )
        data = self._file.read(self.size - stored if form.index_at_end else 0, stored)
        try:
            raw = decode(data, _CHECKSUM if form.index_has_checksum else (), nbytes)
        except MalformedInput as error:
            raise MalformedInput(
                f"{self._ref}: the index of shard {self._place.name}: {error}", ref=self._ref
            ) from error
        return np.frombuffer(raw, "<u8").reshape((*inner, 2))

    def stored(self, at: Shape) -> Stored | None:
        """Where one chunk is stored; None if the shard does not hold it."""
        offset, nbytes = self.index[at].tolist()
        if offset == ABSENT and nbytes == ABSENT:
            return None
        if offset + nbytes > self.size:
            raise MalformedInput(
                f"{self._ref}: shard {self._place.name} ends inside its chunk {at}", ref=self._ref
            )
        return stored_in(*self._place, nbytes, offset, self._ref)

    def chunk(self, at: Shape) -> bytearray | None:
        """The bytes of one chunk as stored; None if the shard does not hold it."""
        found = self.stored(at)
        if found is None:
            return None
        return self._file.read(found.offset, found.nbytes)

    def refuse_outside(self) -> None:
        """Refuse an index that puts a chunk outside the file; checks all chunks at once."""
        entries = self.index.reshape(-1, 2)
        offsets, sizes = entries[(entries != ABSENT).any(axis=1)].T
        size = np.uint64(self.size)
        outside = (offsets > size) | (sizes > size - np.minimum(offsets, size))
        if outside.any():
            raise MalformedInput(
                f"{self._ref}: shard {self._place.name} ends inside one of its chunks",
                ref=self._ref,
            )

    def pieces(self, check: Callable[[Shape, Any], None], most: int) -> Iterator[tuple[int, Any]]:
        """The whole file from its start to its end, each chunk after it was checked.

        Parameters
        ----------
        check : callable
            Raises if the chunk at this place in the shard is damaged.
        most : int
            Bytes that a chunk may be stored in.
        """
        found = [(self.stored(at), at) for at in np.ndindex(self.index.shape[:-1])]
        done = 0
        for stored, at in sorted(
            ((s, at) for s, at in found if s), key=lambda pair: pair[0].offset
        ):
            if stored.nbytes > most:
                raise OverBudget(
                    f"{self._ref}: shard {self._place.name}: its chunk {at} is stored in "
                    f"{stored.nbytes} bytes, more than it can hold",
                    ref=self._ref,
                )
            yield from self._between(done, stored.offset)
            data = self._file.read(stored.offset, stored.nbytes)
            check(at, data)
            seen = max(0, done - stored.offset)
            if seen < stored.nbytes:
                yield stored.offset + seen, memoryview(data)[seen:]
            done = max(done, stored.offset + stored.nbytes)
        yield from self._between(done, self.size)

    def _between(self, start: int, stop: int) -> Iterator[tuple[int, Any]]:
        """Bytes that belong to no chunk: the index, and what the index does not refer to."""
        for at in range(start, stop, _PIECE):
            yield at, self._file.read(at, min(_PIECE, stop - at))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def assemble(chunks: dict[Shape, list[Any]], inner: Shape, form: ShardForm) -> list[Any]:
    """The parts of a shard, to be written one after the other."""
    index = np.full((*inner, 2), ABSENT, "<u8")
    nbytes = INDEX_ENTRY * prod(inner) + 4 * form.index_has_checksum
    at = 0 if form.index_at_end else nbytes
    parts: list[Any] = []
    for where, pieces in chunks.items():
        size = sum(p.nbytes if isinstance(p, Stored) else memoryview(p).nbytes for p in pieces)
        index[where] = (at, size)
        at += size
        parts += pieces
    steps = _CHECKSUM if form.index_has_checksum else ()
    coded = encode(index.reshape(-1).view(np.uint8), steps, 1)
    return [*parts, coded] if form.index_at_end else [coded, *parts]
