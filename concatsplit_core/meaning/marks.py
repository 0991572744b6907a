"""What dtypes carry beside their items: names of an enum, and the encoding of text.

NumPy keeps them as metadata of a dtype, under h5py's keys, and loses them when it makes another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

_ENUM, _ENCODING = "enum", "h5py_encoding"


def enum_maps(dtype: np.dtype, path: str = "") -> dict[str, dict[str, int]]:
    """The names of every enum in a dtype, by the path of the field, ``""`` for the items."""
    names = _mark(dtype, _ENUM)
    found = {} if names is None else {path: {str(k): int(v) for k, v in names.items()}}
    for field, entry in (dtype.fields or {}).items():
        found |= enum_maps(entry[0], f"{path}.{field}" if path else field)
    if dtype.subdtype is not None:
        found |= enum_maps(dtype.subdtype[0], path)
    return found


def marked(dtype: np.dtype, inputs: Sequence[np.dtype]) -> np.dtype:
    """A joined dtype with the marks of its inputs, which agree on the names of enums.

    An enum that is cast to whole numbers which hold its values stays one. ASCII joined with UTF-8
    is UTF-8.
    """
    first = inputs[0]
    names = _mark(first, _ENUM)
    if names is not None and dtype.kind in "iu" and _holds(dtype, names.values()):
        return np.dtype(dtype.str, metadata={_ENUM: names})
    if dtype.kind == "S" and any(_mark(one, _ENCODING) == "utf-8" for one in inputs):
        return np.dtype(dtype.str, metadata={_ENCODING: "utf-8"})
    return dtype


def _holds(dtype: np.dtype, values: Iterable[int]) -> bool:
    info = np.iinfo(dtype)
    return all(info.min <= value <= info.max for value in values)


def _mark(dtype: np.dtype, key: str) -> Any:
    metadata: Mapping[str, Any] = dtype.metadata or {}
    return metadata.get(key)


def as_flags(names: Mapping[str, int]) -> dict[str, Any]:
    """An enum as CF says it (CF 3.5), for formats without enums; {} where CF cannot."""
    if not names or any(not name or name.split() != [name] for name in names):
        return {}
    ordered = sorted(names, key=lambda name: names[name])
    return {"flag_values": [names[n] for n in ordered], "flag_meanings": " ".join(ordered)}
