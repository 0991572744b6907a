"""The metadata document of a plain Zarr format 3 array.

Importing zarr-python takes 0.25 s, as long as copying 500 MiB of chunks. So documents of arrays
of numbers with well-known codecs are read and written here, in the same way; zarr-python reads and
writes all others. The tests compare both.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.codecs.chunks import can_encode
from concatsplit_core.codecs.pipeline import Codec
from concatsplit_core.formats.storage import Storage
from concatsplit_core.formats.zarr import codecs, grids
from concatsplit_core.formats.zarr.dialect import MeaningAsWritten
from concatsplit_core.formats.zarr.elements import are_lengths, fill_as_json, fill_from_json
from concatsplit_core.formats.zarr.facts import SPELLINGS, ChunkKeys, Facts
from concatsplit_core.formats.zarr.forms import ChunkForm, ShardForm
from concatsplit_core.stores.base import Location

NAME = "zarr.json"

_KEYS = {
    "shape", "data_type", "chunk_grid", "chunk_key_encoding", "fill_value", "codecs",
    "attributes", "dimension_names", "zarr_format", "node_type", "storage_transformers",
}  # fmt: skip
_CODES = "? i1 <i2 <i4 <i8 u1 <u2 <u4 <u8 <f2 <f4 <f8 <c8 <c16"
_DTYPES = {np.dtype(code).name: np.dtype(code) for code in _CODES.split()}
_INDEX_CODECS = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]


def facts_of(document: dict[str, Any]) -> Facts | None:
    """What a document of checked types says; None if zarr-python has to read it."""
    try:
        return _facts(document)
    except (LookupError, TypeError, ValueError, OverflowError):
        return None


def create(
    folder: Location, spec: ArraySpec, storage: Storage, wanted: MeaningAsWritten
) -> Facts | None:
    """Write the document of a new array; None, without writing, if zarr-python has to."""
    name = _name_of(spec.dtype, storage)
    if name is None or spec.chunks is None:
        return None
    document: dict[str, Any] = {
        "shape": list(spec.shape),
        "data_type": name,
        "chunk_grid": grids.written(spec.shards or spec.chunks, storage.grid),
        "chunk_key_encoding": _key_encoding(storage),
        "fill_value": fill_as_json(wanted.fill_value, spec.dtype, 3),
        "codecs": _chain(spec, storage),
        "attributes": wanted.attrs,
    }
    if wanted.dims:
        document["dimension_names"] = list(wanted.dims)
    document |= {"zarr_format": 3, "node_type": "array", "storage_transformers": []}
    try:
        facts = _facts(document)
        if facts is None or not can_encode(_inner(facts.form).steps):
            return None
    except (LookupError, TypeError, ValueError):  # only zarr-python knows the codecs
        return None
    (folder / NAME).write(json.dumps(document, indent=2, allow_nan=False).encode())
    return facts


def _name_of(dtype: np.dtype, storage: Storage) -> str | None:
    """The name of a data type that is written here."""
    if dtype.names is None:
        return next((name for name, known in _DTYPES.items() if known == dtype), None)
    from concatsplit_core.formats.zarr import low_precision

    return low_precision.data_type_of(dtype) if low_precision.is_own(dtype, storage) else None


def _dtype_of(name: Any) -> np.dtype | None:
    """The dtype of a data type that is read here."""
    found = _DTYPES.get(name) if isinstance(name, str) else None
    if found is not None:
        return found
    from concatsplit_core.formats.zarr import low_precision

    return low_precision.dtype_of(name)


def _inner(form: ChunkForm | ShardForm | None) -> ChunkForm:
    """The form of chunks, in shards or not."""
    inner = form.inner if isinstance(form, ShardForm) else form
    if inner is None:
        raise ValueError("a codec is unknown")
    return inner


def _named(name: str, **configuration: Any) -> dict[str, Any]:
    return {"name": name, "configuration": configuration}


def _key_encoding(storage: Storage) -> dict[str, Any]:
    """How chunk keys are spelled: as the inputs spell theirs, if they are of format 3 too."""
    name, separator = storage.key_encoding or ("default", "/")
    return (
        _named("default", separator="/") if name == "zarr2" else _named(name, separator=separator)
    )


def _chain(spec: ArraySpec, storage: Storage) -> list[dict[str, Any]]:
    """The codecs of an array: its inputs' own settings if they were kept, else neutral ones."""
    if storage.native is not None:
        own = storage.native[1]
        chain = [*own["filters"], *own["serializer"], *own["compressors"]]
    else:
        plain = {"name": "bytes"} if spec.dtype.itemsize == 1 else _named("bytes", endian="little")
        chain = [plain, *codecs.as_v3(storage.codec or Codec(), spec.dtype.itemsize)]
    if spec.shards is None:
        return chain
    chunks = list(spec.chunks or ())
    sharding = {"chunk_shape": chunks, "codecs": chain, "index_codecs": _INDEX_CODECS}
    return [_named("sharding_indexed", **sharding, index_location="end")]


