"""Reads and writes the meaning of Zarr arrays by xarray's conventions for formats 2 and 3.

Format 2 names axes in the attribute `_ARRAY_DIMENSIONS`. Readers who know it take the fill value
for missing; without names nothing is missing. Format 3 has `dimension_names`, and the missing value
in the attribute `_FillValue` (docs.xarray.dev, "Zarr encoding specification").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

import numpy as np

from concatsplit_core.array.geometry import Shape
from concatsplit_core.formats.storage import Storage
from concatsplit_core.foundation.jsonable import as_json, text_of
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.meaning.dimensions import Names, name_all_axes, with_one_length_each
from concatsplit_core.meaning.dtype_metadata import enum_as_flags, enum_maps
from concatsplit_core.meaning.missing import (
    as_marker,
    from_zarr3,
    is_nan,
    take_fill_value,
    to_zarr3,
    words_to_numbers,
)
from concatsplit_core.meaning.model import Meaning, plain

_DIMENSIONS = "_ARRAY_DIMENSIONS"


class MeaningAsWritten(NamedTuple):
    """What the metadata of an output will say.

    Parameters
    ----------
    attrs : dict
        Strict JSON.
    dims : tuple of str or None, optional
        Of format 3; in format 2 they are an attribute.
    fill_value : object, optional
        None for an output of format 2 without a fill value.
    """

    attrs: dict[str, Any]
    dims: Names | None
    fill_value: Any


def meaning_of(
    zarr_format: int,
    attrs: Mapping[str, Any],
    names: Names | None,
    fill_value: Any,
    dtype: np.dtype,
    ndim: int,
) -> Meaning:
    """The meaning of an array, from its metadata."""
    left = dict(attrs)
    if dtype.kind in "fc" and "missing_value" in left:
        left["missing_value"] = words_to_numbers(left["missing_value"])
    listed = left.get(_DIMENSIONS)
    is_named = bool(names)
    if _are_names(listed, ndim):
        del left[_DIMENSIONS]
        names = names if names else tuple(listed)
        is_named = True
    if zarr_format == 3:
        missing = from_zarr3(left.pop("_FillValue", None), dtype)
        marker = left.get("missing_value")
        if missing is None and dtype.kind == "S" and isinstance(marker, str):
            missing = as_marker(marker, dtype)  # `meaning_as_written` puts it there
            if missing is not None:
                del left["missing_value"]
        return Meaning(left, names or None, missing)
    left, missing = take_fill_value(left, dtype)
    if missing is None and is_named and fill_value is not None and _may_be_missing(dtype):
        missing = fill_value
    return Meaning(left, names or None, missing)


def _may_be_missing(dtype: np.dtype) -> bool:
    """Whether a fill value of format 2 may stand for missing values."""
    return dtype.kind not in "mM" and not _are_raw(dtype)


def _are_raw(dtype: np.dtype) -> bool:
    """Whether elements are raw items, of a type that readers of format 2 take for no number."""
    if dtype.names is None:
        return False
    from concatsplit_core.array.low_precision import low_precision_of

    return low_precision_of(dtype) is not None


def _are_names(value: Any, ndim: int) -> TypeGuard[list[str]]:
    return (
        isinstance(value, list)
        and len(value) == ndim
        and all(isinstance(name, str) for name in value)
    )


def meaning_as_written(
    storage: Storage, dtype: np.dtype, shape: Shape, zarr_format: int
) -> MeaningAsWritten:
    """What the metadata of an output have to say for its readers to find the same meaning."""
    meaning = storage.meaning
    attrs, missing = dict(meaning.attrs), meaning.missing
    dims = with_one_length_each(meaning.dims, shape)
    if dtype.names is not None:  # Zarr says it in the fill value
        attrs.pop("_FillValue", None)
    if "flag_values" not in attrs:
        attrs |= enum_as_flags(enum_maps(dtype).get("", {}))
    if is_nan(plain(attrs.get("missing_value"))):  # JSON has no NaN; `_FillValue` says the same
        del attrs["missing_value"]
        missing = as_marker(np.nan, dtype) if missing is None else missing
    if zarr_format == 3:
        fill = storage.fill_value if storage.fill_value is not None else missing
        if missing is not None and dtype.kind == "S":  # xarray opens no `_FillValue` of bytes
            attrs.setdefault("missing_value", text_of(bytes(missing)))
        elif missing is not None:
            attrs["_FillValue"] = to_zarr3(missing, dtype)
        return MeaningAsWritten(as_json(attrs), dims, absent(fill, dtype))
    if dims or not shape:  # xarray opens no group with a scalar that lacks the empty list
        attrs[_DIMENSIONS] = list(name_all_axes(dims or (), len(shape)))
    elif missing is not None:  # without names the fill value does not stand for missing values
        attrs["_FillValue"] = missing
    is_missing = missing is not None or (_DIMENSIONS in attrs and not _are_raw(dtype))
    fill = missing if is_missing else storage.fill_value
    return MeaningAsWritten(as_json(attrs), None, None if fill is None else absent(fill, dtype))


def absent(fill_value: Any, dtype: np.dtype) -> Any:
    """The element that an absent chunk is full of."""
    if dtype.kind == "T":
        return ""
    if fill_value is None:  # zarr-python reads NaT, TensorStore zero
        return np.array("NaT", dtype)[()] if dtype.kind in "mM" else np.zeros((), dtype)[()]
    return np.asarray(fill_value).astype(dtype)[()]
