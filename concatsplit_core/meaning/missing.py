"""Missing values: the elements that stand for them, and how xarray spells them in Zarr."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from concatsplit_core.meaning.model import Meaning, plain

_WORDS = {"NaN": np.nan, "nan": np.nan, "Infinity": np.inf, "-Infinity": -np.inf}


def marker(value: Any, dtype: np.dtype, sign: str = "") -> Any:
    """A missing value as an element of the array; None where no element can have it.

    Parameters
    ----------
    value : object
        Of an attribute, such as `_FillValue`.
    dtype : numpy.dtype
    sign : str
        As of `sign_of`: markers may be written as the items are seen, or as they are stored.
    """
    value = plain(value)
    if dtype.kind in "iufcb":
        value = from_words(value)
        if dtype.kind == "c" and isinstance(value, list) and len(value) == 2:  # as JSON has it
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
    info = np.iinfo(dtype)
    seen = np.iinfo(f"{sign or dtype.kind}{dtype.itemsize}")
    if not info.min <= value <= info.max and seen.min <= value <= seen.max:
        return np.asarray(value, seen.dtype).view(dtype.newbyteorder("="))[()]
    return dtype.type(value) if info.min <= value <= info.max else None


def from_words(value: Any) -> Any:
    """Numbers for the words that JSON has in their place, also inside a list."""
    if isinstance(value, list):
        return [from_words(each) for each in value]
    return _WORDS.get(value, value) if isinstance(value, str) else value


def is_nan(value: Any) -> bool:
    """Whether an element is a NaN."""
    return isinstance(value, float | np.floating | np.complexfloating) and bool(np.isnan(value))


def among(value: Any, markers: Sequence[Any]) -> bool:
    """Whether an element is one of these, a NaN any NaN."""
    return any(bool(value == one) or (is_nan(value) and is_nan(one)) for one in markers)


def where(values: np.ndarray, markers: Sequence[Any]) -> np.ndarray:
    """A mask of the elements that are one of these markers."""
    mask = np.zeros(values.shape, bool)
    for one in markers:
        mask |= np.isnan(values) if is_nan(one) else values == one
    return mask


def markers_of(meaning: Meaning, dtype: np.dtype) -> list[Any]:
    """The elements that stand for missing ones: `_FillValue`, then `missing_value` (CF 2.5.1)."""
    found = [] if meaning.missing is None else [meaning.missing]
    listed = plain(meaning.attrs.get("missing_value"))
    sign = sign_of(meaning.attrs, dtype)
    for value in listed if isinstance(listed, list) else [listed]:
        one = marker(value, dtype, sign)
        if one is not None and not among(one, found):
            found.append(one)
    return found


def sign_of(attrs: Mapping[str, Any], dtype: np.dtype) -> str:
    """The kind of number that `_Unsigned` turns the items into; "" where they stay what they are.

    Signed items are "u" with ``_Unsigned = "true"`` (NetCDF Users Guide), unsigned ones "i" with
    ``"false"``, as xarray has it.
    """
    said = str(plain(attrs.get("_Unsigned", ""))).lower()
    return {("i", "true"): "u", ("u", "false"): "i"}.get((dtype.kind, said), "")


def take(attrs: Mapping[str, Any], dtype: np.dtype) -> tuple[dict[str, Any], Any]:
    """Attributes without `_FillValue`, and the marker that it was; records keep it."""
    left = dict(attrs)
    if "_FillValue" not in left or dtype.names is not None:
        return left, None
    return left, marker(left.pop("_FillValue"), dtype, sign_of(left, dtype))


def unfit(attrs: Mapping[str, Any], missing: Any, dtype: np.dtype) -> list[str]:
    """What to say of a `_FillValue` that is no element, so that none of them can be missing."""
    if missing is not None or "_FillValue" not in attrs:
        return []
    shown = repr(plain(attrs["_FillValue"]))
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    return [f"attribute '_FillValue' is left out: {shown} is no {dtype}"]


def to_zarr3(value: Any, dtype: np.dtype) -> Any:
    """A marker as xarray writes `_FillValue` into Zarr 3: floats are base64 of a double."""
    if dtype.kind == "f":
        return _base64(float(value))
    if dtype.kind == "c":
        return [_base64(float(value.real)), _base64(float(value.imag))]
    if dtype.kind == "S":
        return base64.standard_b64encode(bytes(value)).decode()
    return value.item() if isinstance(value, np.generic) else value


def from_zarr3(value: Any, dtype: np.dtype) -> Any:
    """A marker out of a Zarr 3 attribute; numbers, which other writers put there, as they are."""
    if dtype.kind == "c" and isinstance(value, list) and len(value) == 2:
        parts = [_double(part) for part in value]
        return None if None in parts else dtype.type(complex(*parts))  # type: ignore[arg-type]
    if dtype.kind == "f" and isinstance(value, str):
        double = _double(value)
        return marker(value if double is None else double, dtype)
    if dtype.kind == "S" and isinstance(value, str):
        raw = _raw(value)
        return None if raw is None or len(raw) > dtype.itemsize else np.bytes_(raw)
    return marker(value, dtype)


def _base64(value: float) -> str:
    return base64.standard_b64encode(struct.pack("<d", value)).decode()


def _double(value: Any) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raw = _raw(value)
    return struct.unpack("<d", raw)[0] if raw is not None and len(raw) == 8 else None


def _raw(value: Any) -> bytes | None:
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        return None