def _facts(document: dict[str, Any]) -> Facts | None:
    shape, grid = tuple(document["shape"]), document["chunk_grid"]
    dtype = _dtype_of(document["data_type"])
    plain = (
        set(document) <= _KEYS
        and not document.get("storage_transformers")
        and (document["zarr_format"], document["node_type"]) == (3, "array")
    )
    if not plain or dtype is None:
        return None
    unit = grids.unit_of(grid, shape)
    is_regular = grid["name"] == "regular"
    if not is_regular and dtype.names is not None:  # only zarr-python could read its chunks
        return None
    chain, chunks, shards = list(document["codecs"]), unit, None
    if chain[0]["name"] == "sharding_indexed":
        if not is_regular:
            return None
        settings = chain[0]["configuration"]
        chunks, shards = tuple(settings["chunk_shape"]), unit
    names = document.get("dimension_names")
    form = codecs.form_v3(list(chain), dtype, len(shape))
    sound = (
        are_lengths(shape, 0)
        and are_lengths(chunks, 1)
        and are_lengths(unit, 1)
        and len(shape) == len(unit) == len(chunks)
        and not any(u % c for u, c in zip(unit, chunks, strict=True))
        and sorted(_inner(form).permutation) == list(range(len(shape)))
        and (names is None or len(names) == len(shape))
        and isinstance(document.get("attributes", {}), dict)
    )
    if not sound:
        return None
    groups = _groups(settings["codecs"] if shards is not None else chain, dtype)
    return Facts(
        3,
        shape,
        dtype,
        chunks if is_regular else None,
        shards,
        fill_from_json(document["fill_value"], dtype, 3),
        document.get("attributes", {}),
        tuple(names) if names else None,
        form,
        codecs.neutral_v3(groups["compressors"]),
        ("zarr3", groups),
        _keys(document["chunk_key_encoding"]),
        spelling(document["chunk_key_encoding"]),
    )


def _groups(chain: list[dict[str, Any]], dtype: np.dtype) -> dict[str, list[dict[str, Any]]]:
    """The codecs before, at and after the one that turns arrays into bytes."""
    at = next(i for i, codec in enumerate(chain) if codec["name"] == "bytes")
    if dtype.itemsize > 1 and chain[at]["configuration"]["endian"] not in {"little", "big"}:
        raise ValueError("no byte order")
    return {"filters": chain[:at], "serializer": [chain[at]], "compressors": chain[at + 1 :]}


def spelling(encoding: dict[str, Any]) -> tuple[str, str]:
    """The name of a key encoding of format 3, and its separator."""
    name = encoding["name"]
    usual = "." if name == "v2" else "/"
    return name, (encoding.get("configuration") or {}).get("separator", usual)


def _keys(encoding: dict[str, Any] | str) -> ChunkKeys:
    if isinstance(encoding, str):
        raise TypeError("zarr-python reads a bare name")
    name, separator = spelling(encoding)
    if name not in SPELLINGS or separator not in {"/", "."}:
        raise ValueError("no such spelling")
    return ChunkKeys(name, separator)
