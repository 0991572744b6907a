"""Reading HDF5: contiguous data by offset, known chunks decoded outside HDF5's global lock."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from concatsplit_core.array.geometry import Box, Shape
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.codecs.checksums import is_guarded
from concatsplit_core.codecs.chunks import check_guard, decode
from concatsplit_core.codecs.pipeline import Step
from concatsplit_core.errors import (
    ConcatsplitError,
    InputUnavailable,
    MalformedInput,
    OverBudget,
)
from concatsplit_core.formats.base import Extent, Storage
from concatsplit_core.formats.grid import chunks_of, clip, place_of
from concatsplit_core.formats.hdf5 import filter_checks, filters, links
from concatsplit_core.formats.hdf5.chunk_index import UNKNOWN, ChunkIndex, Place, index_of
from concatsplit_core.formats.hdf5.lookups import check_lookups
from concatsplit_core.formats.hdf5.padding import Padding
from concatsplit_core.formats.stored import Check, Stored, load_unseen
from concatsplit_core.stores.files import Pool, input_error, open_input, read_exactly

_OPEN_FILES = 64
_BOOKKEEPING = 1 << 20
"""Bytes of indexes and headers that HDF5 keeps of a file; it would keep 32 times as many."""
_WRITTEN_TO = "already open for"
_SYSTEM_ERROR = re.compile(r"\berrno = (\d+), error message")
"""What HDF5 says of the mark that a writer, as one of SWMR, leaves in a file while it is open."""


class Opened(NamedTuple):
    """An HDF5 file, and a descriptor of it for reading past the library."""

    file: Any
    fd: int


def _open_file(path: Path) -> Opened:
    fd = open_input(path)
    try:
        return Opened(_opened(path), fd)
    except BaseException:
        os.close(fd)
        raise


def _opened(path: Path) -> Any:
    """An HDF5 file that keeps little of what it has read of its own bookkeeping."""
    file = h5py.File(path, "r", rdcc_nbytes=0)
    config = file.id.get_mdc_config()
    config.max_size = _BOOKKEEPING
    config.set_initial_size, config.initial_size = True, _BOOKKEEPING
    config.min_size = min(config.min_size, _BOOKKEEPING)
    file.id.set_mdc_config(config)
    return file


def _close_file(opened: Opened) -> None:
    """Close a file that was only read: nothing is lost where that fails."""
    with suppress(Exception):  # h5py makes a RuntimeError of what the system says
        opened.file.close()
    with suppress(OSError):
        os.close(opened.fd)


pool: Pool[Path, Opened] = Pool(_open_file, _close_file, _OPEN_FILES, 2)


def malformed(ref: str, error: Exception) -> ConcatsplitError:
    """What h5py says of a file or data set that it cannot read, in our terms."""
    if isinstance(error, ConcatsplitError):
        return error if error.ref else type(error)(f"{ref}: {error.message}", ref=ref)
    if isinstance(error, BlockingIOError):
        return InputUnavailable(
            f"{ref}: locked: another program has it open for writing; close it there", ref=ref
        )
    if isinstance(error, OSError) and error.errno:
        return input_error(ref, error)
    text = " ".join(str(error.args[0] if error.args else error).split())
    failed = _SYSTEM_ERROR.search(text)
    if failed is not None:
        return input_error(ref, OSError(int(failed[1]), ""))
    if _WRITTEN_TO in text:
        return InputUnavailable(
            f"{ref}: another program has it open for writing, or did not close it: close it there, "
            "or clear its mark with 'h5clear -s'",
            ref=ref,
        )
    return MalformedInput(f"{ref}: HDF5 cannot read it: {text}", ref=ref)


class _Reading(NamedTuple):
    """A data set being read, and its file: -1 where chunks are to be had through HDF5 only."""

    dataset: Any
    fd: int
    size: int


@dataclass(slots=True, eq=False, weakref_slot=True)
class Hdf5Source:
    """One data set."""

    path: Any
    ref: str
    member: str
    spec: ArraySpec
    storage: Storage
    extent: Extent | None
    steps: tuple[Step, ...] | None
    """How chunks are decoded here; None where HDF5 has to."""
    fill: np.ndarray
    format: str = "hdf5"
    dataset: Any = None
    """An open data set, where the input is one and not a name."""
    index: ChunkIndex | None = None
    padding: Padding | None = None
    """How the array goes on behind its end in the file."""
    root: Path | None = None

    def read(self, box: Box) -> Iterator[tuple[Box, np.ndarray]]:
        """Decode chunk by chunk."""
        unit = self.spec.chunks or tuple(b - a for a, b in zip(box.start, box.stop, strict=True))
        with self._opened() as opened:
            dataset = opened.dataset
            if self.spec.chunks is None:
                yield box, self._through_hdf5(dataset, box)
                return
            for _, chunk in chunks_of(box, unit, self.spec.shape):
                common = chunk.intersect(box)
                if self.padding is not None and common is not None:
                    yield common, self._padded(opened, self.padding, chunk.start, common)
                elif self.steps is None and common is not None:
                    self._check_claim(opened, chunk.start)
                    yield common, self._through_hdf5(dataset, common)
                else:
                    stored = self._stored(opened, chunk.start)
                    yield clip(chunk, box, self._decode(opened.fd, stored, chunk.start, unit))

    @property
    def _rank(self) -> int:
        """Axes that HDF5 knows of: those inside an item come behind them."""
        return self.spec.ndim - len(self.storage.item_shape)

    @contextmanager
    def _opened(self) -> Iterator[_Reading]:
        if self.dataset is not None:
            yield _Reading(self.dataset, -1, 0)
        else:
            with pool.use(self.path) as opened:
                block = opened.file.userblock_size  # with one, offsets are not those of the file
                fd = -1 if block else opened.fd
                yield _Reading(opened.file[links.key(self.member)], fd, os.fstat(opened.fd).st_size)

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
        except Exception as error:  # h5py passes on whatever a filter or a conversion raises
            raise malformed(self._at(box.start), error) from error

    def _padded(self, opened: _Reading, padding: Padding, start: Shape, box: Box) -> np.ndarray:
        """A box of an array that may end in the file before the box does."""
        block = np.full(box.shape, padding.value, self.spec.dtype)
        there = box.intersect(Box.whole(padding.stored))
        if there is not None and there.size:
            self._check_claim(opened, start)
            block[there.within(box)] = self._through_hdf5(opened.dataset, there)
        return block

    def _check_claim(self, opened: _Reading, start: Shape) -> None:
        """Let HDF5 decode no chunk that would expand beyond what it should hold."""
        native = self.storage.native and self.storage.native[1]
        pipeline = native if self.padding is None else list(self.padding.filters)
        place = self._place(opened, start) if pipeline else None
        if place is None or not pipeline:
            return
        filters.refuse_unavailable(pipeline, self.ref)
        nbytes = prod(self.spec.chunks or ()) * self.spec.dtype.itemsize
        try:
            data = self._fetch(start)
            filter_checks.check_chunk(data, pipeline, place.skipped, nbytes)
        except (MalformedInput, OverBudget) as error:
            raise malformed(self._at(start), error) from error

    def _decode(self, fd: int, stored: Stored | None, start: Shape, unit: Shape) -> np.ndarray:
        """One chunk, read at its place in the file and decoded in this thread."""
        if stored is None or self.steps is None:
            return np.broadcast_to(self.fill, unit)
        data = bytearray(stored.nbytes) if stored.fetch is None else stored.fetch()
        if stored.fetch is None:
            read_exactly(fd, memoryview(data), stored.offset, self.path)
        raw = self._raw(data, self._taken(stored), start)
        return np.frombuffer(raw, self.spec.dtype).reshape(unit)

    def _taken(self, stored: Stored) -> tuple[Step, ...]:
        """The steps that a chunk went through."""
        steps = enumerate(self.steps or ())
        return tuple(step for i, step in steps if not stored.skipped >> i & 1)

    def _raw(self, data: Any, steps: tuple[Step, ...], start: Shape) -> Any:
        nbytes = prod(self.spec.chunks or ()) * self.spec.dtype.itemsize
        try:
            return decode(data, steps, nbytes)
        except (MalformedInput, OverBudget) as error:
            raise malformed(self._at(start), error) from error

    def guarded(self, box: Box, stored: Stored, full: bool) -> Stored:
        """With a look at a chunk on its way."""
        if not full and not (self.steps and is_guarded(self._taken(stored))):
            return stored
        return stored._replace(check=Check(partial(self._piece, box, stored)))

    def _piece(self, box: Box, stored: Stored) -> Iterator[tuple[int, Any]]:
        """A chunk whose checksum has been compared, or that has been decoded where it has none."""
        data, steps = load_unseen(stored), self._taken(stored)
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
                f"{self._at(start)} lies behind the end of the file; it is truncated", ref=self.ref
            )
        else:
            stored = Stored(
                place.nbytes, self.path, place.offset, skipped=place.skipped, ref=self.ref
            )
        return self._unfiltered(stored, start) if self._may_be_raw(stored) else stored

    def _fetch(self, start: Shape) -> Any:
        """A chunk as it is stored, through HDF5."""
        with self._opened() as opened:
            try:
                return opened.dataset.id.read_direct_chunk(start[: self._rank])[1]
            except Exception as error:  # a damaged index makes h5py raise nearly anything
                raise malformed(self._at(start), error) from error

    def _may_be_raw(self, stored: Stored) -> bool:
        """Whether a chunk could be one that HDF5 was told to leave without its filters.

        It can be told so for chunks at the edge, and does not say which ones they are.
        """
        raw = prod(self.spec.chunks or ()) * self.spec.dtype.itemsize
        return bool(self.steps) and not stored.skipped and stored.nbytes == raw

    def _unfiltered(self, stored: Stored, start: Shape) -> Stored:
        """The same chunk, with all filters skipped if they cannot be what it went through."""
        unit, steps = self.spec.chunks or (), self.steps or ()
        partial = any(a + c > n for a, c, n in zip(start, unit, self.spec.shape, strict=True))
        if not partial:
            return stored
        try:
            decode(load_unseen(stored), steps, stored.nbytes)
        except (MalformedInput, OverBudget):
            return stored._replace(skipped=(1 << len(steps)) - 1)
        return stored

    def _place(self, opened: _Reading, start: Shape) -> Place | None:
        try:
            if self.index is None:
                self.index = index_of(opened.dataset, opened.fd)
            return self.index.find(start[: self._rank])
        except Exception as error:  # a damaged index makes h5py raise nearly anything
            raise malformed(self.ref, error) from error

    def _at(self, start: Shape) -> str:
        chunks = self.spec.chunks
        if not chunks:
            return self.ref
        index = tuple(a // c for a, c in zip(start, chunks, strict=True))
        return f"{self.ref}: {place_of(index, chunks, self.spec.shape)}"

    def prepare(self, folder: Path, check: bool = False) -> None:
        """Nothing to prepare."""

    def check(self) -> None:
        """Look for damage to the index that reading here would not show."""
        if self.spec.chunks is None or self.dataset is not None or self.index is None:
            return
        try:
            with self._opened() as opened:
                check_lookups(opened.dataset, opened.fd, self.index)
        except Exception as error:  # a damaged index makes h5py raise nearly anything
            raise malformed(self.ref, error) from error

    def stored_bytes(self) -> int:
        try:
            with self._opened() as opened:
                return int(opened.dataset.id.get_storage_size())
        except Exception as error:  # a damaged index makes h5py raise nearly anything
            raise malformed(self.ref, error) from error

    def close(self) -> None:
        """Close the file, unless it is the caller's."""
        pool.discard(self.path)


def _read_strings(dataset: Any, box: Box) -> np.ndarray:
    """Variable-length strings; HDF5 has no way from ASCII ones to NumPy's, which are UTF-8."""
    if h5py.check_string_dtype(dataset.dtype).encoding == "utf-8":
        return np.asarray(dataset.astype("T")[box.slices])
    texts = np.asarray(dataset.asstr("utf-8")[box.slices], dtype=object)
    return texts.astype(np.dtypes.StringDType())
