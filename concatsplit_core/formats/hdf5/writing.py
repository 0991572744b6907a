"""Writing HDF5 through a file object of ours, so that a full disk is an error like any other.

HDF5 crashes at exit when its last writes fail. Here its writes never fail: the first error is
kept and raised between HDF5's calls, what comes after it is dropped, as the file will be.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from concatsplit_core.codecs.chunks import encode
from concatsplit_core.codecs.pipeline import Codec
from concatsplit_core.errors import IOFailure, OutputRefused, UnsupportedDtype, UsageError
from concatsplit_core.files import Pool, write_all
from concatsplit_core.formats.base import Extent, Moved, Storage, Stored, load
from concatsplit_core.formats.grid import chunks_of, is_fill, padded
from concatsplit_core.formats.hdf5 import filters
from concatsplit_core.formats.hdf5.replicas import keep
from concatsplit_core.formats.hdf5.types import as_items
from concatsplit_core.geometry import Box
from concatsplit_core.interrupts import deferred_signals
from concatsplit_core.spec import ArraySpec

_OPEN_FILES = 32


class StagedFile(io.RawIOBase):
    """The file object that HDF5 writes to; remembers the first error instead of raising it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self.error: OSError | None = None
        self._at = 0

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, os.fstat(self.fd).st_size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def write(self, data: Any) -> int:
        try:
            if self.error is None:
                write_all(self.fd, data, self._at)
        except OSError as error:
            self.error = error
        self._at += len(data)
        return len(data)

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        try:
            count = os.preadv(self.fd, [view], self._at)
        except OSError as error:
            self.error, count = self.error or error, 0
        view[count:] = bytes(len(view) - count)
        self._at += len(view)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        size = self._at if size is None else size
        try:
            if self.error is None:
                os.ftruncate(self.fd, size)
        except OSError as error:
            self.error = error
        return size

    def flush(self) -> None:
        pass

    def close(self) -> None:
        if not self.closed:
            os.close(self.fd)
        super().close()


class Hdf5Writer:
    """One staged HDF5 file, opened when it is needed."""

    def __init__(self, path: Path, base: Path | None) -> None:
        self.path = path
        self._mode = "w"
        if base is not None:
            _copy(base, path)
            self._mode = "r+"

    def open(self) -> tuple[StagedFile, Any]:
        staged = StagedFile(self.path)
        try:
            file = h5py.File(staged, self._mode)
        except BaseException:
            staged.close()
            raise
        self._mode = "r+"
        return staged, file

    def add(self, member: str, spec: ArraySpec, storage: Storage) -> Hdf5Target:
        """Create a data set; one that is contiguous gets its place in the file at once."""
        if any("\ud800" <= letter <= "\udfff" for letter in member):
            shown = member.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            raise UsageError(f"output member '{shown}': names in HDF5 are UTF-8, which this is not")
        with deferred_signals(), _pool.use(self) as (staged, file):
            if member in file:
                del file[member]
            dataset = _create(file, member, as_items(spec, storage.item_shape), storage)
            for key, value in storage.attrs.items():
                dataset.attrs[key] = attribute(value)
            offset = dataset.id.get_offset() if spec.contiguous else None
            _raise_kept(staged)
        extent = None if offset is None else Extent(self.path, offset)
        return Hdf5Target(self, member, spec, storage, extent)

    def finish(self) -> None:
        """Close the file and say if any write of it failed."""
        with deferred_signals():
            _pool.discard(self)

    def abort(self) -> None:
        """Close the file, whatever it holds."""
        with deferred_signals(), suppress(OSError):
            _pool.discard(self)


def _close(opened: tuple[StagedFile, Any]) -> None:
    staged, file = opened
    try:
        file.close()
        error = staged.error
    finally:
        staged.close()
    if error is not None:
        raise error


_pool: Pool[Hdf5Writer, tuple[StagedFile, Any]] = Pool(Hdf5Writer.open, _close, _OPEN_FILES)


def _raise_kept(staged: StagedFile) -> None:
    if staged.error is not None:
        raise staged.error


_Item = tuple[Box, Any, int | None]
"""A chunk as it is to be stored and the filters it skipped, or an array for HDF5 to encode."""


