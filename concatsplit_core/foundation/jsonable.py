"""Attributes as strict JSON (RFC 8259): a value that JSON cannot express becomes text."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite, isnan
from typing import Any

import numpy as np


def as_json(value: Any) -> Any:
    """Turn a value into one that `json.dumps` writes as strict JSON.

    A NaN becomes the string ``"NaN"``, infinities become ``"Infinity"`` and ``"-Infinity"``. Whole
    numbers beyond 64 bits, and long doubles that a double cannot hold, become their decimal text.
    """
    match value:
        case Mapping():
            return {as_json(str(key)): as_json(each) for key, each in value.items()}
        case list() | tuple():
            return [as_json(each) for each in value]
        case np.ndarray():
            return as_json(value.astype(object) if value.dtype.kind in "gG" else _listed(value))
        case np.generic():
            return _scalar(value)
    return _python_scalar(value)


def _python_scalar(value: Any) -> Any:
    match value:
        case None | bool():
            return value
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case int():
            return value if -(1 << 63) <= value < 1 << 64 else str(value)
        case float():
            return _number(value)
        case complex():
            return [_number(value.real), _number(value.imag)]
        case bytes() | bytearray():
            return text_of(bytes(value))
    return str(value)


def _listed(array: np.ndarray) -> Any:
    """An array as nested lists; the scalars in them keep their dtype."""
    return [_listed(part) for part in array] if array.ndim else array[()]


def _scalar(value: np.generic) -> Any:
    if isinstance(value, np.longdouble):
        double = float(value)
        is_exact = np.isnan(value) or np.longdouble(double) == value
        return _number(double) if is_exact else str(value)
    if isinstance(value, np.datetime64 | np.timedelta64):
        return str(value)
    if isinstance(value, np.void):
        return as_json(list(value.item())) if value.dtype.names else value.tobytes().hex()
    plain = value.item()
    return str(value) if isinstance(plain, np.generic) else as_json(plain)


def _number(value: float) -> float | str:
    if isfinite(value):
        return value
    return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"


def text_of(raw: bytes) -> str:
    """Decode text of unknown encoding: as UTF-8 if that works, else as Latin-1, as in old files."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
