"""Turns chunks into the bytes that their codecs encode, and back."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from concatsplit_core.array.geometry import Shape
from concatsplit_core.codecs.pipeline import Step
from concatsplit_core.foundation.records import dataclass


@dataclass(frozen=True, slots=True)
class ChunkForm:
    """How the bytes of a chunk are made: it is transposed, put into a dtype, then encoded."""

    dtype: np.dtype
    permutation: Shape
    steps: tuple[Step, ...]

    def is_plain(self, dtype: np.dtype) -> bool:
        """Whether a decoded chunk is its elements in this dtype, in the order of the axes."""
        return self.dtype == dtype and list(self.permutation) == sorted(self.permutation)

    def stored_shape(self, chunks: Shape) -> Shape:
        """Shape of a chunk as its bytes lie."""
        return tuple(chunks[d] for d in self.permutation)

    def to_array(self, raw: Any, chunks: Shape) -> np.ndarray:
        """A decoded chunk as an array of the shape of the grid."""
        if self.dtype.kind == "T":
            from concatsplit_core.formats.zarr.texts import texts

            return texts(raw, prod(chunks)).reshape(chunks)
        array = np.frombuffer(raw, self.dtype).reshape(self.stored_shape(chunks))
        return array.transpose(np.argsort(self.permutation)) if self.permutation else array

    def to_bytes(self, chunk: np.ndarray) -> np.ndarray:
        """The bytes of a chunk, before its codecs."""
        array = np.ascontiguousarray(chunk.transpose(self.permutation), self.dtype)
        return array.reshape(-1).view(np.uint8)


@dataclass(frozen=True, slots=True)
class ShardForm:
    """How chunks lie in a shard: an index of offsets and lengths, and the chunks' own form."""

    inner: ChunkForm
    index_at_end: bool
    index_has_checksum: bool
