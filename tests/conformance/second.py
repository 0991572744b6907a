"""TensorStore as a second reader of Zarr arrays, of all that it supports."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tensorstore
from conformance.arrays import assert_same

_DTYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
_DTYPES += ["float16", "float32", "float64", "complex64", "complex128"]
_CODECS = {"bytes", "transpose", "gzip", "blosc", "zstd", "crc32c"}
_COMPRESSORS = {"blosc", "zlib", "bz2", "zstd"}


def check_with_tensorstore(ref: str, array: np.ndarray, box: Any = ...) -> None:
    """Compare what TensorStore reads, all or a box, with what zarr-python read."""
    path, _, member = ref.partition("::")
    folder = Path(path, member)
    form = 3 if (folder / "zarr.json").exists() else 2
    if form == 3:
        document = json.loads((folder / "zarr.json").read_bytes())
        supported = _supports_v3(document)
    else:
        supported = _supports_v2(json.loads((folder / ".zarray").read_bytes()))
    if supported:
        spec = {
            "driver": "zarr3" if form == 3 else "zarr",
            "kvstore": f"file://{folder.resolve()}/",
        }
        found = tensorstore.open(spec, open=True, context=_context()).result()[box].read().result()
        assert_same(np.asarray(found), array[box])


@cache
def _context() -> tensorstore.Context:
    """No cache: files of one name are written anew."""
    return tensorstore.Context({"cache_pool": {"total_bytes_limit": 0}})


def _supports_v3(document: dict[str, Any]) -> bool:
    regular = document["chunk_grid"]["name"] == "regular"
    return regular and document["data_type"] in _DTYPES and all(map(_codec, document["codecs"]))


def _codec(codec: dict[str, Any]) -> bool:
    if codec["name"] != "sharding_indexed":
        return codec["name"] in _CODECS
    return all(map(_codec, codec["configuration"]["codecs"]))


def _supports_v2(document: dict[str, Any]) -> bool:
    dtype, compressor = document["dtype"], document["compressor"]
    plain = isinstance(dtype, str) and np.dtype(dtype).kind in "biufc" and not document["filters"]
    known = compressor is None or compressor["id"] in _COMPRESSORS
    settings = compressor or {}
    return bool(plain and known and settings.get("shuffle") != -1 and not settings.get("checksum"))
