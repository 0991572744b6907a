"""Zarr arrays of types that NumPy lacks, such as bfloat16: TensorStore writes and reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from conformance.second import by_tensorstore, write_with_tensorstore

import concatsplit_core as cs

FLOATS = {
    # data type, and the name of the type in every other format
    "bfloat16": "BF16",
    "float8_e3m4": "F8_E3M4",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e4m3b11fnuz": "F8_E4M3B11FNUZ",
    "float8_e5m2": "F8_E5M2",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float8_e8m0fnu": "F8_E8M0",
    "float4_e2m1fn": "F4_E2M1",
}
INTS = {"int4": "INT4", "int2": "INT2"}
TYPES = FLOATS | INTS
LACKED = {"uint4": "UINT4", "uint2": "UINT2"}
"""Those of zarr-extensions that TensorStore does not have."""
IN_SAFETENSORS = [
    name for name, kind in TYPES.items() if kind == "BF16" or (kind[:3] == "F8_" and
    kind not in {"F8_E3M4", "F8_E4M3B11FNUZ"})
]  # fmt: skip

_LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
_ZSTD = {"name": "zstd", "configuration": {"level": 3}}
_BLOSC = {"name": "blosc", "configuration": {"cname": "lz4", "clevel": 5, "shuffle": "shuffle"}}
_SHARDS = {
    "chunk_shape": [2, 3],
    "codecs": [_LITTLE, _ZSTD],
    "index_codecs": [_LITTLE, {"name": "crc32c"}],
}
LAYOUTS: dict[str, tuple[int, dict[str, Any]]] = {
    "plain": (3, {"codecs": [_LITTLE]}),
    "zstd": (3, {"codecs": [_LITTLE, _ZSTD]}),
    "blosc": (3, {"codecs": [_LITTLE, _BLOSC, {"name": "crc32c"}]}),
    "transposed": (
        3,
        {"codecs": [{"name": "transpose", "configuration": {"order": [1, 0]}}, _LITTLE]},
    ),
    "sharded": (3, {"codecs": [{"name": "sharding_indexed", "configuration": _SHARDS}]}),
    "v2": (2, {"compressor": None}),
    "v2 blosc": (2, {"compressor": {"id": "blosc", "cname": "zstd", "clevel": 3, "shuffle": -1}}),
    "v2 F": (2, {"compressor": {"id": "zlib", "level": 1}, "order": "F"}),
}


def numbers(name: str, shape: tuple[int, ...] = (8, 6)) -> np.ndarray:
    """Every kind of bits that a type has, NaNs too, from the front and over again."""
    dtype = np.dtype(getattr(ml_dtypes, name))
    count = np.prod(shape)
    if dtype.itemsize == 2:
        bits = np.resize(np.array([0, 0x8000, 0x3F80, 0x7F80, 0x7FC1, 0xFF80, 1], "<u2"), count)
        return (bits + np.arange(count, dtype="u2")).astype("<u2").view(dtype).reshape(shape)
    bits = (np.arange(count) * 37 % 256).astype("u1").view(dtype)
    return (bits if name.startswith("float8") else bits.astype("f4").astype(dtype)).reshape(shape)


def bits_of(array: np.ndarray) -> bytes:
    """Bits of the elements, without those of a byte that readers ignore."""
    kind = array.dtype.name
    if array.dtype.names is None and kind in {*INTS, *LACKED}:
        return array.astype("i1").tobytes()
    return array.tobytes()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "int4"])
def test_arrays_of_tensorstore_are_joined_and_cut(tmp_path: Path, name: str, layout: str) -> None:
    zarr_format, settings = LAYOUTS[layout]
    array = numbers(name)
    refs = [str(tmp_path / f"{each}.zarr") for each in "ab"]
    for ref in refs:
        write_with_tensorstore(ref, array, name, (4, 6), zarr_format, settings)
    blob = cs.info(refs[0])[0]
    assert (blob.dtype, blob.nbytes) == (TYPES[name], array.nbytes)
    out = str(tmp_path / "y.zarr")
    result = cs.concat(refs, out)
    assert result.plan.routes == {"encoded": 2 * array.nbytes}, (
        "chunks are copied as they are stored"
    )
    assert bits_of(by_tensorstore(out)) == bits_of(np.concatenate([array, array]))
    assert result.notes == ()
    before = json.loads(Path(refs[0], blob_document(zarr_format)).read_text())
    after = json.loads(Path(out, blob_document(zarr_format)).read_text())
    key = "data_type" if zarr_format == 3 else "dtype"
    assert (after[key], after["fill_value"]) == (name, before["fill_value"])
    cs.concat(refs, out, axis=1, force=True)
    assert bits_of(by_tensorstore(out)) == bits_of(np.concatenate([array, array], 1))
    assert bits_of(cs.fetch(out)) == bits_of(np.concatenate([array, array], 1))
    cs.split(out, [str(tmp_path / "0.zarr"), str(tmp_path / "1.zarr")], axis=0, at=[3])
    for number, part in enumerate(np.split(np.concatenate([array, array], 1), [3])):
        assert bits_of(by_tensorstore(str(tmp_path / f"{number}.zarr"))) == bits_of(part)


def blob_document(zarr_format: int) -> str:
    """The file that says what an array is."""
    return "zarr.json" if zarr_format == 3 else ".zarray"


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("name", TYPES)
def test_every_type_is_read_and_written(tmp_path: Path, name: str, zarr_format: int) -> None:
    array, ref = numbers(name), str(tmp_path / "a.zarr")
    write_with_tensorstore(ref, array, name, (3, 4), zarr_format)
    assert cs.info(ref)[0].dtype == TYPES[name]
    assert bits_of(cs.fetch(ref)) == bits_of(array)
    view = cs.open([ref])
    assert view.dtype == array.dtype
    assert bits_of(view[2:5, ::2]) == bits_of(array[2:5, ::2])
    single = array.astype("f4")
    assert cs.diff(ref, single, rtol=1e-9).equal
    stats = cs.info(ref, stats=True)[0].stats
    assert stats is not None
    assert stats.max == np.nanmax(np.where(np.isfinite(single), single, np.nan)) or np.isinf(
        stats.max
    )
    there, back = str(tmp_path / "there.npy"), str(tmp_path / "back.zarr")
    cs.concat([ref], there)
    assert np.load(there).dtype == [(TYPES[name], f"V{array.itemsize}")]
    cs.concat([there], back, zarr_format=zarr_format, chunks=(4, 4))
    assert bits_of(by_tensorstore(back)) == bits_of(array)
    cs.concat([array], back, zarr_format=zarr_format, shards=None, force=True)
    assert bits_of(by_tensorstore(back)) == bits_of(array)
    cs.concat([np.nan_to_num(single)], back, dtype=name, zarr_format=zarr_format, force=True)
    wanted = np.nan_to_num(single).astype(array.dtype)
    assert bits_of(by_tensorstore(back)) == bits_of(wanted)
