"""Where the chunks of a data set lie in its file."""

from __future__ import annotations

from array import array
from typing import Any, NamedTuple

import numpy as np

from concatsplit_core.geometry import Shape


class Place(NamedTuple):
    """Where a chunk lies, its size in bytes, and a bit for each filter that it skipped."""

    offset: int
    nbytes: int
    skipped: int


class ChunkIndex:
    """The places of all chunks of a data set, looked up once.

    HDF5 finds the place of a single chunk by walking over all of them. The walk is done once
    here, and what it finds is kept in 32 bytes a chunk.

    Parameters
    ----------
    dataset : h5py.Dataset
        Chunked.
    """

    def __init__(self, dataset: Any) -> None:
        self._chunks: Shape = dataset.chunks
        self._grid = tuple(-(-n // c) for n, c in zip(dataset.shape, self._chunks, strict=True))
        numbers, places = array("q"), array("q")

        def note(info: Any) -> None:
            numbers.append(self._number(info.chunk_offset))
            places.extend((info.byte_offset, info.size, info.filter_mask))

        dataset.id.chunk_iter(note)
        found = np.frombuffer(numbers, np.int64) if numbers else np.empty(0, np.int64)
        order = np.argsort(found, kind="stable")
        self._numbers = found[order]
        self._places = np.array(places, np.int64).reshape(-1, 3)[order]

    def _number(self, start: Shape) -> int:
        number = 0
        for at, chunk, count in zip(start, self._chunks, self._grid, strict=True):
            number = number * count + at // chunk
        return number

    def find(self, start: Shape) -> Place | None:
        """The place of the chunk with this first index; None where the file does not hold it."""
        number = self._number(start)
        at = int(self._numbers.searchsorted(number))
        if at == len(self._numbers) or self._numbers[at] != number:
            return None
        return Place(*self._places[at].tolist())
