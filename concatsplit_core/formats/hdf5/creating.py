"""Creates datasets: type, space, filters and fill value, then names of axes and attributes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any

import numpy as np

from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.codecs.pipeline import Codec
from concatsplit_core.formats.hdf5 import filters
from concatsplit_core.formats.hdf5.attributes import LARGE, attribute_bytes, write_attributes
from concatsplit_core.formats.hdf5.library import h5py
from concatsplit_core.formats.hdf5.named_types import named
from concatsplit_core.formats.hdf5.netcdf_dimensions import Dimensions
from concatsplit_core.formats.hdf5.scales import Scales
from concatsplit_core.formats.hdf5.types import stored_dtype
from concatsplit_core.formats.storage import Storage
from concatsplit_core.foundation.errors import UnsupportedDtype
from concatsplit_core.meaning.model import same

_TEXT = h5py.string_dtype()


def create(
    file: Any,
    member: str,
    spec: ArraySpec,
    storage: Storage,
    netcdf: bool,
    types: Iterable[str] = (),
) -> Any:
    """Create a dataset; it has no attributes yet.

    Parameters
    ----------
    file : h5py.File
    member : str
    spec : ArraySpec
    storage : Storage
    netcdf : bool
    types : iterable of str
        Paths of types in the file that arrays may have.

    Raises
    ------
    UnsupportedDtype
        HDF5 makes no array of the type that the inputs have.
    """
    dcpl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    dcpl.set_obj_track_times(False)
    if netcdf or attribute_bytes(storage.meaning.attrs) > LARGE:
        dcpl.set_attr_creation_order(h5py.h5p.CRT_ORDER_TRACKED | h5py.h5p.CRT_ORDER_INDEXED)
    if spec.chunks is not None:
        dcpl.set_chunk(spec.chunks)
        chunk_bytes = prod(spec.chunks) * spec.dtype.itemsize
        if storage.native is not None:
            from concatsplit_core.formats.hdf5.replicas import keep

            keep(dcpl, storage.native[1])
        filters.apply(dcpl, storage.codec or Codec(), spec.dtype.itemsize, chunk_bytes)
    elif spec.is_contiguous:
        dcpl.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        dcpl.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    fill = fill_for(spec, storage)
    if not spec.is_string and fill.tobytes() != bytes(spec.dtype.itemsize):
        # h5py stores an address in the place of text of a fixed length
        dcpl.set_fill_value(np.array(fill.item(), _TEXT) if spec.dtype.kind == "S" else fill)
    space = _space(spec, storage)
    parent, _, name = member.rpartition("/")
    group = _group(file, parent, netcdf)
    own = storage.own.get("type")
    kind = (
        h5py.h5t.decode(own)
        if own is not None
        else h5py.h5t.py_create(stored_dtype(spec.dtype), logical=True)
    )
    kind = next((file[path].id for path in types if file[path].id.equal(kind)), kind)
    if netcdf and not kind.committed():
        kind = named(file, kind, name)
    return _made(group, name, kind, space, dcpl)


def _made(group: Any, name: str, kind: Any, space: Any, dcpl: Any) -> Any:
    try:
        return h5py.Dataset(h5py.h5d.create(group.id, name.encode(), kind, space, dcpl))
    except ValueError as error:
        if "datatype" not in str(error):
            raise
        raise UnsupportedDtype(
            f"HDF5 reads the type of the input, and makes no array of it: {error}; write to .npy "
            "or .zarr"
        ) from error


def _group(file: Any, path: str, netcdf: bool) -> Any:
    """The group of a path, created if missing; for netCDF-C it keeps the order of its links."""
    group = file
    for name in filter(None, path.split("/")):
        if netcdf and name not in group:
            gcpl = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
            gcpl.set_link_creation_order(h5py.h5p.CRT_ORDER_TRACKED | h5py.h5p.CRT_ORDER_INDEXED)
            gcpl.set_obj_track_times(False)
            h5py.h5g.create(group.id, name.encode(), gcpl=gcpl)
        group = group.require_group(name)
    return group


def _space(spec: ArraySpec, storage: Storage) -> Any:
    """The data space; axes of chunked datasets may grow if those of the inputs could."""
    if not spec.shape:
        return h5py.h5s.create(h5py.h5s.SCALAR)
    if storage.maxshape is None or spec.chunks is None:
        return h5py.h5s.create_simple(spec.shape)
    limits = tuple(
        h5py.h5s.UNLIMITED if most is None else max(most, n)
        for most, n in zip(storage.maxshape, spec.shape, strict=False)  # no axes inside items
    )
    return h5py.h5s.create_simple(spec.shape, limits)


def fill_for(spec: ArraySpec, storage: Storage) -> np.ndarray:
    """The fill value; zero for strings, for items that are arrays, and for times.

    Also zero for bytes with a NUL inside, where h5py would end the fill value.
    """
    if storage.fill_value is None or spec.dtype.kind in "TmM" or spec.dtype.subdtype is not None:
        return np.zeros((), spec.dtype)
    fill: np.ndarray = np.asarray(storage.fill_value).astype(spec.dtype)
    return np.zeros((), spec.dtype) if fill.dtype.kind == "S" and b"\0" in fill.item() else fill


def describe(
    dataset: Any, storage: Storage, dimensions: Dimensions | None, scales: Scales | None
) -> list[str]:
    """Name the axes of a new dataset and write its attributes; returns what HDF5 cannot hold.

    Parameters
    ----------
    dataset : h5py.Dataset
    storage : Storage
    dimensions : Dimensions, optional
        Of a netCDF file.
    scales : Scales, optional
        Of another file that keeps the scales of its inputs.
    """
    _give_names(dataset, storage, dimensions, scales)
    attrs, own = dict(storage.meaning.attrs), storage.own.get("attrs", {})
    if storage.meaning.missing is not None:
        attrs["_FillValue"] = _marker(storage, own, dataset.dtype)
        order = own if "_FillValue" in own else ("_FillValue",)  # as netCDF libraries write it
        attrs = {name: attrs[name] for name in order if name in attrs} | attrs
    return write_attributes(dataset, attrs, own, dimensions is not None)


def _give_names(
    dataset: Any, storage: Storage, dimensions: Dimensions | None, scales: Scales | None
) -> None:
    """Name the axes: as netCDF's dimensions, else by HDF5's labels."""
    names = (storage.meaning.dims or (None,) * dataset.ndim)[: dataset.ndim]
    if dimensions is not None:
        dimensions.give(dataset, names)
        return
    named_already = set() if scales is None else scales.give(dataset, storage)
    for axis, name in enumerate(names):
        if name and axis not in named_already:
            dataset.dims[axis].label = name


def _marker(storage: Storage, own: Mapping[str, Any], dtype: np.dtype) -> Any:
    """The missing value as the input stored it if it is unchanged, else as an array of one.

    It has the dtype of the new array, as netCDF demands.
    """
    missing, kept = storage.meaning.missing, own.get("_FillValue")
    is_text = isinstance(missing, str | bytes)
    if (
        kept is not None
        and same(kept.value, missing)
        and (is_text or _dtype_of(kept) == dtype.newbyteorder("="))
    ):
        return kept.value
    return missing if is_text else np.asarray([missing], dtype)


def _dtype_of(kept: Any) -> np.dtype:
    array: np.ndarray = np.asarray(kept.value)
    return array.dtype.newbyteorder("=")
