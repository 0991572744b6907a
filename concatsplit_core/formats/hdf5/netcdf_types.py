"""Types that netCDF has, and which it lacks."""

from __future__ import annotations

import numpy as np

from concatsplit_core.array.low_precision import low_precision_of, shown_dtype
from concatsplit_core.foundation.errors import UnsupportedDtype
from concatsplit_core.meaning.dtype_metadata import enum_maps

_LONGEST_NAME = 256


def refuse_dtype(dtype: np.dtype) -> None:
    """Refuse what netCDF-C has no type for; it crashes on some of them.

    Raises
    ------
    UnsupportedDtype
    """
    low = low_precision_of(dtype)
    for name, entry in (dtype.fields or {}).items() if low is None else ():
        _refuse_field(name, entry[0])
    odd = low is not None
    odd |= dtype.kind in "fc" and (dtype.itemsize >> (dtype.kind == "c")) not in (4, 8)
    if odd or (dtype.kind == "V" and dtype.names is None and dtype.subdtype is None):
        raise UnsupportedDtype(
            f"dtype {shown_dtype(dtype)} has no netCDF type; --dtype converts it, or write to .h5",
            found=dtype,
        )


def _refuse_field(name: str, dtype: np.dtype) -> None:
    """Refuse a field that netCDF-C or netCDF4-python cannot read, or crashes on."""
    items = dtype.base
    what = None
    if items.kind == "S" and items.itemsize > 1:
        what = "is text of several letters"
    elif items.kind == "b" or enum_maps(items).get("") is not None:
        what = "is an enum or bool"
    elif items.names is not None and dtype.shape:
        what = "is an array of records"
    elif len(name.encode("utf-8", "surrogateescape")) > _LONGEST_NAME:
        what = f"has a name of more than {_LONGEST_NAME} bytes"
    if what is not None:
        raise UnsupportedDtype(
            f"field '{name}' of the records {what}, which netCDF readers cannot open; write to .h5",
            found=dtype,
        )
    refuse_dtype(items)
