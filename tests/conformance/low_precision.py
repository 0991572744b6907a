"""Types that NumPy lacks, such as bfloat16, and numbers of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

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


def blob_document(zarr_format: int) -> str:
    """The file that says what an array is."""
    return "zarr.json" if zarr_format == 3 else ".zarray"


def change(ref: str, entries: dict[str, Any]) -> None:
    """Replace entries of the metadata."""
    path = next(Path(ref, name) for name in ("zarr.json", ".zarray") if Path(ref, name).exists())
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))