class Hdf5Target:
    """One data set that is being written."""

    takes_skipped = True

    def __init__(
        self,
        writer: Hdf5Writer,
        member: str,
        spec: ArraySpec,
        storage: Storage,
        extent: Extent | None,
    ) -> None:
        self.spec = spec
        self.extent = extent
        self.ordered = extent is None
        codec = storage.codec or Codec()
        self._writer, self._member, self._steps = writer, member, codec.steps
        self._direct = bool(spec.chunks) and not spec.is_string and filters.own_encoding(codec)
        self.fill = _fill(spec, storage)
        self._rank = spec.ndim - len(storage.item_shape)
        self._skipped = 0 if storage.native is None else (1 << len(storage.native[1])) - 1

    def encode(self, box: Box, block: np.ndarray | None, moved: Moved | None = None) -> list[_Item]:
        """Chunks that can be written as they are; else the block itself, for HDF5 to encode."""
        moved = moved or {}
        if block is not None and (not self._direct or self.spec.chunks is None):
            return [(box, block, None)]
        items: list[_Item] = []
        room = box.size * self.spec.dtype.itemsize  # what the plan has for chunks that wait
        for _, chunk in chunks_of(box, self.spec.chunks or (), self.spec.shape):
            found = moved.get(chunk.start)
            if isinstance(found, Stored):
                room -= found.nbytes
                items.append((chunk, load(found) if room >= 0 else found, found.skipped))
                continue
            part = found if block is None else block[chunk.within(box)]
            if part is not None and not is_fill(part := np.ascontiguousarray(part), self.fill):
                items.append((chunk, *self._encoded(part)))
        return items

    def _encoded(self, part: np.ndarray) -> tuple[Any, int | None]:
        if not self._direct:
            return part, None
        whole = padded(part, self.spec.chunks or (), self.fill[()])
        item = part.dtype.itemsize * prod(self.spec.shape[self._rank :])
        return encode(whole.reshape(-1).view(np.uint8), self._steps, item), self._skipped

    def store(self, encoded: list[_Item]) -> None:
        """Hand the chunks to HDF5, one thread at a time."""
        with deferred_signals(), _pool.use(self._writer) as (staged, file):
            dataset = file[self._member]
            for box, data, skipped in encoded:
                if skipped is None:
                    opaque = data.dtype.kind in "mM"
                    place = box.slices[: self._rank]
                    dataset[place] = data.astype(stored_dtype(data.dtype)) if opaque else data
                else:
                    raw = load(data) if isinstance(data, Stored) else data
                    dataset.id.write_direct_chunk(box.start[: self._rank], raw, skipped)
            _raise_kept(staged)


def _fill(spec: ArraySpec, storage: Storage) -> np.ndarray:
    """The fill value; zero for strings, and for times, which h5py cannot set one for."""
    if storage.fill_value is None or spec.dtype.kind in "TmM":
        return np.zeros((), spec.dtype)
    return np.asarray(storage.fill_value).astype(spec.dtype)


def _create(file: Any, member: str, spec: ArraySpec, storage: Storage) -> Any:
    dcpl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    dcpl.set_obj_track_times(False)
    if spec.chunks is not None:
        dcpl.set_chunk(spec.chunks)
        chunk_bytes = prod(spec.chunks) * spec.dtype.itemsize
        if storage.native is not None:
            keep(dcpl, storage.native[1])
        filters.apply(dcpl, storage.codec or Codec(), spec.dtype.itemsize, chunk_bytes)
    elif spec.contiguous:
        dcpl.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        dcpl.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    fill = _fill(spec, storage)
    if not spec.is_string and fill.tobytes() != bytes(spec.dtype.itemsize):
        dcpl.set_fill_value(fill)
    space = h5py.h5s.create_simple(spec.shape) if spec.shape else h5py.h5s.create(h5py.h5s.SCALAR)
    parent, _, name = member.rpartition("/")
    group = file.require_group(parent) if parent else file
    kind = h5py.h5t.py_create(stored_dtype(spec.dtype), logical=True)
    return h5py.Dataset(h5py.h5d.create(group.id, name.encode(), kind, space, dcpl))


def stored_dtype(dtype: np.dtype) -> np.dtype:
    """The dtype that h5py stores an array of this dtype as.

    Raises
    ------
    UnsupportedDtype
        HDF5 has no such type.
    """
    if dtype.kind == "T":
        dtype = h5py.string_dtype("utf-8")
        return dtype
    if not dtype.itemsize:
        raise UnsupportedDtype(f"dtype {dtype} holds nothing, which HDF5 has no type for")
    if dtype.kind in "mM":
        dtype = h5py.opaque_dtype(dtype)
        return dtype
    try:
        h5py.h5t.py_create(dtype, logical=True)
    except TypeError as error:
        hint = "; --dtype S32 makes it bytes" if dtype.kind == "U" else ""
        raise UnsupportedDtype(
            f"dtype {dtype} has no HDF5 type{hint}; or write to .npy or .zarr", found=dtype
        ) from error
    return dtype


def attribute(value: Any) -> Any:
    """An attribute's value as HDF5 can hold it; what has no such form becomes JSON text."""
    if isinstance(value, list | tuple):
        if value and all(isinstance(item, str) for item in value):
            return list(value)
        with suppress(ValueError):
            array = np.asarray(value)
            if array.dtype.kind in "biufc":
                return array
    if value is None or isinstance(value, Mapping | list | tuple):
        return json.dumps(value, sort_keys=True)
    return value


def _copy(base: Path, path: Path) -> None:
    """Copy a container to be added to; on XFS and btrfs a reflink, which shares its blocks."""
    try:
        h5py.File(base, "r").close()
    except BlockingIOError:
        raise OutputRefused(
            f"{base}: locked: another program is writing it; close it there", ref=str(base)
        ) from None
    except OSError as error:
        if error.errno:
            raise
        raise OutputRefused(
            f"{base}: is no HDF5 file that could be added to: {error}", ref=str(base)
        ) from error
    ficlone = 0x40049409
    with base.open("rb") as here, path.open("xb") as there:
        try:
            fcntl.ioctl(there.fileno(), ficlone, here.fileno())
        except OSError:
            shutil.copyfileobj(here, there, 1 << 20)
            there.flush()
        size = os.fstat(there.fileno()).st_size
        if size != os.fstat(here.fileno()).st_size:
            raise IOFailure(f"{base}: changed while it was copied", ref=str(base))
