"""Leaves to zarr-python metadata that are not plain, and chunks of codecs unknown here."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import zarr
from zarr.abc.store import Store, SupportsGetSync
from zarr.storage import LocalStore

from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.storage import Storage
from concatsplit_core.formats.zarr import codecs
from concatsplit_core.formats.zarr.dialect import MeaningAsWritten
from concatsplit_core.formats.zarr.document_v3 import spelling
from concatsplit_core.formats.zarr.facts import SPELLINGS, ChunkKeys, Facts
from concatsplit_core.formats.zarr.forms import ChunkForm, ShardForm
from concatsplit_core.foundation.interrupts import BlockingLibraries
from concatsplit_core.stores.base import Location
from concatsplit_core.stores.local import local

BlockingLibraries.announce()  # before zarr-python starts a thread


@contextmanager
def quiet() -> Iterator[None]:
    """Hide zarr-python's warnings about dtypes and codecs that are not in the specification yet.

    Allow rectilinear grids, which are not in it either.
    """
    with warnings.catch_warnings(), zarr.config.set({"array.rectilinear_chunks": True}):
        warnings.simplefilter("ignore")
        yield


def zarr_store(place: Location, read_only: bool = False) -> Store:
    """The files below a location as a store of zarr-python."""
    path = place.path
    if path is not None:
        return LocalStore(path, read_only=read_only)
    from concatsplit_core.formats.zarr.bridge import Bridge

    return Bridge(place, read_only=read_only)


def open_by_library(folder: Location) -> Any:
    """Open the array in a folder, read-only."""
    with quiet():
        return zarr.open_array(store=zarr_store(folder, read_only=True), mode="r")


def open_created(folder: Location) -> Any:
    """Open an array that was created, to be written; chunks full of the fill value are stored."""
    with quiet():
        array = zarr.open_array(store=zarr_store(folder), mode="r+")
        return array.with_config({"write_empty_chunks": True})


def folder_of(array: Any) -> Location | None:
    """The folder of an open array; None where its store is not a folder."""
    store = array.store_path.store
    return local(store.root) / array.store_path.path if isinstance(store, LocalStore) else None


def facts_of(array: Any) -> Facts:
    """What the metadata of an open array say."""
    with quiet():
        metadata = array.metadata.to_dict()
    dtype, ndim = np.dtype(array.dtype), len(array.shape)
    form: ChunkForm | ShardForm | None
    native: tuple[str, Any]
    if array.metadata.zarr_format == 2:
        for key in ("filters", "compressor"):
            metadata[key] = _spelled(metadata[key], dtype.itemsize)
        form = codecs.form_v2(metadata, dtype, ndim)
        configs = [c for c in (*(metadata["filters"] or ()), metadata["compressor"]) if c]
        neutral = codecs.neutral_v2(configs)
        native = ("zarr2", {key: metadata[key] for key in ("order", "filters", "compressor")})
        regular = True
    else:
        form = codecs.form_v3(list(metadata["codecs"]), dtype, ndim)
        regular = metadata["chunk_grid"]["name"] == "regular"
        groups = (array.filters, (array.serializer,), array.compressors)
        parts = [[_as_json(dict(c.to_dict())) for c in group] for group in groups]
        neutral = codecs.neutral_v3(parts[2])
        native = ("zarr3", dict(zip(("filters", "serializer", "compressors"), parts, strict=True)))
    if array.metadata.zarr_format == 2:
        spelled = ("zarr2", str(metadata["dimension_separator"]))
    else:
        spelled = spelling(metadata["chunk_key_encoding"])
    return Facts(
        array.metadata.zarr_format,
        tuple(array.shape),
        dtype,
        tuple(array.chunks) if regular else None,
        tuple(array.shards) if regular and array.shards is not None else None,
        _fill_value(array, dtype),
        dict(array.attrs),
        None if array.metadata.zarr_format == 2 else array.metadata.dimension_names,
        form if regular or isinstance(form, ChunkForm) else None,
        neutral,
        native,
        ChunkKeys(*spelled) if spelled[0] in SPELLINGS else array.metadata.encode_chunk_key,
        spelled,
    )


def _spelled(found: Any, itemsize: int) -> Any:
    """A codec of format 2, or several, as readers want them spelled."""
    if isinstance(found, Mapping):
        return codecs.spelled_v2(dict(found), itemsize)
    return None if found is None else [_spelled(config, itemsize) for config in found]


def _as_json(value: Any) -> Any:
    """Settings of a codec as they are in a document, where a tuple is a list."""
    try:
        return json.loads(json.dumps(value))
    except TypeError:
        return value


def _fill_value(array: Any, dtype: np.dtype) -> Any:
    """The fill value; None for text, and where format 2 has none."""
    value = array.metadata.fill_value
    return None if value is None or dtype.kind == "T" else np.asarray(value, dtype)[()]


def gives_chunks(array: Any) -> bool:
    """Whether chunks can be read as stored, from a store that is not a folder.

    Other stores can only be read in zarr-python's own event loop.
    """
    return isinstance(array.store_path.store, SupportsGetSync)


def from_store(array: Any, key: str) -> bytes | None:
    """A chunk as it is stored in a store that is not a folder."""
    found = (array.store_path / key).get_sync()
    return None if found is None else found.to_bytes()


def create_array(
    place: Location, member: str, spec: ArraySpec, storage: Storage, wanted: MeaningAsWritten
) -> Facts:
    """Create an array and the groups above it, and read its metadata back.

    That gives the fill value that readers will see: in JSON a NaN loses its payload.
    """
    form: Literal[2, 3] = 2 if storage.dialect == "zarr2" else 3
    document = place / member / (".zarray" if form == 2 else "zarr.json")
    if document.kind:  # another process of the same run has created it
        return facts_of(open_by_library(place / member))
    with quiet():
        store = zarr_store(place)
        if member and not (place.kind and any(place.entries())):
            zarr.create_group(store=store, zarr_format=form)
        zarr.create_array(
            store=store,
            name=member or None,
            shape=spec.shape,
            dtype=spec.dtype,
            chunks=_chunks(spec, storage),
            shards=spec.shards,
            fill_value=wanted.fill_value,
            zarr_format=form,
            attributes=wanted.attrs,
            dimension_names=wanted.dims,
            chunk_key_encoding=_key_encoding(storage, form),
            **_codec_arguments(spec, storage, form),
        )
    return facts_of(open_by_library(place / member))


def _chunks(spec: ArraySpec, storage: Storage) -> Any:
    """Chunk lengths for zarr-python: one an axis, or all of an axis where they differ."""
    chunks: list[Any] = list(spec.chunks or ())
    if storage.grid is not None:
        chunks[storage.grid.axis] = list(storage.grid.lengths)
    return chunks


def _key_encoding(storage: Storage, zarr_format: int) -> Any:
    """How chunk keys are spelled: as in inputs of the same format, else None for the default."""
    name, separator = storage.key_encoding or ("", "")
    if not name or (name == "zarr2") != (zarr_format == 2):
        return None
    return {"name": "v2" if zarr_format == 2 else name, "separator": separator}


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
    return {"compressors": codecs.as_v3(codec, spec.dtype.itemsize) if codec else None}
