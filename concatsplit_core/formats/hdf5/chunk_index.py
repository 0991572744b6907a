"""Where the chunks of a dataset lie in its file."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from math import prod
from typing import Any, Protocol

import numpy as np

from concatsplit_core.array.geometry import Shape
from concatsplit_core.formats.hdf5.library import h5py
from concatsplit_core.formats.hdf5.object_header import EXTENSIBLE_ARRAY, chunk_index_kind
from concatsplit_core.foundation.errors import MalformedInput
from concatsplit_core.foundation.records import NamedTuple

_MANY = 1 << 14
"""Chunks whose indices are collected before they become one number each, which is smaller."""

UNKNOWN = -1
"""The offset of a chunk that only HDF5 can find."""


class ChunkPlace(NamedTuple):
    """The offset and the size of a chunk in bytes, and a bit for each filter that it skipped."""

    offset: int
    nbytes: int
    skipped: int


class ChunkIndex(Protocol):
    """Finds chunks."""

    def find(self, start: Shape) -> ChunkPlace | None:
        """The place of the chunk that starts at an element; None if the file does not hold it."""
        ...


def index_of(dataset: Any, fd: int) -> ChunkIndex:
    """The index of a chunked dataset.

    Parameters
    ----------
    dataset : h5py.Dataset
    fd : int
        Of its file, where HDF5's addresses are those of the file; else negative.
    """
    if _tells_the_truth(dataset, fd):
        return ListedChunks(dataset)
    if chunk_index_kind(dataset, fd) is None:
        check_sizes(dataset)
    return AskedChunks(dataset)


def bytes_of_each(dataset: Any) -> int | None:
    """Bytes of each stored chunk of a data set without filters; None if it has filters."""
    if dataset.id.get_create_plist().get_nfilters():
        return None
    kind, count = dataset.id.get_type(), int(prod(dataset.chunks))
    if kind.get_class() == h5py.h5t.STRING and kind.is_variable_str():
        # a length, and the address and the number of an object in a heap
        return count * (8 + int(dataset.file.id.get_create_plist().get_sizes()[0]))
    return count * int(kind.get_size())


def check_sizes(dataset: Any) -> None:
    """Check that no chunk is listed with more bytes than HDF5 has room for when it reads it.

    Without filters it makes room for the bytes that every chunk has, and reads as many as the
    index of an old file says, which may be more.

    Raises
    ------
    MalformedInput
    """
    expected = bytes_of_each(dataset)
    if expected is None:
        return
    wrong: list[tuple[Shape, int]] = []

    def note(info: Any) -> bool | None:
        if info.size == expected:
            return None
        wrong.append((info.chunk_offset, info.size))
        return True  # ends the walk

    dataset.id.chunk_iter(note)
    if wrong:
        raise _of_wrong_size(*wrong[0], expected)


def _of_wrong_size(start: Shape, found: int, expected: int) -> MalformedInput:
    return MalformedInput(
        f"it lists a chunk of {found} bytes at {list(start)}, but each has {expected}: its index "
        "is damaged",
        found=found,
        expected=expected,
    )


def _tells_the_truth(dataset: Any, fd: int) -> bool:
    """Whether HDF5 lists the chunks of a dataset with their true coordinates.

    An extensible array stores the one unlimited axis first. When HDF5 1.14 or 2.0 lists its chunks,
    the axis is not moved back; reading is right. Tests check that all other indexes are listed
    right.
    """
    unlimited = [d for d, most in enumerate(dataset.maxshape) if most is None]
    if len(unlimited) != 1 or unlimited[0] == 0:
        return True
    return chunk_index_kind(dataset, fd) not in {None, EXTENSIBLE_ARRAY}


class ListedChunks:
    """The places of all chunks of a dataset, looked up once.

    HDF5 walks over all chunks to find the place of one. Here it walks once; what it finds takes
    at most 32 bytes a chunk.

    Parameters
    ----------
    dataset : h5py.Dataset
        Chunked.
    """

    def __init__(self, dataset: Any) -> None:
        self._chunks: Shape = dataset.chunks
        self._grid = tuple(-(-n // c) for n, c in zip(dataset.shape, self._chunks, strict=True))
        starts, numbers = array("Q"), array("q")
        facts = tuple(array("Q") for _ in ChunkPlace._fields)

        def turn_into_numbers() -> None:
            numbers.frombytes(self._on_grid(np.array(starts, np.uint64)).tobytes())
            del starts[:]

        def note(info: Any) -> None:
            starts.extend(info.chunk_offset)
            for fact, value in zip(
                facts, (info.byte_offset, info.size, info.filter_mask), strict=True
            ):
                fact.append(value)
            if len(starts) >= _MANY:
                turn_into_numbers()

        dataset.id.chunk_iter(note)
        turn_into_numbers()
        found = np.array(numbers, np.int64)
        self._places = tuple(map(_compact, facts))
        if (found[1:] < found[:-1]).any():
            order = np.argsort(found, kind="stable")
            found = found[order]
            self._places = tuple(fact[order] for fact in self._places)
        self._count = len(found)
        self._numbers = None if (found == np.arange(len(found))).all() else found
        self._check_sizes(bytes_of_each(dataset))

    def _check_sizes(self, expected: int | None) -> None:
        """As `check_sizes`."""
        if expected is None or (self._places[1] == expected).all():
            return
        wrong = next(one for one in self.listed() if one[1].nbytes != expected)
        raise _of_wrong_size(wrong[0], wrong[1].nbytes, expected)

    def _on_grid(self, starts: np.ndarray) -> np.ndarray:
        """Numbers of chunks in C order, from the indices of their first elements."""
        if prod(self._grid) >= 1 << 63:
            raise MalformedInput(f"it claims {prod(self._grid)} chunks")
        starts = starts.reshape(-1, len(self._chunks))
        chunks, grid = np.array(self._chunks, np.uint64), np.array(self._grid, np.uint64)
        index, rest = np.divmod(starts, chunks)
        wrong = (rest != 0) | (index >= grid)
        if wrong.any():
            start = starts[wrong.any(axis=1)][0].tolist()
            raise MalformedInput(f"it lists a chunk at {start}, where none can be")
        if not len(starts):
            return np.empty(0, np.int64)
        numbers: np.ndarray = np.ravel_multi_index(tuple(index.astype(np.int64).T), self._grid)
        return numbers

    def _number(self, start: Shape) -> int:
        number = 0
        for at, chunk, count in zip(start, self._chunks, self._grid, strict=True):
            number = number * count + at // chunk
        return number

    def find(self, start: Shape) -> ChunkPlace | None:
        """The place of the chunk that starts at an element; None if the file does not hold it."""
        number = self._number(start)
        at = number if self._numbers is None else int(self._numbers.searchsorted(number))
        if at >= self._count or (self._numbers is not None and self._numbers[at] != number):
            return None
        return ChunkPlace(*(int(fact[at]) for fact in self._places))

    def listed(self) -> Iterator[tuple[Shape, ChunkPlace]]:
        """First index and place of every chunk."""
        numbers = range(self._count) if self._numbers is None else self._numbers
        for number, *facts in zip(numbers, *self._places, strict=True):
            index = np.unravel_index(int(number), self._grid)
            start = tuple(int(i) * c for i, c in zip(index, self._chunks, strict=True))
            yield start, ChunkPlace(*map(int, facts))


def _compact(values: array[int]) -> np.ndarray:
    """The same numbers in as little memory as they need: often all are equal."""
    given = np.frombuffer(values, np.uint64) if values else np.empty(0, np.uint64)
    if len(given) and given.min() == given.max():
        return np.broadcast_to(given[:1].copy(), given.shape)
    return given.astype(np.min_scalar_type(int(given.max(initial=0))))


class AskedChunks:
    """Chunks that are found by reading them through HDF5: slower, and always right."""

    def __init__(self, dataset: Any) -> None:
        self._id: h5py.h5d.DatasetID = dataset.id

    def find(self, start: Shape) -> ChunkPlace | None:
        """Size and skipped filters of the chunk that starts at an element."""
        try:
            skipped, data = self._id.read_direct_chunk(start)
        except RuntimeError as error:
            if "not allocated" in str(error):
                return None
            raise
        return ChunkPlace(UNKNOWN, memoryview(data).nbytes, skipped)
