"""Zarr's data types that NumPy does not have, such as bfloat16, as TensorStore writes them.

zarr-python has none of them, so that all their metadata are read and written here. An element has
one or two bytes; of int4 and its kind, readers ignore the upper bits of the byte.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import copysign, isinf, isnan
from typing import Any

import numpy as np

from concatsplit_core.array.low_precision import (
    LowPrecision,
    as_raw_items,
    low_precision_named,
    low_precision_of,
    numbers_of,
)
from concatsplit_core.codecs.pipeline import Codec
from concatsplit_core.formats.storage import Storage
from concatsplit_core.formats.zarr import codecs
from concatsplit_core.formats.zarr.forms import ChunkForm
from concatsplit_core.foundation.errors import DtypeMismatch, UnsupportedDtype
from concatsplit_core.meaning.missing import words_to_numbers

_LACKED = {"uint4", "uint2"}
"""Those of zarr-extensions that TensorStore does not have."""
_RANGES = {"int4": (-8, 7), "int2": (-2, 1), "uint4": (0, 15), "uint2": (0, 3)}
_SCALE = "float8_e8m0fnu"
"""It has no zero, and TensorStore reads other numbers than those that zarr-extensions define."""
_AS_BYTES = "float4_e2m1fn"
"""TensorStore takes its fill value for base64 in format 2."""
_SHOWN, _MOST_SHOWN = 40, 400
"""Letters of a fill value, and of other metadata, that a message shows."""
_READ_V3 = {"gzip", "zstd", "blosc", "crc32c"}
_READ_V2 = {"gzip", "zlib", "zstd", "blosc", "bz2"}
"""Codecs that TensorStore has, in each format."""
_CODECS_V2 = ("filters", "compressor", "order", "chunks")
_HEX = re.compile("0x[0-9a-fA-F]{1,4}")


def dtype_of(name: Any) -> np.dtype | None:
    """The dtype of raw items for the name of a data type; None for all other data types."""
    if isinstance(name, dict) and set(name) <= {"name", "configuration"}:
        name = None if name.get("configuration") else name.get("name")
    if not isinstance(name, str) or not name.islower():
        return None
    dtype = low_precision_named(name)
    return dtype if dtype is not None and data_type_of(dtype) == name else None


def dtype_in(documents: Mapping[str, dict[str, Any]]) -> np.dtype | None:
    """The dtype of raw items of the array that these documents describe; else None."""
    document = documents.get("zarr.json", documents.get(".zarray", {}))
    return dtype_of(document.get("data_type", document.get("dtype")))


def data_type_of(dtype: np.dtype) -> str | None:
    """The name of the data type of raw items; None for all other dtypes, and packed elements."""
    found = low_precision_of(dtype)
    return None if found is None else found.ml_name or None


def is_own(dtype: np.dtype, storage: Storage) -> bool:
    """Whether an output has this data type, and not records that stand for it.

    An output has it if TensorStore can read it. Chunks of different lengths, and those of some
    codecs, are read by zarr-python alone, which has records only.
    """
    if data_type_of(dtype) is None or storage.grid is not None:
        return False
    zarr_format = 2 if storage.dialect == "zarr2" else 3
    if storage.native is None:
        return is_read(storage.codec or Codec(), zarr_format)
    own = storage.native[1]
    if zarr_format == 2:
        form = codecs.form_v2(own, dtype, 0)
    else:
        form = codecs.form_v3([*own["filters"], *own["serializer"], *own["compressors"]], dtype, 0)
    return isinstance(form, ChunkForm) and is_read(Codec(form.steps), zarr_format)


def note_of(low: LowPrecision, storage: Storage) -> str:
    """What readers of an output should know; empty if the inputs have the same data type."""
    if not is_own(low.dtype, storage):
        return (
            "TensorStore lacks the codec or the grid, so its elements are kept as raw items of a "
            f"field '{low.field}'; zstd, gzip and blosc keep the data type {low.ml_name}"
        )
    if storage.dialects and storage.dialects <= {"zarr2", "zarr3"}:
        return ""
    who = "zarr-python does not read" + ("" if low.ml_name in _LACKED else ", but TensorStore does")
    return f"the data type is {low.ml_name}, which {who}; --dtype float32 makes numbers for all"


def is_read(codec: Codec, zarr_format: int) -> bool:
    """Whether TensorStore reads chunks of a codec."""
    names = {step.name for step in codec.steps}
    return names <= _READ_V3 if zarr_format == 3 else names <= _READ_V2 and len(codec.steps) < 2


def fill_from_json(value: Any, dtype: np.dtype, zarr_format: int) -> Any:
    """A fill value from JSON, as an element; other numbers than 0 need ml_dtypes.

    Raises
    ------
    TypeError, ValueError, OverflowError
        The data type has no such value, or ml_dtypes is not installed.
    """
    low = _low(dtype)
    if low.ml_name in _RANGES:
        least, most = _RANGES[low.ml_name]
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"it is no whole number from {least} to {most}")
        return _element(value % 256, low)
    if zarr_format == 3 and isinstance(value, str) and _HEX.fullmatch(value):
        return _element(int(value, 16), low)
    wanted = words_to_numbers(value)
    if type(wanted) not in {int, float}:
        raise TypeError("it is no number")
    wanted = float(wanted)
    if wanted == 0 and copysign(1, wanted) > 0:
        return _element(0, low)
    if low.ml_name == _SCALE and not isnan(wanted):
        raise ValueError("programs differ on which bits that is")
    with np.errstate(all="ignore"):
        found = np.asarray(wanted).astype(numbers_of(dtype))
    if (isnan(wanted), isinf(wanted)) != (isnan(found), isinf(found)):
        raise ValueError("the data type has no such value")
    return as_raw_items(found)[()]


def fill_as_json(value: Any, dtype: np.dtype, zarr_format: int) -> Any:
    """A fill value in JSON: in format 3 its bits, unless it is 0.

    Raises
    ------
    UnsupportedDtype
        Format 2 cannot say it.
    DtypeMismatch
        It is a number in format 2, and ml_dtypes is not installed.
    """
    low = _low(dtype)
    bits = int.from_bytes(np.asarray(value, dtype).tobytes(), "little")
    if low.ml_name in _RANGES:
        least, most = _RANGES[low.ml_name]
        bits &= most - least
        return bits - 2 * (most + 1) if bits > most else bits
    odd = low.ml_name in {_SCALE, _AS_BYTES}
    if not bits and (zarr_format == 3 or not odd):
        return f"0x{bits:02x}" if low.ml_name == _SCALE else 0.0
    if zarr_format == 3:
        return f"0x{bits:0{2 * low.nbytes}x}"
    if not bits:
        return None
    found = float(np.asarray(value, dtype).view(numbers_of(dtype))[()])
    if odd and not isnan(found):
        raise UnsupportedDtype(
            f"fill value {found} of {low.ml_name} is not the same for all readers of Zarr format "
            "2; give --zarr-format 3"
        )
    return "NaN" if isnan(found) else found if not isinf(found) else f"{'-' * (found < 0)}Infinity"


def check_fill(value: Any, dtype: np.dtype, storage: Storage, zarr_format: int) -> None:
    """Refuse a fill value that `fill_as_json` would, before anything is written."""
    if is_own(dtype, storage):
        fill_as_json(value, dtype, zarr_format)


def _low(dtype: np.dtype) -> LowPrecision:
    found = low_precision_of(dtype)
    if found is None:
        raise TypeError(f"{dtype} has no fill value here")
    return found


def _element(bits: int, low: LowPrecision) -> Any:
    """An element of these bits."""
    return np.frombuffer(bits.to_bytes(low.nbytes, "little"), low.dtype)[0]


def refuse_unread(documents: Mapping[str, dict[str, Any]], ref: str) -> None:
    """Say why an array of such a data type is not read; others are left to zarr-python.

    Parameters
    ----------
    documents : mapping of str to dict
        The documents of an array, by name.
    ref : str
        Names the array in the error.

    Raises
    ------
    UnsupportedDtype
        zarr-python lacks the data type, and something else is unknown here.
    """
    dtype = dtype_in(documents)
    if dtype is None:
        return
    name = data_type_of(dtype)
    raise UnsupportedDtype(
        f"{ref}: zarr-python has no data type {name}, and without it {_unread(documents, dtype)}; "
        "rewrite the array with TensorStore: a regular grid, little-endian, zstd, blosc or gzip",
        ref=ref,
        found=name,
    )


def _unread(documents: Mapping[str, dict[str, Any]], dtype: np.dtype) -> str:
    """What of an array's documents is unknown here."""
    zarr_format = 3 if "zarr.json" in documents else 2
    document = documents["zarr.json" if zarr_format == 3 else ".zarray"]
    value = document["fill_value"]
    if zarr_format == 3 or value is not None:
        try:
            fill_from_json(value, dtype, zarr_format)
        except DtypeMismatch as error:
            return f"its fill value {value!r} is not read: {error.message}"
        except (TypeError, ValueError, OverflowError) as error:
            return f"its fill value {repr(value)[:_SHOWN]} is not read: {error}"
    if zarr_format == 3 and document["chunk_grid"]["name"] != "regular":
        return f"no chunk grid '{document['chunk_grid']['name'][:_SHOWN]}' is read"
    if zarr_format == 3 and not _are_known(document, dtype):
        return f"these codecs are not read: {str(document['codecs'])[:_MOST_SHOWN]}"
    names = ("chunk_key_encoding", "storage_transformers") if zarr_format == 3 else _CODECS_V2
    found = ", ".join(f"{name} {document[name]}" for name in names if document.get(name))
    return f"something of this is not read: {found[:_MOST_SHOWN]}"


def _are_known(document: dict[str, Any], dtype: np.dtype) -> bool:
    """Whether the codecs of a document of format 3 are decoded here."""
    try:
        form = codecs.form_v3(document["codecs"], dtype, len(document["shape"]))
    except (LookupError, TypeError, ValueError):
        return False
    return form is not None
