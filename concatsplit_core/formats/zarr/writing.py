"""Writing Zarr: zarr-python writes the metadata, chunks of known codecs are written here."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from copy import copy
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr

from concatsplit_core.codecs.chunks import can_encode, encode
from concatsplit_core.files import write_all
from concatsplit_core.formats.base import Extent, Moved, Storage, Stored, copy_stored
from concatsplit_core.formats.grid import chunks_of, is_fill, padded
from concatsplit_core.formats.zarr import codecs
from concatsplit_core.formats.zarr.codecs import ChunkForm, ShardForm
from concatsplit_core.formats.zarr.shards import assemble
from concatsplit_core.geometry import Box, Shape, replace
from concatsplit_core.spec import ArraySpec


class ZarrWriter:
    """One staged folder: an array, or a group of arrays."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, member: str, spec: ArraySpec, storage: Storage) -> ZarrTarget:
        """Create an array and the groups above it."""
        form: Literal[2, 3] = 2 if storage.dialect == "zarr2" else 3
        with codecs.quiet():
            if member and not self._path.exists():
                zarr.create_group(store=str(self._path), zarr_format=form)
            array = zarr.create_array(
                store=str(self._path),
                name=member or None,
                shape=spec.shape,
                dtype=spec.dtype,
                chunks=_chunks(spec, storage),
                shards=spec.shards,
                fill_value=_fill(storage, spec),
                zarr_format=form,
                attributes={k: attribute(v) for k, v in storage.attrs.items()},
                dimension_names=storage.dimension_names if form == 3 else None,
                config={"write_empty_chunks": True},
                **_codec_arguments(spec, storage, form),
            )
        return ZarrTarget(array, self._path / member, spec, storage)

    def finish(self) -> None:
        """All files of the folder are complete already."""

    def abort(self) -> None:
        """Nothing is held open."""


def _chunks(spec: ArraySpec, storage: Storage) -> Any:
    """Chunk lengths for zarr-python: one an axis, or all of an axis where they differ."""
    chunks: list[Any] = list(spec.chunks or ())
    if storage.grid is not None:
        chunks[storage.grid.axis] = list(storage.grid.lengths)
    return chunks


def _fill(storage: Storage, spec: ArraySpec) -> Any:
    if spec.is_string:
        return ""
    if storage.fill_value is None:
        return np.zeros((), spec.dtype)[()]
    return np.asarray(storage.fill_value).astype(spec.dtype)[()]


def _fill_as_read(folder: Path, dtype: np.dtype) -> np.ndarray:
    """The fill value as readers will have it: JSON keeps no payload of a NaN."""
    with codecs.quiet():
        value = zarr.open_array(store=str(folder), mode="r").fill_value
    return np.zeros((), dtype) if value is None else np.asarray(value, dtype)


def _codec_arguments(spec: ArraySpec, storage: Storage, zarr_format: int) -> dict[str, Any]:
    """Codecs for zarr-python: the inputs' own where they were kept, else the neutral ones."""
    from numcodecs import get_codec

    codec = storage.codec
    if zarr_format == 2:
        if storage.native is not None:
            own = storage.native[1]
            return {
                "order": own["order"],
                "filters": [get_codec(dict(f)) for f in own["filters"] or ()] or None,
                "compressors": own["compressor"] and get_codec(dict(own["compressor"])),
            }
        steps = [get_codec(config) for config in codecs.as_v2(codec)] if codec else []
        filters: Any = "auto" if spec.is_string else steps[:-1] or None
        return {"filters": filters, "compressors": steps[-1] if steps else None}
    if storage.native is not None:
        own = storage.native[1]
        return {
            "filters": own["filters"],
            "serializer": own["serializer"][0],
            "compressors": own["compressors"],
        }
    return {"compressors": codecs.as_v3(codec) if codec else None}


_File = tuple[str | Box, Any]
"""A file's path and its parts, or a box and the array in it for zarr-python to encode."""


