"""Names of the axes of an HDF5 dataset: netCDF-4's dimensions, HDF5's scales and labels."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from concatsplit_core.array.geometry import Shape
from concatsplit_core.formats.hdf5.attributes import attribute_of, plain_text
from concatsplit_core.formats.hdf5.library import h5py
from concatsplit_core.foundation.jsonable import text_of
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.meaning.dimensions import Names

WITHOUT_VARIABLE = "This is a netCDF dimension but not a netCDF variable"
"""How netCDF-C begins the NAME of a scale that stands for a dimension only."""
NON_COORDINATE = "_nc4_non_coord_"
"""Prefix that netCDF-C gives a variable that has a dimension's name but is not its coordinate."""


def is_scale(item: Any) -> bool:
    """Whether a dataset is a dimension scale."""
    return text_attribute(item, "CLASS") == "DIMENSION_SCALE"


def is_dimension_only(item: Any) -> bool:
    """Whether a dataset stands for a netCDF dimension that has no variable."""
    return is_scale(item) and (text_attribute(item, "NAME") or "").startswith(WITHOUT_VARIABLE)


def has_attribute(item: Any, name: str) -> bool:
    """Whether there is an attribute; h5py's own way takes several times as long."""
    return bool(h5py.h5a.exists(item.id, name.encode()))


def text_attribute(item: Any, name: str) -> str | None:
    """An attribute that is text; None if it is missing, is not text, or cannot be read."""
    try:
        if not has_attribute(item, name):
            return None
        found = h5py.h5a.open(item.id, name.encode())
        is_text = isinstance(found.get_type(), h5py.h5t.TypeStringID)
        return plain_text(attribute_of(item, name)) if is_text else None
    except Exception:  # a damaged attribute makes h5py raise anything
        return None


class Axis(NamedTuple):
    """What a file says of one axis of a dataset.

    Parameters
    ----------
    label : str, optional
    scales : tuple of str
        Paths of the scales that hang on it.
    """

    label: str | None
    scales: tuple[str, ...]


def axes_of(dataset: Any) -> tuple[Axis, ...]:
    """What a file says of each axis; empty if none has a scale."""
    if not has_attribute(dataset, "DIMENSION_LIST") and not is_scale(dataset):
        return ()
    try:
        listed: list[Any] = [()] * dataset.ndim
        if has_attribute(dataset, "DIMENSION_LIST"):
            listed = _references(dataset)
        scales = [
            tuple(filter(None, (_name(dataset.file[ref]) for ref in refs if ref)))
            for refs in listed
        ]
        return tuple(map(Axis, _labels(dataset), scales))
    except Exception:  # damaged references make h5py raise anything; the array can still be read
        return ()


def dimension_names(dataset: Any) -> Names | None:
    """The names of a dataset's axes; None if no axis has one.

    A label is preferred to the name of a scale; the axis of a scale is named as the scale.
    """
    try:
        if not h5py.h5a.get_num_attrs(dataset.id):
            return None
        labels, scales = _labels(dataset), _scales(dataset)
        if not any((*labels, *(scale is not None for scale in scales))) and is_scale(dataset):
            scales = _of_a_scale(dataset)
        names = [
            label or (None if scale is None else _base_name(scale))
            for label, scale in zip(labels, scales, strict=True)
        ]
    except Exception:  # a damaged name makes h5py raise anything; the array can still be read
        return None
    return tuple(names) if any(names) else None


def _labels(dataset: Any) -> list[str | None]:
    """DIMENSION_LABELS, read as an attribute: h5py crashes where it is shorter than the rank."""
    none: list[str | None] = [None] * len(dataset.shape)
    if not has_attribute(dataset, "DIMENSION_LABELS"):
        return none
    found = [plain_text(label) or None for label in list(attribute_of(dataset, "DIMENSION_LABELS"))]
    return [*found, *none][: len(dataset.shape)]


def _scales(dataset: Any) -> list[Any]:
    """The first scale on each axis, out of DIMENSION_LIST."""
    none: list[Any] = [None] * len(dataset.shape)
    if not has_attribute(dataset, "DIMENSION_LIST"):
        return none
    found: list[Any] = []
    for references in _references(dataset)[: len(dataset.shape)]:
        first = next((r for r in references if isinstance(r, h5py.Reference) and r), None)
        found.append(None if first is None else _behind(dataset, first))
    return [*found, *none][: len(dataset.shape)]


