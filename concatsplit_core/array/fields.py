"""Structured dtypes: whether their fields overlap, and the same fields without gaps."""

from __future__ import annotations

from typing import Any

import numpy as np


def packed(dtype: np.dtype) -> np.dtype:
    """The same fields without gaps, in the order of their names, at every level."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        inner = packed(base)
        return dtype if inner is base else np.dtype((inner, shape))
    if dtype.names is None:
        return dtype
    fields: list[tuple[Any, ...]] = []
    for name in dtype.names:
        kind, _, *title = _field(dtype, name)
        fields.append(((title[0], name) if title else name, packed(kind)))
    result = np.dtype(fields)
    return dtype if result == dtype else result


def is_ordered(dtype: np.dtype) -> bool:
    """Whether the fields lie in the order of their names, at every level, as .npy needs them."""
    if dtype.subdtype is not None:
        return is_ordered(dtype.subdtype[0])
    offsets = [_field(dtype, name)[1] for name in dtype.names or ()]
    inner = (_field(dtype, name)[0] for name in dtype.names or ())
    return offsets == sorted(offsets) and all(map(is_ordered, inner))


def overlapping(dtype: np.dtype) -> str | None:
    """Name of a field that overlaps another or lies outside the item; None if there is none."""
    if dtype.subdtype is not None:
        return overlapping(dtype.subdtype[0])
    end = 0
    for name in sorted(dtype.names or (), key=lambda n: int(_field(dtype, n)[1])):
        kind, offset, *_ = _field(dtype, name)
        inner = overlapping(kind)
        if inner is not None:
            return f"{name}.{inner}"
        if offset < end or offset + kind.itemsize > dtype.itemsize:
            return str(name)
        end = offset + kind.itemsize
    return None


def _field(dtype: np.dtype, name: str) -> tuple[Any, ...]:
    if dtype.fields is None:
        raise AssertionError("it has no fields")
    return tuple(dtype.fields[name])
