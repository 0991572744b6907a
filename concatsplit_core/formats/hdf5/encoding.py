"""Encodes the chunks of a dataset; those of codecs that only HDF5 has are left to it."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from concatsplit_core.array.geometry import Box
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.codecs.chunks import encode
from concatsplit_core.codecs.pipeline import Codec
from concatsplit_core.formats.grid import chunks_of, is_fill, padded
from concatsplit_core.formats.hdf5 import filters
from concatsplit_core.formats.hdf5.creating import fill_for
from concatsplit_core.formats.hdf5.types import takes_items
from concatsplit_core.formats.storage import Storage
from concatsplit_core.formats.stored import Stored, read_stored
from concatsplit_core.formats.targets import ChunkedTarget, ReadyChunks

Item = tuple[Box, Any, int | None]
"""A chunk as it is to be stored and the filters it skipped, or an array for HDF5 to encode."""


class Hdf5Encoder(ChunkedTarget):
    """One dataset in chunks, as far as it needs no file."""

    takes_skipped = True

    def __init__(self, spec: ArraySpec, storage: Storage) -> None:
        super().__init__(spec)
        codec = storage.codec or Codec()
        self._steps = codec.steps
        own = storage.own.get("type")
        plain = not spec.is_string and (own is None or takes_items(own, spec.dtype))
        self._as_stored = own is not None and plain
        self._direct = bool(spec.chunks) and plain and filters.own_encoding(codec)
        self._absent = fill_for(spec, storage)
        self._rank = spec.ndim - len(storage.item_shape)
        self._skipped = 0 if storage.native is None else (1 << len(storage.native[1])) - 1

    @property
    def fill(self) -> np.ndarray:
        """What readers see in a chunk that is not there."""
        return self._absent

    def items(self, box: Box, block: np.ndarray | None, ready: ReadyChunks | None) -> list[Item]:
        """Chunks that can be written as they are; else the block itself, for HDF5 to encode."""
        ready = ready or {}
        if block is not None and (not self._direct or self.spec.chunks is None):
            return [(box, block, None)]
        items: list[Item] = []
        # the plan has memory for so many bytes of chunks that wait
        room = box.size * self.spec.dtype.itemsize
        for _, chunk in chunks_of(box, self.spec.chunks or (), self.spec.shape):
            found = ready.get(chunk.start)
            if isinstance(found, Stored):
                room -= 0 if found.is_plain else found.nbytes
                waits = found.is_plain or room < 0
                items.append((chunk, found if waits else read_stored(found), found.skipped))
                continue
            part = found if block is None else block[chunk.within(box)]
            if part is not None and not is_fill(part := np.ascontiguousarray(part), self._absent):
                items.append((chunk, *self._encoded(part)))
        return items

    def _encoded(self, part: np.ndarray) -> tuple[Any, int | None]:
        if not self._direct:
            return part, None
        whole = padded(part, self.spec.chunks or (), self._absent[()])
        item = part.dtype.itemsize * prod(self.spec.shape[self._rank :])
        return encode(whole.reshape(-1).view(np.uint8), self._steps, item), self._skipped