def _references(dataset: Any) -> list[Any]:
    """References to the scales of each axis."""
    return list(attribute_of(dataset, "DIMENSION_LIST"))


def _behind(dataset: Any, reference: Any) -> Any:
    """What a reference leads to; h5py's own way takes longer, since it asks for the file."""
    found = h5py.h5r.dereference(reference, dataset.id)
    if isinstance(found, h5py.h5d.DatasetID):
        return h5py.Dataset(found, readonly=True)
    return dataset.file[reference]


def _base_name(item: Any) -> str | None:
    """The last part of an object's name."""
    return (_name(item) or "").rpartition("/")[2].removeprefix(NON_COORDINATE) or None


def _name(item: Any) -> str | None:
    """An object's name.

    HDF5 searches the whole file for the name of what a reference leads to. So that it does not for
    every array, the name is remembered as long as the file is the same.
    """

    def look() -> str | None:
        name = item.name
        return text_of(name) if isinstance(name, bytes) else name

    return _remembered(_known_names, item, look)


_MOST = 4096
_known_names: dict[tuple[int, ...], str | None] = {}
_known_lengths: dict[tuple[int, ...], int] = {}


def _remembered[T](known: dict[tuple[int, ...], T], item: Any, look: Callable[[], T]) -> T:
    """What is known of an object as long as its file stays the same, else what `look` gives."""
    key = identity(item)
    if key is None:
        return look()
    if key not in known:
        if len(known) >= _MOST:
            known.clear()
        known[key] = look()
    return known[key]


def identity(item: Any) -> tuple[int, ...] | None:
    """An object and the state of its file; None for one that is in no file."""
    try:
        found = os.stat(item.file.filename)
    except (OSError, ValueError):
        return None
    address = int(h5py.h5o.get_info(item.id).addr)
    times = (found.st_mtime_ns, found.st_ctime_ns)
    return (found.st_dev, found.st_ino, *times, found.st_size, address)


def _of_a_scale(dataset: Any) -> list[Any]:
    """A coordinate variable's scales: itself, or by number where it has several axes."""
    if dataset.ndim == 1:
        return [dataset]
    numbers = [int(n) for n in attribute_of(dataset, "_Netcdf4Coordinates", ())]
    known: dict[int, Any] = {}
    group = dataset.parent
    while True:
        for item in group.values():
            number = None
            if isinstance(item, h5py.Dataset) and is_scale(item):
                number = attribute_of(item, "_Netcdf4Dimid")
            if number is not None:
                known.setdefault(int(number), item)
        if group.name == "/":
            break
        group = group.parent
    scales = [known.get(number) for number in numbers]
    return scales if len(scales) == dataset.ndim else [None] * dataset.ndim


def netcdf_shape(dataset: Any) -> Shape:
    """The shape that netCDF gives an array: unlimited axes are as long as their dimensions.

    An array in the file may be shorter; netCDF readers see fill values after its end.
    """
    shape: Shape = dataset.shape
    if None not in dataset.maxshape:
        return shape
    try:
        scales = _of_a_scale(dataset) if is_scale(dataset) else _scales(dataset)
        return tuple(
            max(length, dimension_length(scale))
            if most is None and _is_of_netcdf(scale)
            else length
            for length, most, scale in zip(shape, dataset.maxshape, scales, strict=True)
        )
    except Exception:  # a damaged reference makes h5py raise anything
        return shape


def _is_of_netcdf(scale: Any) -> bool:
    """Whether a scale is a netCDF dimension: those have numbers."""
    return scale is not None and has_attribute(scale, "_Netcdf4Dimid")


def references_of(scale: Any) -> Any:
    """The arrays that have a scale, each with the number of the axis."""
    return attribute_of(scale, "REFERENCE_LIST", ())


def dimension_length(scale: Any) -> int:
    """The length of a dimension: one that may grow is as long as the longest of its arrays."""
    longest, file = int(scale.shape[0]), scale.file
    if scale.maxshape[0] is not None:
        return longest

    def look() -> int:  # at all arrays that have it, once and not for each of them
        found = references_of(scale)
        return max((int(file[reference].shape[axis]) for reference, axis in found), default=0)

    return max(longest, _remembered(_known_lengths, scale, look))
