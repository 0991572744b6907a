"""Fill values and lengths in JSON, as numbers or as the words for NaN and infinity."""

from __future__ import annotations

from math import isfinite, isnan
from typing import Any

import numpy as np

from concatsplit_core.formats.zarr.dialect import absent

_WORDS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def are_lengths(shape: tuple[Any, ...], least: int) -> bool:
    """Whether these are lengths of axes, none of them shorter than the least."""
    return all(type(n) is int and least <= n < 1 << 63 for n in shape)


def fill_from_json(value: Any, dtype: np.dtype, zarr_format: int) -> Any:
    """A fill value from JSON; raises for what only zarr-python reads."""
    if dtype.names is not None:
        from concatsplit_core.formats.zarr import low_precision

        return low_precision.fill_from_json(value, dtype, zarr_format)
    if dtype.kind == "c":
        real, imaginary = value
        return dtype.type(complex(_number(real), _number(imaginary)))
    if dtype.kind == "f":
        return dtype.type(_number(value))
    if type(value) is not (bool if dtype.kind == "b" else int):
        raise TypeError("no such number")
    return dtype.type(value)


def _number(value: Any) -> float:
    if isinstance(value, str):
        return _WORDS[value]
    if type(value) not in {int, float}:
        raise TypeError("no number")
    return float(value)


def fill_as_json(value: Any, dtype: np.dtype, zarr_format: int) -> Any:
    """A fill value in JSON, where a NaN loses its payload."""
    element = absent(value, dtype)
    if dtype.names is not None:
        from concatsplit_core.formats.zarr import low_precision

        return low_precision.fill_as_json(element, dtype, zarr_format)
    if dtype.kind == "c":
        return [_float_as_json(element.real), _float_as_json(element.imag)]
    return _float_as_json(element) if dtype.kind == "f" else element.item()


def _float_as_json(value: Any) -> float | str:
    if isfinite(value):
        return float(value)
    return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"
