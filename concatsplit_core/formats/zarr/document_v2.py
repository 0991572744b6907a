"""The documents of a Zarr format 2 array, ``.zarray`` and ``.zattrs``, for numbers in any order.

As in format 3, zarr-python reads and writes all other arrays.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.codecs.chunks import can_encode
from concatsplit_core.codecs.pipeline import Codec
from concatsplit_core.formats.storage import Storage
from concatsplit_core.formats.zarr import codecs
from concatsplit_core.formats.zarr.dialect import MeaningAsWritten
from concatsplit_core.formats.zarr.elements import are_lengths, fill_as_json, fill_from_json
from concatsplit_core.formats.zarr.facts import ChunkKeys, Facts
from concatsplit_core.formats.zarr.forms import ChunkForm
from concatsplit_core.stores.base import Location

ARRAY, ATTRIBUTES = ".zarray", ".zattrs"

_KEYS = {
    "shape", "chunks", "dtype", "fill_value", "order", "filters", "dimension_separator",
    "compressor", "zarr_format",
}  # fmt: skip
_CODES = ("b1", "i1", "u1", "i2", "i4", "i8", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16")
_DTYPES = {np.dtype(mark + code).str: np.dtype(mark + code) for mark in "<>" for code in _CODES}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "zlib": {"level": 1},
    "gzip": {"level": 1},
    "zstd": {"level": 0, "checksum": False},
    "blosc": {"cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0},
    "lz4": {"acceleration": 1},
    "bz2": {"level": 1},
    "shuffle": {"elementsize": 4},
    "fletcher32": {},
    "crc32c": {},
}
"""Settings of numcodecs' codecs, with their default values."""


def facts_of(array: dict[str, Any], attrs: dict[str, Any]) -> Facts | None:
    """What documents of checked types say; None if zarr-python has to read them."""
    try:
        return _facts(array, attrs)
    except (LookupError, TypeError, ValueError, OverflowError):
        return None


def create(
    folder: Location, spec: ArraySpec, storage: Storage, wanted: MeaningAsWritten
) -> Facts | None:
    """Write the documents of a new array; None, without writing, if zarr-python has to."""
    dtype = _name_of(spec.dtype, storage)
    if dtype is None or spec.chunks is None or storage.grid is not None:
        return None
    name, separator = storage.key_encoding or ("", "")
    fill, own = wanted.fill_value, _codecs(storage)
    document = {
        "shape": list(spec.shape),
        "chunks": list(spec.chunks),
        "dtype": dtype,
        "fill_value": None if fill is None else fill_as_json(fill, spec.dtype, 2),
        "order": own["order"],
        "filters": own["filters"],
        "dimension_separator": separator if name == "zarr2" else ".",
        "compressor": own["compressor"],
        "zarr_format": 2,
    }
    facts = facts_of(document, wanted.attrs)
    if facts is None or not isinstance(facts.form, ChunkForm) or not can_encode(facts.form.steps):
        return None
    document |= facts.native[1]  # with all settings of the codecs
    for path, content in ((ARRAY, document), (ATTRIBUTES, wanted.attrs)):
        (folder / path).write(json.dumps(content, indent=2, allow_nan=False).encode())
    return facts


def _name_of(dtype: np.dtype, storage: Storage) -> str | None:
    """The name of a dtype that is written here."""
    if dtype.names is None:
        return dtype.str if dtype.str in _DTYPES else None
    from concatsplit_core.formats.zarr import low_precision

    return low_precision.data_type_of(dtype) if low_precision.is_own(dtype, storage) else None


def _dtype_of(name: str) -> np.dtype:
    """The dtype of a name that is read here."""
    if name in _DTYPES:
        return _DTYPES[name]
    from concatsplit_core.formats.zarr import low_precision

    found = low_precision.dtype_of(name)
    if found is None:
        raise LookupError(name)
    return found


def _codecs(storage: Storage) -> dict[str, Any]:
    """Order, filters and compressor: the inputs' own settings if they were kept."""
    if storage.native is not None:
        own: dict[str, Any] = storage.native[1]
        return own
    steps = codecs.as_v2(storage.codec or Codec())
    compressor = steps[-1] if steps else None
    return {"order": "C", "filters": steps[:-1] or None, "compressor": compressor}


def _facts(array: dict[str, Any], attrs: dict[str, Any]) -> Facts | None:
    shape, chunks = tuple(array["shape"]), tuple(array["chunks"])
    dtype, separator = _dtype_of(array["dtype"]), array.get("dimension_separator", ".")
    own = {
        "order": array["order"],
        "filters": [_spelled(c, dtype.itemsize) for c in array["filters"] or ()] or None,
        "compressor": array["compressor"] and _spelled(array["compressor"], dtype.itemsize),
    }
    sound = (
        set(array) <= _KEYS
        and array["zarr_format"] == 2
        and own["order"] in {"C", "F"}
        and are_lengths(shape, 0)
        and are_lengths(chunks, 1)
        and len(shape) == len(chunks)
        and separator in {"/", "."}
    )
    form = codecs.form_v2(own, dtype, len(shape))
    if not sound or form is None:
        return None
    fill = array["fill_value"]
    configs = [config for config in (*(own["filters"] or ()), own["compressor"]) if config]
    return Facts(
        2,
        shape,
        dtype,
        chunks,
        None,
        None if fill is None else fill_from_json(fill, dtype, 2),
        attrs,
        None,
        form,
        codecs.neutral_v2(configs),
        ("zarr2", own),
        ChunkKeys("zarr2", separator),
        ("zarr2", separator),
    )


def _spelled(config: dict[str, Any], itemsize: int) -> dict[str, Any]:
    """A codec with all its settings, as numcodecs gives them back."""
    defaults = _DEFAULTS[config["id"]]
    if set(config) - {"id", *defaults}:
        raise ValueError("an unknown setting")
    found = codecs.spelled_v2({"id": config["id"], **defaults, **config}, itemsize)
    if not found.get("checksum", True):  # which only newer versions of zstd's codec know
        del found["checksum"]
    return found
