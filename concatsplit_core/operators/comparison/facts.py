"""What differs between two arrays apart from their elements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from concatsplit_core.array.descr import dtype_name
from concatsplit_core.formats.sources import Source
from concatsplit_core.meaning.model import same


def differing_facts(
    a: Source, b: Source, attributes: tuple[Mapping[str, Any], Mapping[str, Any]]
) -> dict[str, tuple[Any, Any]]:
    """The facts that differ, by name, each with a pair of values.

    Dimension names and attributes are compared only if both formats can store them.

    Parameters
    ----------
    a, b : Source
    attributes : tuple of mappings
        All attributes of each array.
    """
    facts: dict[str, tuple[Any, Any]] = {}
    if a.spec.shape != b.spec.shape:
        facts["shape"] = (a.spec.shape, b.spec.shape)
    if _logical_dtype(a.spec.dtype) != _logical_dtype(b.spec.dtype):
        facts["dtype"] = (dtype_name(a.spec.dtype), dtype_name(b.spec.dtype))
    one, other = a.storage.meaning, b.storage.meaning
    if not one.is_bare and not other.is_bare:
        if _names(one.dims) != _names(other.dims):
            facts["dims"] = (one.dims, other.dims)
        differing = _differing_attributes(*attributes)
        if any(differing):
            facts["attrs"] = differing
    if a.spec.chunks != b.spec.chunks:
        facts["chunks"] = (a.spec.chunks, b.spec.chunks)
    return facts


def _names(dims: tuple[str | None, ...] | None) -> tuple[str | None, ...] | None:
    return None if dims is None or not any(dims) else dims


def _differing_attributes(
    one: Mapping[str, Any], other: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """For each array, the attributes that the other does not have, or has with another value."""
    return tuple(
        {n: v for n, v in here.items() if n not in there or not same(v, there[n])}
        for here, there in ((one, other), (other, one))
    )  # type: ignore[return-value]


def _logical_dtype(dtype: np.dtype) -> Any:
    """A dtype without its byte order, its padding and the room that its texts have."""
    if dtype.names is not None:
        return [(n, _logical_dtype(dtype[n].base), dtype[n].shape) for n in dtype.names]
    if dtype.kind in "UT":
        return "text"
    if dtype.kind == "S":
        return "bytes"
    return np.dtype(dtype.str).newbyteorder("=")
