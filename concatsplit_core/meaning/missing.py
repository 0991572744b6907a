"""Missing values: which elements mark them, and how xarray writes the marker into Zarr."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from concatsplit_core.meaning.model import Meaning, plain, shown

_WORDS = {"NaN": np.nan, "nan": np.nan, "Infinity": np.inf, "-Infinity": -np.inf}


def as_marker(value: Any, dtype: np.dtype, sign: str = "") -> Any:
    """Turn an attribute's value into an element of the array; None if no element can equal it.

    Parameters
    ----------
    value : object
        The value of an attribute such as `_FillValue`.
    dtype : numpy.dtype
        The dtype of the array.
    sign : str
        What `sign_of` returns. With ``_Unsigned``, some writers give 255 for int8, others -1; both
        are understood.
    """
    value = plain(value)
    if dtype.kind in "iufcb":
        value = words_to_numbers(value)
        if dtype.kind == "c" and isinstance(value, list) and len(value) == 2:  # JSON: [real, imag]
            parts = [_number(each, np.dtype("f8"), "") for each in value]
            value = None if None in parts else complex(*parts)
        return _number(value, dtype, sign)
    if isinstance(value, str):
        if dtype.kind == "S":
            raw = value.encode("utf-8", "surrogateescape")
            return np.bytes_(raw) if len(raw) <= dtype.itemsize else None
        if dtype.kind in "UT":
            return value
    return None


def _number(value: Any, dtype: np.dtype, sign: str) -> Any:
    if isinstance(value, complex) and dtype.kind != "c":
        return None
    if not isinstance(value, bool | int | float | complex):
        return None
    if dtype.kind in "fc":
        with np.errstate(over="ignore"):
            return dtype.type(value)
    if isinstance(value, float):
        if not value.is_integer():
            return None
        value = int(value)
    if dtype.kind == "b":
        return dtype.type(value) if value in (0, 1) else None
    stored = np.iinfo(dtype)
    read_as = np.iinfo(f"{sign or dtype.kind}{dtype.itemsize}")
    if stored.min <= value <= stored.max:
        return dtype.type(value)
    if read_as.min <= value <= read_as.max:
        return np.asarray(value, read_as.dtype).view(dtype.newbyteorder("="))[()]
    return None


def is_low_precision(dtype: np.dtype) -> bool:
    """Whether it is a type such as bfloat16, which ml_dtypes adds to NumPy."""
    return dtype.type.__module__ == "ml_dtypes"


def words_to_numbers(value: Any) -> Any:
    """Replace the words that JSON uses for NaN and infinities by numbers, also inside a list."""
    if isinstance(value, list):
        return [words_to_numbers(each) for each in value]
    return _WORDS.get(value, value) if isinstance(value, str) else value


def is_nan(value: Any) -> bool:
    """Whether an element is a NaN."""
    return isinstance(value, float | np.floating | np.complexfloating) and bool(np.isnan(value))


def is_among(value: Any, markers: Sequence[Any]) -> bool:
    """Whether an element equals one of these markers; all NaNs are equal."""
    return any(bool(value == one) or (is_nan(value) and is_nan(one)) for one in markers)


def mask_of(values: np.ndarray, markers: Sequence[Any]) -> np.ndarray:
    """True for the elements that equal one of these markers."""
    mask = np.zeros(values.shape, bool)
    for one in markers:
        mask |= np.isnan(values) if is_nan(one) else values == one
    return mask


def markers_of(meaning: Meaning, dtype: np.dtype) -> list[Any]:
    """The elements that mark a missing value: `_FillValue`, then `missing_value` (CF 2.5.1)."""
    markers = [] if meaning.missing is None else [meaning.missing]
    listed = plain(meaning.attrs.get("missing_value"))
    sign = sign_of(meaning.attrs, dtype)
    for value in listed if isinstance(listed, list) else [listed]:
        marker = as_marker(value, dtype, sign)
        if marker is not None and not is_among(marker, markers):
            markers.append(marker)
    return markers


def sign_of(attrs: Mapping[str, Any], dtype: np.dtype) -> str:
    """How `_Unsigned` changes the reading of integers: "u" or "i"; "" where it changes nothing.

    With ``_Unsigned = "true"`` signed integers are read as unsigned ones, "u" (NetCDF Users Guide).
    With ``"false"`` unsigned integers are read as signed ones, "i" (xarray).
    """
    unsigned = str(plain(attrs.get("_Unsigned", ""))).lower()
    return {("i", "true"): "u", ("u", "false"): "i"}.get((dtype.kind, unsigned), "")


def take_fill_value(attrs: Mapping[str, Any], dtype: np.dtype) -> tuple[dict[str, Any], Any]:
    """Take `_FillValue` out of the attributes: the other attributes, and the marker.

    The marker is None if there is no `_FillValue`. In an array of records it stays an attribute.
    """
    others = dict(attrs)
    if "_FillValue" not in others or dtype.names is not None:
        return others, None
    return others, as_marker(others.pop("_FillValue"), dtype, sign_of(others, dtype))


def fill_value_notes(attrs: Mapping[str, Any], marker: Any, dtype: np.dtype) -> list[str]:
    """A note if `_FillValue` was left out because no element can equal it; else no notes.

    In an array of records it stays an attribute.
    """
    if marker is not None or "_FillValue" not in attrs or dtype.names is not None:
        return []
    value = shown(attrs["_FillValue"])
    return [f"attribute '_FillValue' is left out: {value} is not a value of {dtype}"]


def to_zarr3(value: Any, dtype: np.dtype) -> Any:
    """Write a marker as xarray does in Zarr 3's `_FillValue`: a float as base64 of a double."""
    if dtype.kind == "f":
        return _base64(float(value))
    if dtype.kind == "c":
        return [_base64(float(value.real)), _base64(float(value.imag))]
    if dtype.kind == "S":
        return _encoded(bytes(value))
    return value.item() if isinstance(value, np.generic) else value


def from_zarr3(value: Any, dtype: np.dtype) -> Any:
    """Read a marker from Zarr 3's `_FillValue`; other writers than xarray put numbers there."""
    if dtype.kind == "c" and isinstance(value, list) and len(value) == 2:
        parts = [_double(part) for part in value]
        return None if None in parts else dtype.type(complex(*parts))  # type: ignore[arg-type]
    if dtype.kind == "f" and isinstance(value, str):
        double = _double(value)
        return as_marker(value if double is None else double, dtype)
    if dtype.kind == "S" and isinstance(value, str):
        raw = _raw(value)
        return None if raw is None or len(raw) > dtype.itemsize else np.bytes_(raw)
    return as_marker(value, dtype)


def _base64(value: float) -> str:
    return _encoded(struct.pack("<d", value))


def _encoded(value: bytes) -> str:
    import base64  # imported late: few arrays have such a marker

    return base64.standard_b64encode(value).decode()


def _double(value: Any) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raw = _raw(value)
    return struct.unpack("<d", raw)[0] if raw is not None and len(raw) == 8 else None


def _raw(value: Any) -> bytes | None:
    import base64

    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError):
        return None
