"""Writes Zarr arrays: encodes chunks of known codecs here, and leaves others to zarr-python."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from concatsplit_core.array.geometry import Box, Shape
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.codecs.checksums import bare, in_frames
from concatsplit_core.codecs.chunks import can_encode, encode_in_parts
from concatsplit_core.codecs.pipeline import Codec
from concatsplit_core.formats.grid import chunks_of, is_fill, padded
from concatsplit_core.formats.storage import Storage
from concatsplit_core.formats.stored import Stored, copy_stored, read_stored
from concatsplit_core.formats.targets import (
    ChunkedTarget,
    DivisibleTarget,
    ReadyChunks,
    Writer,
)
from concatsplit_core.formats.zarr import document_v3
from concatsplit_core.formats.zarr.dialect import absent, meaning_as_written
from concatsplit_core.formats.zarr.facts import Facts
from concatsplit_core.formats.zarr.forms import ChunkForm, ShardForm
from concatsplit_core.formats.zarr.groups import create_groups
from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.foundation.records import NamedTuple, replace
from concatsplit_core.stores.base import Location, Store, join
from concatsplit_core.stores.durability import start_writing
from concatsplit_core.stores.files import close_file, write_all

if TYPE_CHECKING:
    from concatsplit_core.formats.structure import Structure


class ZarrWriter(Writer):
    """One staged folder: an array, or a group of arrays.

    Parameters
    ----------
    place : Location
    """

    def __init__(self, place: Location) -> None:
        super().__init__()
        self._place = place
        self._structure: Structure | None = None

    def add_groups(self, structure: Structure) -> None:
        """Keep the groups until all arrays are there: they get the arrays' Zarr format."""
        self._structure = structure

    def finish(self) -> None:
        """Make the groups, and list all metadata in the root where the inputs do."""
        if self._structure is None:
            return
        from concatsplit_core.formats.zarr.structure import write_structure

        self.notes += write_structure(self._place, self._structure)
        if self._structure.is_consolidated:
            from concatsplit_core.formats.zarr.consolidating import consolidate

            consolidate(self._place)

    def add(self, member: str, spec: ArraySpec, storage: Storage) -> ChunkedTarget | ZarrDivided:
        """Create an array and the groups above it."""
        zarr_format = 2 if storage.dialect == "zarr2" else 3
        wanted = meaning_as_written(storage, spec.dtype, spec.shape, zarr_format)
        create = document_v3.create
        if zarr_format == 2:
            from concatsplit_core.formats.zarr.document_v2 import create
        facts = create(self._place / member, spec, storage, wanted)
        if facts is not None:
            create_groups(self._place, member, zarr_format)
        else:
            from concatsplit_core.formats.zarr import library

            facts = library.create_array(self._place, member, spec, storage, wanted)
        made = _Made(facts, self._place / member, storage)
        if storage.grid is not None:
            return ZarrDivided(spec, made, storage.grid.axis)
        return _target(spec, made, Corner(0))


class _Made:
    """An array that has been created.

    Parameters
    ----------
    facts : Facts
        What its metadata say.
    folder : Location
    storage : Storage
    """

    def __init__(self, facts: Facts, folder: Location, storage: Storage) -> None:
        self.facts, self.folder, self.storage = facts, folder, storage
        self._array: Any = None

    @property
    def array(self) -> Any:
        """The array as zarr-python has it, opened when it is needed."""
        if self._array is None:
            from concatsplit_core.formats.zarr.library import open_created

            self._array = open_created(self.folder)
        return self._array

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_array": None}


class Corner(NamedTuple):
    """Where a region of an array starts, along one axis; the whole array starts at 0.

    Parameters
    ----------
    axis : int
    element, chunk : int
        Numbers of the first element and of the first chunk.
    """

    axis: int
    element: int = 0
    chunk: int = 0


class _ZarrTarget(ChunkedTarget):
    """An array that is being written, or a region of one, whose chunks are files."""

    def __init__(self, spec: ArraySpec, made: _Made, corner: Corner) -> None:
        super().__init__(spec)
        self._made, self._corner = made, corner
        (self._store, self._folder), self._key = made.folder, made.facts.key
        fill = made.facts.fill_value
        self._fill = None if spec.is_string else np.asarray(absent(fill, spec.dtype), spec.dtype)

    @property
    def fill(self) -> np.ndarray | None:
        """What readers see in a chunk that is not there; None for texts."""
        return self._fill

    def unit_paths(self, shards: bool) -> Callable[[Shape], str] | None:
        """The paths of chunks, or shards, in a folder."""
        inside = self.spec.shards is not None and not shards
        return self._key_of if self._store.has_paths and not inside else None

    def _key_of(self, index: Shape) -> str:
        axis, _, first = self._corner
        if first:
            index = (*index[:axis], index[axis] + first, *index[axis + 1 :])
        return join(self._folder, self._key(index))


_File = tuple[str, list[Any]]
"""The key of a file, and its parts."""


