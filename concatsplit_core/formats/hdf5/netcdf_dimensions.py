"""Gives a netCDF file its dimensions: a scale for every axis of every array.

The form is that of the NetCDF-4 format specification (docs.unidata.ucar.edu, "NetCDF-4 Format"):
a dimension is a scale, with a variable or without one, and a variable refers to its scales.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from itertools import count
from typing import Any

import numpy as np

from concatsplit_core.formats.hdf5.attributes import attribute_of
from concatsplit_core.formats.hdf5.dimensions import (
    NON_COORDINATE,
    WITHOUT_VARIABLE,
    dimension_length,
    has_attribute,
    is_dimension_only,
    is_scale,
)
from concatsplit_core.formats.hdf5.library import h5py
from concatsplit_core.formats.hdf5.links import key
from concatsplit_core.formats.structure import Dimension
from concatsplit_core.meaning.dimensions import Names

_NUMBER = "_Netcdf4Dimid"
_NUMBERS = "_Netcdf4Coordinates"
"""Attributes of a scale: its number; if it has several axes, the numbers of their dimensions."""


class Dimensions:
    """The dimensions of one file.

    Parameters
    ----------
    wanted : mapping of str to Dimension
        Those of the inputs, by path; the file gets them in the same order and groups.
    expected : set of str
        Names of the variables that are going to be added; no unnamed dimension may take one.
    """

    def __init__(self, wanted: Mapping[str, Dimension], expected: Set[str]) -> None:
        self._wanted, self._expected = wanted, expected
        self._next: int | None = None
        self._lengths: dict[str, int] = {}

    def spelled(self, file: Any, member: str, names: Names) -> str:
        """The name of a variable in the file.

        A variable may be named as a dimension only if that is its first one, which makes it the
        coordinate variable. Otherwise the name gets a prefix.
        """
        parent, slash, last = member.rpartition("/")
        is_coordinate = bool(names) and names[0] == last and last not in names[1:]
        found = file.get(member)
        taken = isinstance(found, h5py.Dataset) and is_dimension_only(found)
        if is_coordinate or not (last in names or taken or member in self._wanted):
            return member
        return f"{parent}{slash}{NON_COORDINATE}{last}"

    def give(self, dataset: Any, names: Names) -> None:
        """Attach a scale to every axis of a new dataset.

        A dimension of the file with the wanted name and length is used; else a new one is made,
        called ``x0``, ``x1``, ... if the name is taken.
        """
        own = dataset.name.rpartition("/")[2]
        if dataset.ndim == 1 and names[0] == own:
            self._make_scale(dataset, own)
            return
        if dataset.ndim > 1 and names[0] == own and own not in names[1:]:
            self._make_coordinate_variable(dataset, names, own)
            return
        used: set[str] = set()
        for axis, name in enumerate(names):
            scale = self._scale(dataset, axis, name, own, used)
            used.add(scale.name)
            dataset.dims[axis].attach_scale(scale)

    def finish(self, file: Any) -> None:
        """Add dimensions that no array has, and number all of them from 0 on."""
        for path, dimension in self._wanted.items():
            if not dimension.is_used and file.get(path, getlink=True) is None:
                parent, _, name = path.rpartition("/")
                group = file[key(parent)] if parent else file
                self._new_scale(group, name, dimension.length, dimension.is_unlimited)
        if self._next is not None:
            _renumber(file)

    def _make_scale(self, dataset: Any, name: str) -> None:
        h5py.h5ds.set_scale(dataset.id, name.encode())
        dataset.attrs[_NUMBER] = np.int32(self._number(dataset))

    def _make_coordinate_variable(self, dataset: Any, names: Names, own: str) -> None:
        """A variable of several axes, named as its first: it lists numbers in place of scales."""
        self._make_scale(dataset, own)
        used = {dataset.name}
        numbers = [int(attribute_of(dataset, _NUMBER))]
        for axis, name in enumerate(names[1:], 1):
            scale = self._scale(dataset, axis, name, own, used)
            used.add(scale.name)
            numbers.append(int(attribute_of(scale, _NUMBER)))
        dataset.attrs[_NUMBERS] = np.array(numbers, np.int32)

    def _scale(self, dataset: Any, axis: int, name: str | None, own: str, used: set[str]) -> Any:
        """A scale for one axis: one that is there and fits, or a new one."""
        group = dataset.parent
        length, unlimited = dataset.shape[axis], dataset.maxshape[axis] is None
        for candidate in _candidates(name, axis):
            if candidate != name and _path(group, candidate) in self._expected:
                continue
            home = self._home(group, candidate)
            if candidate != own and home.get(candidate, getlink=True) is None:
                return self._new_scale(home, candidate, length, unlimited)
            found = home.get(candidate)
            if isinstance(found, h5py.Dataset) and (found.name not in used or candidate == name):
                fits = is_scale(found) and found.ndim and self._length(found) == length
                if fits and (found.maxshape[0] is None) == unlimited and found != dataset:
                    return found
            if candidate == name and group.get(name, getlink=True) is None:
                # hides that of a group above
                return self._new_scale(group, name, length, unlimited)
        raise AssertionError("names with a number after them do not end")

    def forget(self) -> None:
        """Forget the lengths of dimensions, which an array that was removed may have changed."""
        self._lengths.clear()

    def _length(self, scale: Any) -> int:
        """The length of a dimension, remembered: new arrays along it have the same."""
        name = scale.name
        if name not in self._lengths:
            self._lengths[name] = dimension_length(scale)
        return self._lengths[name]

    def _home(self, group: Any, name: str) -> Any:
        """The nearest group, from that of an array upwards, that has such a dimension or gets it.

        If there is none, it is the array's own group.
        """
        above = group
        while above.get(name, getlink=True) is None and _path(above, name) not in self._wanted:
            if above.name == "/":
                return group
            above = above.parent
        return above

    def _new_scale(self, group: Any, name: str, length: int, unlimited: bool) -> Any:
        """A dimension without a variable."""
        more: dict[str, Any] = {"maxshape": (None,), "chunks": (1024,)} if unlimited else {}
        scale = group.create_dataset(name, (length,), ">f4", track_times=False, **more)
        h5py.h5ds.set_scale(scale.id, f"{WITHOUT_VARIABLE}.{length:10d}".encode())
        scale.attrs[_NUMBER] = np.int32(self._number(scale))
        return scale

    def _number(self, scale: Any) -> int:
        """The number that the dimension has in the inputs, else a free one."""
        if self._next is None:
            wanted = (dimension.number for dimension in self._wanted.values())
            self._next = 1 + max((*_numbers(scale.file, new=scale), *wanted), default=-1)
        wanted_one = self._wanted.get(scale.name.lstrip("/"))
        if wanted_one is not None:
            return wanted_one.number
        self._next += 1
        return self._next - 1


def _path(group: Any, name: str) -> str:
    return f"{group.name}/{name}".lstrip("/")


def _candidates(name: str | None, axis: int) -> Iterator[str]:
    if name:
        yield name
    yield from (f"x{number}" for number in count(axis))


def _scales(file: Any) -> list[Any]:
    """All scales of a file; those without a number last."""
    found: list[Any] = []

    def note(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and is_scale(item):
            found.append(item)

    file.visititems(note)
    return sorted(found, key=lambda item: not has_attribute(item, _NUMBER))


def _numbers(file: Any, new: Any) -> list[int]:
    """The numbers of all dimensions but a new one; those without a number get one.

    netCDF-C itself would number them from 0 on.
    """
    numbers: list[int] = []
    for scale in _scales(file):
        if scale == new:
            continue
        if not has_attribute(scale, _NUMBER):
            scale.attrs[_NUMBER] = np.int32(1 + max(numbers, default=-1))
        numbers.append(int(attribute_of(scale, _NUMBER)))
    return numbers


def _renumber(file: Any) -> None:
    """Number the dimensions from 0 on, because some programs ask for one number after another."""
    scales = sorted(_scales(file), key=lambda item: int(attribute_of(item, _NUMBER)))
    new = {int(attribute_of(scale, _NUMBER)): number for number, scale in enumerate(scales)}
    if all(old == number for old, number in new.items()):
        return
    for scale in scales:
        scale.attrs[_NUMBER] = np.int32(new[int(attribute_of(scale, _NUMBER))])
        if has_attribute(scale, _NUMBERS):
            numbers = [new[int(number)] for number in attribute_of(scale, _NUMBERS)]
            scale.attrs[_NUMBERS] = np.array(numbers, np.int32)
