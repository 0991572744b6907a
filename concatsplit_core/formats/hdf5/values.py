"""Values of attributes in forms that HDF5 has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from concatsplit_core.formats.hdf5.library import h5py
from concatsplit_core.foundation.jsonable import as_json

_LONG = range(-(1 << 63), 1 << 64)


def fixed_length(length: int) -> np.dtype:
    """The dtype of text of a fixed length, which may hold a NUL."""
    dtype: np.dtype = h5py.string_dtype("utf-8", length)
    return dtype


def attribute(value: Any) -> Any:
    """An attribute's value as HDF5 can hold it, or as JSON text where it cannot.

    Whole numbers beyond 64 bits become their decimal text, bytes that are not Unicode are escaped.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, bool | np.generic | np.ndarray):
        return value
    if isinstance(value, int):
        return value if value in _LONG else str(value)
    if isinstance(value, list | tuple):
        if value and all(isinstance(item, str) and "\0" not in item for item in value):
            return [attribute(item) for item in value]
        with suppress(ValueError, OverflowError):
            array = np.asarray(value)
            if array.dtype.kind in "biufc":
                return array
    if value is None or isinstance(value, Mapping | list | tuple):
        return json.dumps(as_json(value), sort_keys=True)
    return value
