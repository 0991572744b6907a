"""netCDF arrays that are shorter in the file than their unlimited dimension.

netCDF-C only lengthens the arrays that are written to. After the end of all others on the dimension
its readers see the fill value (NetCDF Users Guide, "Fill Values").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from concatsplit_core.array.geometry import Shape
from concatsplit_core.formats.hdf5.dimensions import netcdf_shape
from concatsplit_core.formats.hdf5.filters import Filter
from concatsplit_core.formats.hdf5.library import h5py
from concatsplit_core.foundation.records import NamedTuple

_DEFAULTS: dict[str, int | float] = {
    "i1": -127,
    "i2": -32767,
    "i4": -2147483647,
    "i8": -9223372036854775806,
    "u1": 255,
    "u2": 65535,
    "u4": 4294967295,
    "u8": 18446744073709551614,
    "f4": 9.969209968386869e36,
    "f8": 9.969209968386869e36,
}
"""The fill values of netCDF-C for datasets that have none (NC_FILL_*)."""


class Padding(NamedTuple):
    """How an array goes on after its end in the file.

    Parameters
    ----------
    stored : tuple of int
        Shape in the file.
    shape : tuple of int
        Shape as netCDF has it.
    value : object
        An element.
    filters : sequence of Filter
        What the chunks in the file went through.
    """

    stored: Shape
    shape: Shape
    value: Any
    filters: Sequence[Filter]


def padding_of(dataset: Any, dtype: np.dtype, filters: Sequence[Filter]) -> Padding | None:
    """How an array of a netCDF file is lengthened; None if it is as long as its dimensions."""
    shape = netcdf_shape(dataset)
    if shape == dataset.shape or dataset.dtype.subdtype is not None:
        return None
    return Padding(dataset.shape, shape, _value(dataset, dtype), tuple(filters))


def _value(dataset: Any, dtype: np.dtype) -> Any:
    if dtype.kind == "T":
        return ""
    dcpl = dataset.id.get_create_plist()
    if dcpl.fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED:
        return np.asarray(dataset.fillvalue).astype(dtype)[()]
    usual = _DEFAULTS.get(f"{dtype.kind}{dtype.itemsize}")
    return np.zeros((), dtype)[()] if usual is None else dtype.type(usual)
