"""What makes an HDF5 file a netCDF file, and replacing an array of one."""

from __future__ import annotations

from typing import Any

import numpy as np

from concatsplit_core.formats.hdf5.attributes import attribute_of
from concatsplit_core.formats.hdf5.dimensions import (
    dimension_length,
    has_attribute,
    is_dimension_only,
    is_scale,
    references_of,
)
from concatsplit_core.formats.hdf5.library import h5py
from concatsplit_core.foundation.errors import OutputRefused, UnsupportedDtype
from concatsplit_core.foundation.records import NamedTuple

_TIME_UNITS = {
    "D": "days",
    "h": "hours",
    "m": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
}
_NUMBER = "_Netcdf4Dimid"
_FIRST = 64
"""How many objects of a file are looked at for netCDF's marks."""
_NOT_A_TIME = np.int64(-(1 << 63))


def is_netcdf(file: Any) -> bool:
    """Whether an HDF5 file says that a netCDF library wrote it."""
    return has_attribute(file, "_NCProperties")


def has_dimensions(file: Any) -> bool:
    """Whether a file without that mark has netCDF's dimensions among its first objects.

    netCDF-C has set the mark since its version 4.4.1, of 2016; other programs may leave it out.
    """
    seen = 0

    def look(name: bytes, link: Any) -> bool | None:
        nonlocal seen
        seen += 1
        if link.type == h5py.h5l.TYPE_HARD and h5py.h5a.exists(file.id, b"CLASS", obj_name=name):
            found = file[name]
            if is_scale(found) and (has_attribute(found, _NUMBER) or is_dimension_only(found)):
                return True
        return False if seen == _FIRST else None

    return bool(file.id.links.visit(look, info=True))


def time_attributes(dtype: np.dtype) -> dict[str, Any]:
    """The attributes that make whole numbers NumPy's times (CF 4.4).

    Raises
    ------
    UnsupportedDtype
        The unit has no fixed length, or no name.
    """
    unit, number = np.datetime_data(dtype)
    if unit not in _TIME_UNITS or number != 1:
        raise UnsupportedDtype(
            f"dtype {dtype} has no unit in netCDF; --dtype 'M8[s]' or 'm8[s]' gives it one",
            found=dtype,
        )
    if dtype.kind == "m":
        return {"units": _TIME_UNITS[unit]}
    return {
        "units": f"{_TIME_UNITS[unit]} since 1970-01-01",
        "calendar": "proleptic_gregorian",
    }


def not_a_time() -> np.int64:
    """The number that stands for NumPy's NaT."""
    return _NOT_A_TIME


class Freed(NamedTuple):
    """A dimension that lost its scale: its number, and the axes that had it."""

    number: Any
    axes: tuple[tuple[str, int], ...]


_NOTHING = Freed(None, ())


def detach(file: Any, member: str, ref: str, coordinate: int | None = None) -> Freed:
    """Detach an array from its dimensions before it is replaced.

    Parameters
    ----------
    file : h5py.File
    member, ref : str
    coordinate : int, optional
        Length of the coordinate variable that takes its place; it may become the variable of a
        dimension of that length that has none.

    Raises
    ------
    OutputRefused
        It is a dimension of other arrays, or a type, which they would lose.
    """
    dataset = file[member]
    if isinstance(dataset, h5py.Datatype):
        raise OutputRefused(
            f"output {ref}: is a type, which arrays of the file may have; write to another name "
            "or file",
            ref=ref,
        )
    if not isinstance(dataset, h5py.Dataset):
        return _NOTHING
    if is_scale(dataset):
        found = references_of(dataset)
        axes = tuple((file[reference].name, int(axis)) for reference, axis in found)
        free = is_dimension_only(dataset) and coordinate == dimension_length(dataset)
        if axes and not free:
            raise OutputRefused(
                f"output {ref}: is a dimension of other arrays of the file, which would lose it; "
                "write to another name or file",
                ref=ref,
            )
        for name, axis in axes:
            file[name].dims[axis].detach_scale(dataset)
        return Freed(attribute_of(dataset, _NUMBER), axes)
    for axis in range(dataset.ndim if has_attribute(dataset, "DIMENSION_LIST") else 0):
        for scale in list(dataset.dims[axis].values()):
            dataset.dims[axis].detach_scale(scale)
            if is_dimension_only(scale) and not len(references_of(scale)):
                del file[scale.name]
    return _NOTHING


def attach_again(dataset: Any, freed: Freed) -> None:
    """Make a new coordinate variable the scale of the axes that had its dimension."""
    for name, axis in freed.axes:
        dataset.file[name].dims[axis].attach_scale(dataset)
    if freed.number is not None and is_scale(dataset):
        dataset.attrs[_NUMBER] = freed.number
