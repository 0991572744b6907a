"""Writing Zarr: chunks of known codecs, and those that move as they are stored."""

from __future__ import annotations

import dataclasses
import os
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np

from concatsplit_core.array.geometry import Box, Shape, with_length
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.codecs.checksums import bare, in_frames
from concatsplit_core.codecs.chunks import can_encode, encode_in_parts
from concatsplit_core.codecs.pipeline import Codec
from concatsplit_core.errors import UsageError
from concatsplit_core.formats.base import Extent, Moved, Storage
from concatsplit_core.formats.grid import chunks_of, is_fill, padded
from concatsplit_core.formats.stored import Stored, copy_stored
from concatsplit_core.formats.zarr import document
from concatsplit_core.formats.zarr.codecs import ChunkForm, ShardForm
from concatsplit_core.formats.zarr.dialect import absent, said
from concatsplit_core.formats.zarr.document import Facts
from concatsplit_core.formats.zarr.shards import assemble
from concatsplit_core.stores.files import write_all


class ZarrWriter:
    """One staged folder: an array, or a group of arrays."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.notes: list[str] = []

    def add(self, member: str, spec: ArraySpec, storage: Storage) -> ZarrTarget:
        """Create an array and the groups above it."""
        zarr_format = 2 if storage.dialect == "zarr2" else 3
        wanted = said(storage, spec.dtype, spec.shape, zarr_format)
        array: Any = None
        facts = None
        if not member and storage.dialect == "zarr3":
            facts = document.create(self._path, spec, storage, wanted)
        if facts is None:
            from concatsplit_core.formats.zarr import library

            array, facts = library.create_array(self._path, member, spec, storage, wanted)
        return ZarrTarget(array, facts, self._path / member, spec, storage)

    def finish(self) -> None:
        """All files of the folder are complete already."""

    def abort(self) -> None:
        """Nothing is held open."""


_File = tuple[str | Box, Any]
"""A file's path and its parts, or a box and the array in it for zarr-python to encode."""


class ZarrTarget:
    """One array that is being written."""

    ordered = False
    takes_skipped = False
    extent: Extent | None = None

    def __init__(
        self, array: Any, facts: Facts, folder: Path, spec: ArraySpec, storage: Storage
    ) -> None:
        self.spec = spec
        self._array, self._key, self._folder, self._grid = array, facts.key, folder, storage.grid
        self._first_element = self._first_chunk = (0,) * spec.ndim
        self._form = _with_frames(facts.form, storage.codec)
        inner = self._form.inner if isinstance(self._form, ShardForm) else self._form
        self._encodes = inner is not None and can_encode(inner.steps)
        self.fill = (
            None if spec.is_string else np.asarray(absent(facts.fill_value, spec.dtype), spec.dtype)
        )

    def encode(self, box: Box, block: np.ndarray | None, moved: Moved | None = None) -> list[_File]:
        """Files and their parts; absent where a whole chunk or shard is the fill value."""
        if not self._encodes or self.fill is None:
            return self._for_zarr(box, block, moved or {})
        files: list[_File] = []
        for index, unit in chunks_of(box, self.spec.write_unit or (), self.spec.shape):
            part = None if block is None else block[unit.within(box)]
            parts = self._unit(unit, part, moved or {})
            if parts:
                files.append((self._path(index), parts))
        return files

    def part(self, spec: ArraySpec, element: int, chunk: int) -> ZarrTarget:
        """Another target for a region of the same array."""
        if self._grid is None:
            raise AssertionError("its grid is regular")
        other = copy(self)
        other.spec = spec
        other._first_element = with_length(other._first_element, self._grid.axis, element)
        other._first_chunk = with_length(other._first_chunk, self._grid.axis, chunk)
        return other

    def _path(self, index: Shape) -> str:
        if self._grid is not None:
            index = tuple(i + first for i, first in zip(index, self._first_chunk, strict=True))
        return f"{self._folder}/{self._key(index)}"

    def _for_zarr(self, box: Box, block: np.ndarray | None, moved: Moved) -> list[_File]:
        """What moves, and the block or decoded chunks that zarr-python has to encode."""
        if block is not None:
            return [(box, block)]
        files: list[_File] = []
        for index, unit in chunks_of(box, self.spec.write_unit or (), self.spec.shape):
            found = moved.get(unit.start)
            if isinstance(found, Stored):
                files.append((self._path(index), [found]))
            elif found is not None:
                files.append((unit, found))
        return files

    def _unit(self, unit: Box, part: np.ndarray | None, moved: Moved) -> list[Any]:
        """The parts of one file, a chunk's or a shard's; none where it is to be absent."""
        found = moved.get(unit.start, part)
        if isinstance(found, Stored) and (found.shard or self.spec.shards is None):
            return [found]
        if isinstance(self._form, ShardForm):
            whole = moved.get(unit.start)
            if isinstance(whole, np.ndarray) and whole.shape == unit.shape:
                return self._shard(unit, whole, {}, self._form)
            return self._shard(unit, part, moved, self._form)
        return self._coded(found)

    def _coded(self, chunk: Stored | np.ndarray | None) -> list[Any]:
        """The parts of a chunk as it is to be stored; none where it is to be absent."""
        if chunk is None or isinstance(chunk, Stored):
            return [] if chunk is None else [chunk]
        form = self._form.inner if isinstance(self._form, ShardForm) else self._form
        if form is None or self.fill is None:
            raise AssertionError("zarr-python encodes it")
        chunk = np.asarray(chunk, order="C")
        if is_fill(chunk, self.fill):
            return []
        raw = form.to_bytes(padded(chunk, self.spec.chunks or (), self.fill[()]))
        return encode_in_parts(raw, form.steps, form.dtype.itemsize)

    def _shard(
        self, unit: Box, part: np.ndarray | None, moved: Moved, form: ShardForm
    ) -> list[Any]:
        chunks, shards = self.spec.chunks or (), self.spec.shards or ()
        found = {}
        for _, chunk in chunks_of(unit, chunks, self.spec.shape):
            within = chunk.within(unit)
            coded = self._coded(moved.get(chunk.start, None if part is None else part[within]))
            if coded:
                found[tuple(w.start // c for w, c in zip(within, chunks, strict=True))] = coded
        inner = tuple(s // c for s, c in zip(shards, chunks, strict=True))
        return assemble(found, inner, form) if found else []

    def store(self, encoded: list[_File]) -> None:
        """Write the files."""
        for place, content in encoded:
            if isinstance(place, Box):
                self._through_zarr(place, content)
            else:
                _write_file(place, content)

    def _through_zarr(self, box: Box, block: np.ndarray) -> None:
        try:
            self._array[box.offset(self._first_element).slices] = block
        except OSError:
            raise
        except Exception as error:  # any codec may raise anything for values that it cannot encode
            raise UsageError(
                f"the codecs taken over from the input cannot encode the output: {error}; "
                "give a --codec"
            ) from error


def _with_frames(form: Any, codec: Codec | None) -> Any:
    """The form of chunks with checksums in zstd's frames, which metadata of format 2 cannot say."""
    if codec is None or codec == bare(codec) or not isinstance(form, ChunkForm):
        return form
    return dataclasses.replace(form, steps=in_frames(Codec(form.steps)).steps)


def _write_file(path: str, parts: list[Any]) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        fd = os.open(path, flags, 0o666)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        fd = os.open(path, flags, 0o666)
    try:
        at = 0
        for part in parts:
            if isinstance(part, Stored):
                copy_stored(part, fd, at)
                at += part.nbytes
            else:
                write_all(fd, part, at)
                at += memoryview(part).nbytes
    finally:
        os.close(fd)
