"""The metadata of dtypes: the names of an enum's values, and the encoding of text.

h5py puts them into `numpy.dtype.metadata`. NumPy drops them when it makes a new dtype.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

_ENUM, _ENCODING = "enum", "h5py_encoding"


def enum_maps(dtype: np.dtype, path: str = "") -> dict[str, dict[str, int]]:
    """The name-to-value map of every enum in a dtype.

    The keys are the paths of the fields; the key is ``""`` where the items themselves are enums.
    """
    names = _metadata(dtype, _ENUM)
    maps = {} if names is None else {path: {str(k): int(v) for k, v in names.items()}}
    for field, entry in (dtype.fields or {}).items():
        maps |= enum_maps(entry[0], f"{path}.{field}" if path else field)
    if dtype.subdtype is not None:
        maps |= enum_maps(dtype.subdtype[0], path)
    return maps


def with_input_metadata(dtype: np.dtype, inputs: Sequence[np.dtype]) -> np.dtype:
    """The output's dtype, with the metadata of the inputs' dtypes.

    The inputs agree on their enums. An enum stays one if the output's integers hold all its values.
    ASCII joined with UTF-8 gives UTF-8.
    """
    names = _metadata(inputs[0], _ENUM)
    if names is not None and dtype.kind in "iu" and _holds(dtype, names.values()):
        return np.dtype(dtype.str, metadata={_ENUM: names})
    if dtype.kind == "S" and any(_metadata(one, _ENCODING) == "utf-8" for one in inputs):
        return np.dtype(dtype.str, metadata={_ENCODING: "utf-8"})
    return dtype


def _holds(dtype: np.dtype, values: Iterable[int]) -> bool:
    info = np.iinfo(dtype)
    return all(info.min <= value <= info.max for value in values)


def _metadata(dtype: np.dtype, key: str) -> Any:
    metadata: Mapping[str, Any] = dtype.metadata or {}
    return metadata.get(key)


def enum_as_flags(names: Mapping[str, int]) -> dict[str, Any]:
    """An enum as CF's flag attributes (CF 3.5), for formats without enums.

    CF separates the names by spaces, so names that are empty or hold a space give {}.
    """
    if not names or any(not name or name.split() != [name] for name in names):
        return {}
    ordered = sorted(names, key=lambda name: names[name])
    return {"flag_values": [names[n] for n in ordered], "flag_meanings": " ".join(ordered)}
