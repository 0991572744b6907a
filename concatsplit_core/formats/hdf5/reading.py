"""Reads HDF5: contiguous data by offset, and known chunks outside HDF5's global lock."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from concatsplit_core.array.geometry import Box, Shape
from concatsplit_core.codecs.checksums import is_guarded
from concatsplit_core.codecs.chunks import check_guard, decode
from concatsplit_core.codecs.pipeline import Step
from concatsplit_core.formats.grid import chunk_label, chunks_of, clip, space_for
from concatsplit_core.formats.hdf5 import filter_checks, filters, links
from concatsplit_core.formats.hdf5.chunk_index import UNKNOWN, ChunkIndex, ChunkPlace, index_of
from concatsplit_core.formats.hdf5.files import malformed, pool
from concatsplit_core.formats.hdf5.library import h5py
from concatsplit_core.formats.hdf5.lookups import check_lookups
from concatsplit_core.formats.hdf5.object_header import leaves_edges_raw
from concatsplit_core.formats.hdf5.raw_edges import looks_raw
from concatsplit_core.formats.sources import (
    BaseSource,
    ChunkedSource,
    ContiguousSource,
    DecodedSource,
    FindSpace,
)
from concatsplit_core.formats.stored import Check, Stored, read_unchecked, room_for
from concatsplit_core.foundation.errors import MalformedInput, OverBudget
from concatsplit_core.foundation.records import NamedTuple, dataclass, field
from concatsplit_core.stores.files import read_exactly

if TYPE_CHECKING:
    from concatsplit_core.formats.hdf5.padding import Padding


class _Reading(NamedTuple):
    """A dataset that is read, and its file: -1 if chunks can only be read through HDF5."""

    find: Callable[[], Any]
    fd: int
    size: int

    @property
    def dataset(self) -> Any:
        """The dataset, opened only when asked for: most chunks are read without it."""
        return self.find()


@dataclass(slots=True, eq=False)
class Hdf5Array(BaseSource):
    """One dataset: known by its file and name, or open in this process."""

    format: ClassVar[str] = "hdf5"

    dataset: Any = field(default=None, init=False)
    """The h5py.Dataset, where the input is one and not a reference."""

    @contextmanager
    def _opened(self) -> Iterator[_Reading]:
        if self.dataset is not None or self.path is None:
            yield _Reading(lambda: self.dataset, -1, 0)
        else:
            with pool.use(self.path) as opened:
                fd = -1 if opened.has_user_block else opened.fd
                find = partial(links.item_of, opened.file, self.member)
                yield _Reading(find, fd, os.fstat(opened.fd).st_size)

    def stored_bytes(self) -> int:
        """Bytes that HDF5 has allocated for the elements."""
        try:
            with self._opened() as opened:
                return int(opened.dataset.id.get_storage_size())
        except Exception as error:  # a damaged index makes h5py raise nearly anything
            raise malformed(self.ref, error) from error

    def close(self) -> None:
        """Close the file, unless it is the caller's."""
        if self.path is not None:
            pool.discard(self.path)

    def __reduce__(self) -> tuple[Any, ...]:
        if self.path is None:
            raise TypeError(
                f"input {self.ref} is in no file that another process could open; save it to one"
            )
        return BaseSource.__reduce__(self)


@dataclass(slots=True, eq=False)
class Hdf5Contiguous(Hdf5Array, ContiguousSource):
    """A dataset whose elements are one run of bytes in the file."""

    def stored_bytes(self) -> int:
        """Bytes of the elements."""
        return self.spec.nbytes