class ZarrTarget(_ZarrTarget):
    """An array whose chunks are encoded here."""

    def __init__(
        self,
        spec: ArraySpec,
        made: _Made,
        corner: Corner,
        form: ChunkForm | ShardForm,
        fill: np.ndarray,
    ) -> None:
        super().__init__(spec, made, corner)
        self._form, self._absent = form, fill
        self._inner = form.inner if isinstance(form, ShardForm) else form

    def encode(
        self, box: Box, block: np.ndarray | None, ready: ReadyChunks | None = None
    ) -> list[_File]:
        """Files and their parts; none for a chunk or shard that is all fill value."""
        files: list[_File] = []
        for index, unit in chunks_of(box, self.spec.write_unit or (), self.spec.shape):
            part = None if block is None else block[unit.within(box)]
            parts = self._unit(unit, part, ready or {})
            if parts:
                files.append((self._key_of(index), parts))
        return files

    def _unit(self, unit: Box, part: np.ndarray | None, ready: ReadyChunks) -> list[Any]:
        """The parts of the file of a chunk or shard; none if it stays absent."""
        found = ready.get(unit.start, part)
        if isinstance(found, Stored) and (found.shard or self.spec.shards is None):
            return [found]
        if isinstance(self._form, ShardForm):
            whole = ready.get(unit.start)
            if isinstance(whole, np.ndarray) and whole.shape == unit.shape:
                return self._shard(unit, whole, {}, self._form)
            return self._shard(unit, part, ready, self._form)
        return self._chunk(found)

    def _chunk(self, chunk: Stored | np.ndarray | None) -> list[Any]:
        """The parts of a chunk as it will be stored; none if it stays absent."""
        if chunk is None or isinstance(chunk, Stored):
            return [] if chunk is None else [chunk]
        chunk = np.asarray(chunk, order="C")
        if is_fill(chunk, self._absent):
            return []
        raw = self._inner.to_bytes(padded(chunk, self.spec.chunks or (), self._absent[()]))
        return encode_in_parts(raw, self._inner.steps, self._inner.dtype.itemsize)

    def _shard(
        self, unit: Box, part: np.ndarray | None, ready: ReadyChunks, form: ShardForm
    ) -> list[Any]:
        chunks, shards = self.spec.chunks or (), self.spec.shards or ()
        found = {}
        for _, chunk in chunks_of(unit, chunks, self.spec.shape):
            within = chunk.within(unit)
            parts = self._chunk(ready.get(chunk.start, None if part is None else part[within]))
            if parts:
                found[tuple(w.start // c for w, c in zip(within, chunks, strict=True))] = parts
        inner = tuple(s // c for s, c in zip(shards, chunks, strict=True))
        if not found:
            return []
        from concatsplit_core.formats.zarr.shards import assemble

        return assemble(found, inner, form)

    def store(self, encoded: list[_File]) -> None:
        """Write the files."""
        for key, parts in encoded:
            _write_file(self._store, key, parts, self.is_durable)


class LibraryTarget(_ZarrTarget):
    """An array whose chunks zarr-python encodes, unless they move as they are stored."""

    def encode(
        self, box: Box, block: np.ndarray | None, ready: ReadyChunks | None = None
    ) -> list[_File | tuple[Box, np.ndarray]]:
        """Files of chunks that move, and boxes that zarr-python has to encode."""
        if block is not None:
            return [(box, block)]
        found: list[_File | tuple[Box, np.ndarray]] = []
        for index, unit in chunks_of(box, self.spec.write_unit or (), self.spec.shape):
            chunk = (ready or {}).get(unit.start)
            if isinstance(chunk, Stored):
                found.append((self._key_of(index), [chunk]))
            elif chunk is not None:
                found.append((unit, chunk))
        return found

    def store(self, encoded: list[_File | tuple[Box, np.ndarray]]) -> None:
        """Write the files, and let zarr-python write the boxes."""
        for where, what in encoded:
            if isinstance(where, Box):
                self._encode(where, what)
            else:
                _write_file(self._store, where, list(what), self.is_durable)

    def _encode(self, box: Box, block: Any) -> None:
        axis, first, _ = self._corner
        whole = box.shift(axis, first) if first else box
        try:
            self._made.array[whole.slices] = block
        except OSError:
            raise
        except Exception as error:  # any codec may raise anything for values that it cannot encode
            raise UsageError(
                f"the codecs taken over from the input cannot encode the output: {error}; "
                "give a --codec"
            ) from error


class ZarrDivided(DivisibleTarget):
    """An array with a rectilinear grid, which is written region by region."""

    def __init__(self, spec: ArraySpec, made: _Made, axis: int) -> None:
        super().__init__(spec)
        self._made, self._axis = made, axis

    def region(self, spec: ArraySpec, element: int, chunk: int) -> ChunkedTarget:
        """A region, whose own grid is regular."""
        return _target(spec, self._made, Corner(self._axis, element, chunk))


def _target(spec: ArraySpec, made: _Made, corner: Corner) -> ChunkedTarget:
    """The target of an array or a region, which encodes it here where that can be done."""
    form = _with_frames(made.facts.form, made.storage.codec)
    inner = form.inner if isinstance(form, ShardForm) else form
    if form is None or inner is None or not can_encode(inner.steps) or spec.is_string:
        return LibraryTarget(spec, made, corner)
    fill = np.asarray(absent(made.facts.fill_value, spec.dtype), spec.dtype)
    return ZarrTarget(spec, made, corner, form, fill)


def _with_frames(
    form: ChunkForm | ShardForm | None, codec: Codec | None
) -> ChunkForm | ShardForm | None:
    """The form of chunks with checksums in zstd's frames, which metadata of format 2 cannot say."""
    if codec is None or codec == bare(codec) or not isinstance(form, ChunkForm):
        return form
    return replace(form, steps=in_frames(Codec(form.steps)).steps)


def _write_file(store: Store, key: str, parts: list[Any], is_durable: bool) -> None:
    """Write the file of a chunk or shard, over what may be there.

    Every time a task is done it writes the same bytes, so one that was killed can be done again.
    """
    fd = store.open_for_writing(key)
    if fd is None:
        store.write(key, [read_stored(p) if isinstance(p, Stored) else p for p in parts])
        return
    try:
        at = 0
        for part in parts:
            if isinstance(part, Stored):
                copy_stored(part, fd, at)
                at += part.nbytes
            else:
                write_all(fd, part, at)
                at += memoryview(part).nbytes
        if is_durable:
            start_writing(fd, 0, at)
    finally:
        close_file(fd)
