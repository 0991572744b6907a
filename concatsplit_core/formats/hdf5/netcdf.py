"""Making an HDF5 file one that netCDF-C opens: a dimension scale for every axis of every array.

The form is that of the NetCDF-4 format specification (docs.unidata.ucar.edu, "NetCDF-4 Format"):
a dimension is a scale, with a variable or without one, and a variable refers to its scales.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

import h5py
import numpy as np
from h5py import h5ds

from concatsplit_core.errors import OutputRefused, UnsupportedDtype
from concatsplit_core.formats.hdf5.dimensions import (
    NON_COORDINATE,
    WITHOUT_VARIABLE,
    dimension_length,
    has_attribute,
    is_dimension_only,
    is_scale,
)
from concatsplit_core.meaning.dimensions import Names

_TIME_UNITS = {
    "D": "days",
    "h": "hours",
    "m": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
}
_NOT_A_TIME = np.int64(-(1 << 63))


def is_netcdf(file: Any) -> bool:
    """Whether an HDF5 file says that a netCDF library wrote it."""
    return has_attribute(file, "_NCProperties")


def time_attributes(dtype: np.dtype) -> dict[str, Any]:
    """What says that whole numbers are NumPy's times (CF 4.4).

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
    """The number that NumPy's NaT is."""
    return _NOT_A_TIME


class Freed(NamedTuple):
    """A dimension whose scale is taken away: its number, and the axes that have it."""

    number: Any
    axes: tuple[tuple[str, int], ...]


_NOTHING = Freed(None, ())


def let_go(file: Any, member: str, ref: str, coordinate: int | None = None) -> Freed:
    """Take an array out of its dimensions before it is replaced.

    Parameters
    ----------
    file : h5py.File
    member, ref : str
    coordinate : int, optional
        Length of the coordinate variable that takes its place: that may be had by a dimension
        which had no variable so far.

    Raises
    ------
    OutputRefused
        It is a dimension or the type of other arrays, which would lose it.
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
        found = dataset.attrs.get("REFERENCE_LIST", ())
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
        return Freed(dataset.attrs.get("_Netcdf4Dimid"), axes)
    for axis in range(dataset.ndim if "DIMENSION_LIST" in dataset.attrs else 0):
        for scale in list(dataset.dims[axis].values()):
            dataset.dims[axis].detach_scale(scale)
            if is_dimension_only(scale) and not len(scale.attrs.get("REFERENCE_LIST", ())):
                del file[scale.name]
    return _NOTHING


def take_up(dataset: Any, freed: Freed) -> None:
    """Let a new coordinate variable be the scale of the axes that had its dimension."""
    for name, axis in freed.axes:
        dataset.file[name].dims[axis].attach_scale(dataset)
    if freed.number is not None and is_scale(dataset):
        dataset.attrs["_Netcdf4Dimid"] = freed.number


def spelled(file: Any, member: str, names: Names) -> str:
    """The name of a variable in the file: another one where a dimension is called so.

    A variable with the name of a dimension is its coordinate variable, if the dimension is its
    first one, and must not be called so otherwise.
    """
    parent, slash, last = member.rpartition("/")
    is_coordinate = bool(names) and names[0] == last and last not in names[1:]
    taken = member in file and isinstance(file[member], h5py.Dataset)
    if is_coordinate or not (last in names or (taken and is_dimension_only(file[member]))):
        return member
    return f"{parent}{slash}{NON_COORDINATE}{last}"


def give_dimensions(group: Any, dataset: Any, names: Names) -> None:
    """Attach a scale to every axis of a new data set of a group.

    A dimension of the file is used where it has the wanted name and length; else a new one is
    made, called ``x0``, ``x1``, ... where the name is taken.
    """
    own = dataset.name.rpartition("/")[2]
    _number_all(dataset.file)
    if dataset.ndim == 1 and names[0] == own:
        _make_scale(dataset, own)
        return
    if dataset.ndim > 1 and names[0] == own and own not in names[1:]:
        _make_coordinate_variable(group, dataset, names, own)
        return
    used: set[str] = set()
    for axis, name in enumerate(names):
        scale = _scale(group, dataset, axis, name, own, used)
        used.add(scale.name)
        dataset.dims[axis].attach_scale(scale)


def _make_scale(dataset: Any, name: str) -> None:
    h5ds.set_scale(dataset.id, name.encode())
    dataset.attrs["_Netcdf4Dimid"] = np.int32(_next_number(dataset.file))


def _make_coordinate_variable(group: Any, dataset: Any, names: Names, own: str) -> None:
    """A variable of several axes, named as its first: it cannot have scales, and lists numbers."""
    _make_scale(dataset, own)
    used = {dataset.name}
    numbers = [int(dataset.attrs["_Netcdf4Dimid"])]
    for axis, name in enumerate(names[1:], 1):
        scale = _scale(group, dataset, axis, name, own, used)
        used.add(scale.name)
        numbers.append(int(scale.attrs["_Netcdf4Dimid"]))
    dataset.attrs["_Netcdf4Coordinates"] = np.array(numbers, np.int32)


def _scale(group: Any, dataset: Any, axis: int, name: str | None, own: str, used: set[str]) -> Any:
    """A scale for one axis: one that is there and fits, or a new one."""
    length, unlimited = dataset.shape[axis], dataset.maxshape[axis] is None
    for candidate in _candidates(name, axis):
        found = _visible(group, candidate)
        if found is None and candidate != own:
            return _new_scale(group, candidate, length, unlimited)
        if found is None or not isinstance(found, h5py.Dataset):
            continue
        if found.name in used and candidate != name:
            continue
        fits = is_scale(found) and found.ndim and dimension_length(found) == length
        if fits and (found.maxshape[0] is None) == unlimited and found != dataset:
            return found
    raise AssertionError


def _candidates(name: str | None, axis: int) -> Iterator[str]:
    if name:
        yield name
    yield from (f"x{number}" for number in count(axis))


def _visible(group: Any, name: str) -> Any:
    """What is called so in a group or one above it."""
    while True:
        if group.get(name, getlink=True) is not None:
            return group.get(name)
        if group.name == "/":
            return None
        group = group.parent


def _new_scale(group: Any, name: str, length: int, unlimited: bool) -> Any:
    """A dimension without a variable."""
    more: dict[str, Any] = {"maxshape": (None,), "chunks": (1024,)} if unlimited else {}
    scale = group.create_dataset(name, (length,), ">f4", track_times=False, **more)
    h5ds.set_scale(scale.id, f"{WITHOUT_VARIABLE}.{length:10d}".encode())
    scale.attrs["_Netcdf4Dimid"] = np.int32(_next_number(group.file))
    return scale


def _number_all(file: Any) -> None:
    """Number the dimensions that have no number: netCDF-C counts these by itself, from 0 on."""
    without: list[Any] = []

    def note(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and is_scale(item) and "_Netcdf4Dimid" not in item.attrs:
            without.append(item)

    file.visititems(note)
    for scale in without:
        scale.attrs["_Netcdf4Dimid"] = np.int32(_next_number(file))


def _next_number(file: Any) -> int:
    """A number that no dimension of the file has."""
    taken = [-1]

    def note(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and "_Netcdf4Dimid" in item.attrs:
            taken.append(int(item.attrs["_Netcdf4Dimid"]))

    file.visititems(note)
    return max(taken) + 1