@dataclass(slots=True, eq=False)
class Hdf5Decoded(Hdf5Array, DecodedSource):
    """A dataset without chunks whose elements only HDF5 can read."""

    def read(self, box: Box) -> Iterator[tuple[Box, np.ndarray]]:
        """All of the box at once."""
        with self._opened() as opened:
            yield box, self._through_hdf5(opened.dataset, box)

    @property
    def _rank(self) -> int:
        """How many axes HDF5 knows of; those inside an item come after them."""
        return self.spec.ndim - len(self.storage.item_shape)

    def _through_hdf5(self, dataset: Any, box: Box) -> np.ndarray:
        try:
            if self.spec.is_string:
                return _read_strings(dataset, box)
            rank = self._rank
            if self.spec.dtype.names and rank == self.spec.ndim > 0:  # HDF5 lays out the fields
                records = np.zeros(box.shape, self.spec.dtype)
                dataset.read_direct(records, box.slices)
                return records
            outer, inner = Box(box.start[:rank], box.stop[:rank]), box.slices[rank:]
            found = np.asarray(dataset[outer.slices])
            found = found[(..., *inner)] if self.storage.item_shape else found
            return found.astype(self.spec.dtype, copy=False)
        except Exception as error:  # h5py passes on whatever filters and conversions raise
            raise malformed(self._at(box.start), error) from error

    def _at(self, start: Shape) -> str:
        chunks = self.spec.chunks
        if not chunks:
            return self.ref
        index = tuple(a // c for a, c in zip(start, chunks, strict=True))
        return f"{self.ref}: {chunk_label(index, chunks, self.spec.shape)}"


@dataclass(slots=True, eq=False)
class Hdf5Chunked(ChunkedSource, Hdf5Decoded):
    """A dataset in chunks.

    Parameters
    ----------
    steps : tuple of Step, optional
        How chunks are decoded here; None where HDF5 has to.
    absent : numpy.ndarray
        What an absent chunk is full of.
    padding : Padding, optional
        How the array goes on after its end in the file.
    """

    steps: tuple[Step, ...] | None
    absent: np.ndarray
    padding: Padding | None = None
    index: ChunkIndex | None = field(default=None, init=False)
    """Where the chunks lie; None until that is needed."""
    raw_edges: bool | None = field(default=None, init=False)
    """Whether chunks at the edge have no filters; None until that is known."""

    @property
    def fill(self) -> np.ndarray:
        """What an absent chunk is full of."""
        return self.absent

    def read_to(self, box: Box, find_space: FindSpace | None) -> Iterator[tuple[Box, np.ndarray]]:
        """Decode chunk by chunk."""
        unit = self.spec.chunks or ()
        with self._opened() as opened:
            for _, chunk in chunks_of(box, unit, self.spec.shape):
                common = chunk.intersect(box)
                if self.padding is not None and common is not None:
                    yield common, self._padded(opened, self.padding, chunk.start, common)
                elif self.steps is None and common is not None:
                    self._check_claim(opened, chunk.start)
                    yield common, self._through_hdf5(opened.dataset, common)
                else:
                    stored = self._stored(opened, chunk.start)
                    space = space_for(chunk, box, unit, find_space)
                    decoded = self._decode(opened.fd, stored, chunk.start, unit, space)
                    yield clip(chunk, box, decoded)

    def _padded(self, opened: _Reading, padding: Padding, start: Shape, box: Box) -> np.ndarray:
        """A box of an array that may end in the file before the box does."""
        block = np.full(box.shape, padding.value, self.spec.dtype)
        there = box.intersect(Box.whole(padding.stored))
        if there is not None and there.size:
            self._check_claim(opened, start)
            block[there.within(box)] = self._through_hdf5(opened.dataset, there)
        return block

    def _check_claim(self, opened: _Reading, start: Shape) -> None:
        """Refuse a chunk that would expand to more than it should hold, before HDF5 decodes it."""
        native = self.storage.native and self.storage.native[1]
        pipeline = native if self.padding is None else list(self.padding.filters)
        stored = self._stored(opened, start) if pipeline else None
        if stored is None or not pipeline:
            return
        filters.refuse_unavailable(pipeline, self.ref)
        nbytes = prod(self.spec.chunks or ()) * self.spec.dtype.itemsize
        try:
            data = self._fetch(start)
            filter_checks.check_chunk(data, pipeline, stored.skipped, nbytes)
        except (MalformedInput, OverBudget) as error:
            raise malformed(self._at(start), error) from error

    def _decode(
        self,
        fd: int,
        stored: Stored | None,
        start: Shape,
        unit: Shape,
        space: memoryview | None,
    ) -> np.ndarray:
        """One chunk, read at its place in the file and decoded in this thread."""
        if stored is None or self.steps is None:
            return np.broadcast_to(self.absent, unit)
        data = room_for(stored.nbytes) if stored.fetch is None else stored.fetch()
        if stored.fetch is None:
            read_exactly(fd, data, stored.offset, self.path or self.ref)
        raw = self._raw(data, self._steps_of(stored), start, space)
        return np.frombuffer(raw, self.spec.dtype).reshape(unit)

    def _steps_of(self, stored: Stored) -> tuple[Step, ...]:
        """The steps that a chunk went through."""
        steps = enumerate(self.steps or ())
        return tuple(step for i, step in steps if not stored.skipped >> i & 1)

    def _raw(
        self,
        data: Any,
        steps: tuple[Step, ...],
        start: Shape,
        space: memoryview | None = None,
    ) -> Any:
        nbytes = prod(self.spec.chunks or ()) * self.spec.dtype.itemsize
        try:
            return decode(data, steps, nbytes, space)
        except (MalformedInput, OverBudget) as error:
            raise malformed(self._at(start), error) from error

    def checked(self, box: Box, stored: Stored, full: bool) -> Stored:
        """The same chunk, which is checked when it is read or copied."""
        if not full and not (self.steps and is_guarded(self._steps_of(stored))):
            return stored
        return stored._replace(check=Check(partial(self._piece, box, stored)))

    def _piece(self, box: Box, stored: Stored) -> Iterator[tuple[int, Any]]:
        """A chunk, after its checksum was compared, or it was decoded if it has none."""
        data, steps = read_unchecked(stored), self._steps_of(stored)
        if self.steps is None:
            for _ in self.read(box):
                pass
        elif not is_guarded(steps):
            self._raw(data, steps, box.start)
        else:
            try:
                check_guard(data, steps)
            except MalformedInput as error:
                raise malformed(self._at(box.start), error) from error
        yield 0, data

    def stored(self, box: Box, shards: bool) -> Iterator[tuple[Box, Stored | None]]:
        """Chunks at their places in the file."""
        with self._opened() as opened:
            for _, chunk in chunks_of(box, self.spec.chunks or (), self.spec.shape):
                yield chunk, self._stored(opened, chunk.start)

    def _stored(self, opened: _Reading, start: Shape) -> Stored | None:
        place = self._place(opened, start)
        if place is None:
            return None
        if opened.fd < 0 or place.offset == UNKNOWN:
            fetch = partial(self._fetch, start)
            stored = Stored(place.nbytes, fetch=fetch, skipped=place.skipped, ref=self.ref)
        elif place.offset + place.nbytes > opened.size:
            raise MalformedInput(
                f"{self._at(start)} lies past the end of the file, which is truncated", ref=self.ref
            )
        else:
            stored = Stored(
                place.nbytes, self.path, place.offset, skipped=place.skipped, ref=self.ref
            )
        return self._unfiltered(opened, stored, start) if self._may_be_raw(stored) else stored

    def _fetch(self, start: Shape) -> Any:
        """A chunk as it is stored, through HDF5."""
        with self._opened() as opened:
            try:
                return opened.dataset.id.read_direct_chunk(start[: self._rank])[1]
            except Exception as error:  # a damaged index makes h5py raise nearly anything
                raise malformed(self._at(start), error) from error

    def _may_be_raw(self, stored: Stored) -> bool:
        """Whether a chunk has the length of one that skipped its filters, as edge chunks may."""
        raw = prod(self.spec.chunks or ()) * self.spec.dtype.itemsize
        return self.storage.native is not None and not stored.skipped and stored.nbytes == raw

    def _unfiltered(self, opened: _Reading, stored: Stored, start: Shape) -> Stored:
        """The same chunk, marked as stored without filters if it is."""
        unit, shape = self.spec.chunks or (), self.spec.shape
        stop = tuple(min(a + c, n) for a, c, n in zip(start, unit, shape, strict=True))
        if all(z - a == c for a, z, c in zip(start, stop, unit, strict=True)):
            return stored
        if self.raw_edges is None:
            self.raw_edges = leaves_edges_raw(opened.dataset, opened.fd)
        is_raw, native = self.raw_edges, self.storage.native[1] if self.storage.native else ()
        if is_raw is None:
            box, raw = Box(start, stop), read_unchecked(stored)
            seen = partial(self._through_hdf5, opened.dataset, box)
            is_raw = looks_raw(raw, unit, self.steps, native, seen)
        return stored._replace(skipped=(1 << len(native)) - 1) if is_raw else stored

    def _place(self, opened: _Reading, start: Shape) -> ChunkPlace | None:
        try:
            if self.index is None:
                self.index = index_of(opened.dataset, opened.fd)
            return self.index.find(start[: self._rank])
        except Exception as error:  # a damaged index makes h5py raise nearly anything
            raise malformed(self.ref, error) from error

    def check(self) -> None:
        """Look for damage to the index that reading here would not show."""
        if self.dataset is not None or self.index is None:
            return
        try:
            with self._opened() as opened:
                check_lookups(opened.dataset, opened.fd, self.index)
        except Exception as error:  # a damaged index makes h5py raise nearly anything
            raise malformed(self.ref, error) from error


def _read_strings(dataset: Any, box: Box) -> np.ndarray:
    """Variable-length strings; HDF5 does not convert ASCII ones to NumPy's, which are UTF-8."""
    try:
        if h5py.check_string_dtype(dataset.dtype).encoding == "utf-8":
            found = np.asarray(dataset.astype("T")[box.slices])
            deque(found.flat, maxlen=0)  # h5py takes the bytes as they are
            return found
        texts = np.asarray(dataset.asstr("utf-8")[box.slices], dtype=object)
    except UnicodeDecodeError as error:
        raise MalformedInput(f"a text is not UTF-8: {error.reason}") from error
    return texts.astype(np.dtypes.StringDType())


Hdf5Source = Hdf5Contiguous | Hdf5Decoded
