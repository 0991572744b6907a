"""Writes HDF5 files: groups, datasets, and chunks encoded here or by HDF5."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from concatsplit_core.array.geometry import Box
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.hdf5.creating import create, describe
from concatsplit_core.formats.hdf5.encoding import Hdf5Encoder, Item
from concatsplit_core.formats.hdf5.items import as_items
from concatsplit_core.formats.hdf5.library import h5py
from concatsplit_core.formats.hdf5.links import refuse_links_out
from concatsplit_core.formats.hdf5.naming import has_netcdf_name
from concatsplit_core.formats.hdf5.netcdf import attach_again, detach, is_netcdf
from concatsplit_core.formats.hdf5.netcdf_dimensions import Dimensions
from concatsplit_core.formats.hdf5.scales import Scales
from concatsplit_core.formats.hdf5.staged_file import StagedFile
from concatsplit_core.formats.hdf5.types import stored_dtype
from concatsplit_core.formats.storage import Extent, Storage
from concatsplit_core.formats.stored import (
    Placed,
    Stored,
    read_stored,
    room_for,
    write_placed,
)
from concatsplit_core.formats.structure import Structure
from concatsplit_core.formats.targets import (
    ContiguousTarget,
    PartTarget,
    ReadyChunks,
    Target,
    Writer,
)
from concatsplit_core.foundation.errors import (
    IOFailure,
    OutputRefused,
    UnsupportedDtype,
)
from concatsplit_core.foundation.interrupts import deferred_signals
from concatsplit_core.stores.durability import start_writing
from concatsplit_core.stores.files import copy_range, write_all
from concatsplit_core.stores.pool import Pool

_OPEN_FILES = 32


class Hdf5Writer(Writer):
    """One staged HDF5 file, opened when it is needed."""

    def __init__(self, path: Path, base: Path | None) -> None:
        super().__init__()
        self.path = path
        self._mode = "w"
        self._netcdf = has_netcdf_name(str(path))
        self._structure: Structure | None = None
        self._dimensions, self._scales = Dimensions({}, self.expected), Scales()
        self._user_block = b""
        if base is not None:
            _copy(base, path)
            self._mode = "r+"

    def open(self) -> tuple[StagedFile, Any]:
        """Open the staged file; the first time, make it."""
        staged = StagedFile(self.path)
        try:
            size, is_ordered = len(self._user_block) or None, self._netcdf or self._is_ordered
            file = h5py.File(
                staged, self._mode, track_order=is_ordered or None, userblock_size=size
            )
            if size:
                write_all(staged.fd, self._user_block, 0)
                self._user_block = b""
        except BaseException:
            staged.close()
            raise
        self._mode = "r+"
        return staged, file

    @property
    def _is_ordered(self) -> bool:
        """Whether a new file keeps its members in the order in which they are made."""
        root = None if self._structure is None else self._structure.groups.get("")
        return root is not None and root.is_ordered

    def add(self, member: str, spec: ArraySpec, storage: Storage) -> Target:
        """Create a dataset; a contiguous one gets its place in the file at once."""
        if any("\ud800" <= letter <= "\udfff" for letter in member):
            from concatsplit_core.formats.misnamed import not_utf8

            raise not_utf8(member, "HDF5")
        ref = f"{self.path.name}::{member}"
        with deferred_signals(), _pool.use(self) as (staged, file), _in_terms(staged, ref):
            staged.last, netcdf = None, self._netcdf or is_netcdf(file)
            names, freed = storage.meaning.dims or (), None
            if netcdf:
                member = self._dimensions.spelled(file, member, names)
            refuse_links_out(file, member, f"{self.path.name}::{member}")
            if member in file:
                is_coordinate = netcdf and names[:1] == (member.rpartition("/")[2],)
                length = spec.shape[0] if is_coordinate else None
                freed = detach(file, member, f"{self.path.name}::{member}", length)
                del file[member]
                self._dimensions.forget()
            types = () if self._structure is None else self._structure.types
            items = as_items(spec, storage.item_shape)
            dataset = create(file, member, items, storage, netcdf, types)
            scales = None if self._structure is None else self._scales
            self.notes += describe(dataset, storage, self._dimensions if netcdf else None, scales)
            if freed is not None:
                attach_again(dataset, freed)
            offset = dataset.id.get_offset() if spec.is_contiguous else None
            _raise_kept(staged)
        if offset is not None:
            return ContiguousTarget(spec, Extent(str(self.path), offset))
        return Hdf5Target(self, member, spec, storage)

    def add_groups(self, structure: Structure) -> None:
        """Make groups with their attributes; `finish` makes the links, once all arrays exist."""
        self._structure, self._user_block = structure, structure.user_block
        self._netcdf = self._netcdf or structure.is_netcdf
        self._dimensions = Dimensions(structure.dimensions, self.expected)
        from concatsplit_core.formats.hdf5.structure import write_structure

        with deferred_signals(), _pool.use(self) as (staged, file), _in_terms(staged, "groups"):
            self.notes += write_structure(file, structure, self._netcdf)
            _raise_kept(staged)

    def finish(self) -> None:
        """Make links and dimensions, and close the file; raises the first error of a write."""
        if self._structure is not None:
            from concatsplit_core.formats.hdf5.structure import write_links

            with deferred_signals(), _pool.use(self) as (staged, file), _in_terms(staged, "links"):
                self.notes += write_links(file, self._structure)
                if self._netcdf:
                    self._dimensions.finish(file)
                self._scales.finish(file)
                _raise_kept(staged)
        with deferred_signals():
            _pool.discard(self)

    def abort(self) -> None:
        """Close the file, whatever it holds."""
        with deferred_signals(), suppress(OSError):
            _pool.discard(self)


def _close(opened: tuple[StagedFile, Any]) -> None:
    staged, file = opened
    staged.last = None
    try:
        with _in_terms(staged, "file"):
            file.close()
        _raise_kept(staged)
    finally:
        staged.close()


_pool: Pool[Hdf5Writer, tuple[StagedFile, Any]] = Pool(Hdf5Writer.open, _close, _OPEN_FILES)


@contextmanager
def _in_terms(staged: StagedFile, ref: str) -> Iterator[None]:
    """Translates what h5py raises if the file cannot be written or is damaged."""
    try:
        yield
    except (RuntimeError, SystemError) as error:
        if staged.error is not None:
            raise staged.error from error
        raise OutputRefused(f"output {ref}: HDF5 cannot add to the file: {error}", ref=ref) from (
            error
        )


def _raise_kept(staged: StagedFile) -> None:
    if staged.error is not None:
        raise staged.error


class Hdf5Target(Hdf5Encoder, PartTarget):
    """One dataset that is being written through HDF5."""

    def __init__(self, writer: Hdf5Writer, member: str, spec: ArraySpec, storage: Storage) -> None:
        super().__init__(spec, storage)
        self._writer, self._member = writer, member

    @property
    def ordered(self) -> bool:
        """HDF5 finds places for chunks in the order in which they come."""
        return True

    def encode(
        self, box: Box, block: np.ndarray | None, ready: ReadyChunks | None = None
    ) -> list[Item]:
        """The chunks of a block."""
        return self.items(box, block, ready)

    def place(self, encoded: list[Item]) -> list[Placed]:
        """Have HDF5 find places for chunks, and write what only it can encode."""
        placed: list[Placed] = []
        with deferred_signals(), _pool.use(self._writer) as (staged, file):
            if staged.last is None or staged.last[0] != self._member:
                staged.last = self._member, file[self._member]
            dataset = staged.last[1]
            for box, data, skipped in encoded:
                if skipped is None:
                    self._write(dataset, box, data)
                    continue
                start, is_stored = box.start[: self._rank], isinstance(data, Stored)
                memory = room_for(data.nbytes) if is_stored else data
                at = staged.place_chunk(dataset, start, memory, skipped)
                if at is not None:
                    placed.append((data, at))
                elif is_stored:
                    dataset.id.write_direct_chunk(start, read_stored(data), skipped)
            _raise_kept(staged)
        return placed

    def store(self, placed: list[Placed]) -> None:
        """Write chunks to their places; threads may come in any order."""
        if placed:
            with _pool.use(self._writer) as (staged, _):
                with staged.writing:
                    write_placed(placed, staged.fd)
                    complete = staged.note_written(placed)
                if self.is_durable:
                    start_writing(staged.fd, complete.start, len(complete))

    def take_part(self, box: Box, folder: str) -> None:
        """Store the chunks that a task of another process has encoded."""
        from concatsplit_core.formats.hdf5.parts import part_path, read_part

        self.store(self.place(read_part(part_path(folder, box), self.spec.dtype)))

    def _write(self, dataset: Any, box: Box, data: np.ndarray) -> None:
        """Let HDF5 encode a block, without converting items that can be written as they are."""
        # not numpy.strings.find: until NumPy 2.3 it finds a NUL in every text
        if self.spec.is_string and any("\0" in text for text in data.flat):
            raise UnsupportedDtype(
                "a text holds a NUL, which ends a text of any length in HDF5; write to .zarr"
            )
        if not self._as_stored:
            dataset[box.slices[: self._rank]] = _seen_as(data, dataset)
            return
        space = dataset.id.get_space()
        if data.ndim:
            space.select_hyperslab(box.start, data.shape)
        memory = h5py.h5s.create_simple(data.shape) if data.ndim else h5py.h5s.ALL
        dataset.id.write(memory, space, np.ascontiguousarray(data), dataset.id.get_type())


def _seen_as(data: np.ndarray, dataset: Any) -> np.ndarray:
    """An array in the dtype of a dataset: to HDF5, text of another encoding is of another type."""
    if data.dtype.kind in "mM":
        return data.astype(stored_dtype(data.dtype))
    same = data.dtype == dataset.dtype and data.dtype.kind != "T"
    return data.view(dataset.dtype) if same and not data.dtype.hasobject else data


def _copy(base: Path, path: Path) -> None:
    """Copy a container to be added to; XFS and btrfs let the copy share its blocks."""
    try:
        file = h5py.File(base, "r")
        with suppress(RuntimeError):  # nothing is lost if closing fails
            file.close()
    except BlockingIOError:
        raise OutputRefused(
            f"{base}: locked: another program is writing it; close it there", ref=str(base)
        ) from None
    except OSError as error:
        if error.errno:
            raise
        raise OutputRefused(
            f"{base}: is not an HDF5 file to which something can be added: {error}", ref=str(base)
        ) from error
    with base.open("rb") as here, path.open("wb") as there:
        size = os.fstat(here.fileno()).st_size
        copy_range(here.fileno(), 0, there.fileno(), 0, size, str(base))
        if size != os.fstat(here.fileno()).st_size:
            raise IOFailure(f"{base}: changed while it was copied", ref=str(base))
