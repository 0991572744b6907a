"""Writing Zarr: zarr-python writes the metadata, chunks of known codecs are written here."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr

from concatsplit_core.codecs.chunks import can_encode, encode
from concatsplit_core.files import write_all
from concatsplit_core.formats.base import Extent, Storage
from concatsplit_core.formats.grid import chunks_of, is_fill, padded
from concatsplit_core.formats.zarr import codecs
from concatsplit_core.formats.zarr.codecs import ChunkForm, ShardForm
from concatsplit_core.formats.zarr.shards import assemble
from concatsplit_core.geometry import Box, Shape
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
                chunks=spec.chunks or (),
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


class ZarrTarget:
    """One array that is being written."""

    ordered = False
    extent: Extent | None = None

    def __init__(self, array: Any, folder: Path, spec: ArraySpec, storage: Storage) -> None:
        self.spec = spec
        self._array, self._folder = array, folder
        with codecs.quiet():
            metadata = array.metadata.to_dict()
        self._form: ChunkForm | ShardForm | None
        if array.metadata.zarr_format == 2:
            self._form = codecs.form_v2(metadata, spec.dtype, spec.ndim)
        else:
            self._form = codecs.form_v3(list(metadata["codecs"]), spec.dtype, spec.ndim)
        inner = self._form.inner if isinstance(self._form, ShardForm) else self._form
        if inner is None or not can_encode(inner.steps):
            self._form = None
        self._fill = None if spec.is_string else _fill_as_read(folder, spec.dtype)

    def encode(self, box: Box, block: np.ndarray) -> list[tuple[Any, Any]]:
        """Files and their parts; absent where a whole chunk or shard is the fill value."""
        if self._form is None or self._fill is None:
            return [(box, block)]
        unit, files = self.spec.write_unit or (), []
        for index, chunk in chunks_of(box, unit, self.spec.shape):
            part = block[chunk.within(box)]
            if is_fill(np.ascontiguousarray(part), self._fill):
                continue
            if isinstance(self._form, ShardForm):
                parts = self._shard(part, self._form)
            else:
                parts = [self._chunk(part, unit, self._form)]
            files.append((self._folder / self._array.metadata.encode_chunk_key(index), parts))
        return files

    def _chunk(self, part: np.ndarray, chunks: Shape, form: ChunkForm) -> Any:
        fill = self._fill[()] if self._fill is not None else None
        raw = form.to_bytes(padded(part, chunks, fill))
        return encode(raw, form.steps, form.dtype.itemsize)

    def _shard(self, part: np.ndarray, form: ShardForm) -> list[Any]:
        chunks, shards = self.spec.chunks or (), self.spec.shards or ()
        found = {}
        for index, chunk in chunks_of(Box.whole(part.shape), chunks, part.shape):
            piece = np.ascontiguousarray(part[chunk.slices])
            if self._fill is None or not is_fill(piece, self._fill):
                found[index] = self._chunk(piece, chunks, form.inner)
        inner = tuple(s // c for s, c in zip(shards, chunks, strict=True))
        return assemble(found, inner, form)

    def store(self, encoded: list[tuple[Any, Any]]) -> None:
        """Write the files."""
        for place, content in encoded:
            if isinstance(place, Box):
                self._array[place.slices] = content
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


def _write_file(path: Path, parts: list[Any]) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        fd = os.open(path, flags, 0o666)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, flags, 0o666)
    try:
        at = 0
        for part in parts:
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