class ZarrTarget:
    """One array that is being written."""

    ordered = False
    takes_skipped = False
    extent: Extent | None = None

    def __init__(self, array: Any, folder: Path, spec: ArraySpec, storage: Storage) -> None:
        self.spec = spec
        self._array, self._folder, self._grid = array, folder, storage.grid
        self._first_element = self._first_chunk = (0,) * spec.ndim
        with codecs.quiet():
            metadata = array.metadata.to_dict()
        form: ChunkForm | ShardForm | None
        if array.metadata.zarr_format == 2:
            form = codecs.form_v2(metadata, spec.dtype, spec.ndim)
        else:
            form = codecs.form_v3(list(metadata["codecs"]), spec.dtype, spec.ndim)
        inner = form.inner if isinstance(form, ShardForm) else form
        self._form = form
        self._encodes = inner is not None and can_encode(inner.steps)
        self.fill = None if spec.is_string else _fill_as_read(folder, spec.dtype)

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
        other._first_element = replace(other._first_element, self._grid.axis, element)
        other._first_chunk = replace(other._first_chunk, self._grid.axis, chunk)
        return other

    def _path(self, index: Shape) -> str:
        if self._grid is not None:
            index = tuple(i + first for i, first in zip(index, self._first_chunk, strict=True))
        return f"{self._folder}/{self._array.metadata.encode_chunk_key(index)}"

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
            return self._shard(unit, part, moved, self._form)
        coded = self._coded(found)
        return [] if coded is None else [coded]

    def _coded(self, chunk: Stored | np.ndarray | None) -> Any:
        """A chunk as it is to be stored; None where it is to be absent."""
        if chunk is None or isinstance(chunk, Stored):
            return chunk
        form = self._form.inner if isinstance(self._form, ShardForm) else self._form
        if form is None or self.fill is None:
            raise AssertionError("zarr-python encodes it")
        if is_fill(np.ascontiguousarray(chunk), self.fill):
            return None
        raw = form.to_bytes(padded(chunk, self.spec.chunks or (), self.fill[()]))
        return encode(raw, form.steps, form.dtype.itemsize)

    def _shard(
        self, unit: Box, part: np.ndarray | None, moved: Moved, form: ShardForm
    ) -> list[Any]:
        chunks, shards = self.spec.chunks or (), self.spec.shards or ()
        found = {}
        for _, chunk in chunks_of(unit, chunks, self.spec.shape):
            within = chunk.within(unit)
            coded = self._coded(moved.get(chunk.start, None if part is None else part[within]))
            if coded is not None:
                found[tuple(w.start // c for w, c in zip(within, chunks, strict=True))] = coded
        inner = tuple(s // c for s, c in zip(shards, chunks, strict=True))
        return assemble(found, inner, form) if found else []

    def store(self, encoded: list[_File]) -> None:
        """Write the files."""
        for place, content in encoded:
            if isinstance(place, Box):
                self._array[place.offset(self._first_element).slices] = content
            else:
                _write_file(place, content)


def consolidate_again(store: Path) -> None:
    """Consolidate the metadata of a store whose metadata were consolidated before."""
    document = store / "zarr.json"
    if document.exists():
        consolidated = bool(json.loads(document.read_bytes()).get("consolidated_metadata"))
    else:
        consolidated = (store / ".zmetadata").exists()
    if consolidated:
        with codecs.quiet():
            zarr.consolidate_metadata(str(store))


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


def attribute(value: Any) -> Any:
    """An attribute's value as JSON can hold it; what has no such form becomes text."""
    if isinstance(value, np.ndarray | np.generic):
        return attribute(value.tolist())
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, complex):
        return [value.real, value.imag]
    if isinstance(value, Mapping):
        return {str(k): attribute(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [attribute(v) for v in value]
    with suppress(TypeError, ValueError):
        json.dumps(value)
        return value
    return str(value)
