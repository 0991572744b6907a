"""TensorStore as a second reader of Zarr arrays, of all that it supports."""

from __future__ import annotations

import json
from collections.abc import Mapping
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


def by_tensorstore(ref: str) -> np.ndarray:
    """An array of any data type of a store, or of one of format 3 in a zip archive."""
    path, _, member = ref.partition("::")
    is_v2 = Path(path, member, ".zarray").exists()
    spec = {"driver": "zarr" if is_v2 else "zarr3", "kvstore": _kvstore(path, member)}
    opened = tensorstore.open(spec, open=True, context=_context()).result()
    return np.asarray(opened.read().result())


def write_with_tensorstore(
    ref: str,
    array: np.ndarray,
    name: str,
    chunks: tuple[int, ...],
    zarr_format: int = 3,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """An array of any data type; chunks that are all fill value are absent."""
    path, _, member = ref.partition("::")
    metadata: dict[str, Any] = {"dtype": name, "chunks": chunks}
    if zarr_format == 3:
        grid = {"name": "regular", "configuration": {"chunk_shape": chunks}}
        metadata = {"data_type": name, "chunk_grid": grid}
    spec = {
        "driver": "zarr3" if zarr_format == 3 else "zarr",
        "kvstore": _kvstore(path, member),
        "metadata": {"shape": array.shape} | metadata | dict(settings or {}),
    }
    made = tensorstore.open(spec, create=True, context=_context()).result()
    made[...] = array


def _kvstore(path: str, member: str) -> dict[str, Any]:
    if path.endswith(".zip"):
        inside = f"{member}/" if member else ""
        return {"driver": "zip", "base": f"file://{Path(path).resolve()}", "path": inside}
    return {"driver": "file", "path": f"{Path(path, member).resolve()}/"}
