"""Shards: chunks in one file, found by an index of offsets and lengths (ZEP 2)."""

from __future__ import annotations

import os
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from concatsplit_core.codecs.chunks import decode, encode
from concatsplit_core.codecs.pipeline import Step
from concatsplit_core.errors import MalformedInput
from concatsplit_core.files import open_input, read_exactly
from concatsplit_core.formats.stored import Stored
from concatsplit_core.formats.zarr.codecs import ShardForm
from concatsplit_core.geometry import Shape

ABSENT = (1 << 64) - 1
INDEX_ENTRY = 16
"""Bytes that a shard has for each of its chunks, whether it holds the chunk or not."""
_CHECKSUM = (Step("crc32c"),)


class Shard:
    """A shard file open for reading."""

    def __init__(self, path: Path, form: ShardForm, inner: Shape, ref: str) -> None:
        self._path, self._ref = path, ref
        self.fd = open_input(path)
        try:
            self._size = os.fstat(self.fd).st_size
            self.index = self._read_index(form, inner)
        except BaseException:
            os.close(self.fd)
            raise

    def _read_index(self, form: ShardForm, inner: Shape) -> np.ndarray:
        nbytes = INDEX_ENTRY * prod(inner)
        stored = nbytes + 4 * form.index_has_checksum
        if self._size < stored:
            raise MalformedInput(
                f"{self._ref}: shard {self._path.name} is cut short", ref=self._ref
            )
        data = bytearray(stored)
        at = self._size - stored if form.index_at_end else 0
        read_exactly(self.fd, memoryview(data), at, self._path)
        try:
            raw = decode(data, _CHECKSUM if form.index_has_checksum else (), nbytes)
        except MalformedInput as error:
            raise MalformedInput(
                f"{self._ref}: the index of shard {self._path.name}: {error}", ref=self._ref
            ) from error
        return np.frombuffer(raw, "<u8").reshape((*inner, 2))

    def stored(self, at: Shape) -> Stored | None:
        """Where one chunk is stored, None where the shard does not hold it."""
        offset, nbytes = self.index[at].tolist()
        if offset == ABSENT and nbytes == ABSENT:
            return None
        if offset + nbytes > self._size:
            raise MalformedInput(
                f"{self._ref}: shard {self._path.name} ends inside its chunk {at}", ref=self._ref
            )
        return Stored(nbytes, self._path, offset, ref=self._ref)

    def chunk(self, at: Shape) -> bytearray | None:
        """The bytes of one chunk as stored, None where the shard does not hold it."""
        found = self.stored(at)
        if found is None:
            return None
        data = bytearray(found.nbytes)
        read_exactly(self.fd, memoryview(data), found.offset, self._path)
        return data

    def close(self) -> None:
        """Let go of the file."""
        os.close(self.fd)


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
