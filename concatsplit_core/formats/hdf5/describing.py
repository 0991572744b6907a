"""Opens an HDF5 dataset: finds it in its file, checks it, and describes it as a source."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from concatsplit_core.array.layouts import ArrayLayout, Chunked, Contiguous, Opaque
from concatsplit_core.array.spec import STRING_BYTES, ArraySpec
from concatsplit_core.codecs.chunks import can_decode
from concatsplit_core.codecs.pipeline import Codec, Step
from concatsplit_core.formats.hdf5 import filter_checks, filters, links
from concatsplit_core.formats.hdf5.attributes import read_attributes
from concatsplit_core.formats.hdf5.dimensions import (
    dimension_names,
    has_attribute,
    is_scale,
)
from concatsplit_core.formats.hdf5.files import Opened, look_at, malformed, open_now, pool
from concatsplit_core.formats.hdf5.items import Items, items_of
from concatsplit_core.formats.hdf5.library import h5py
from concatsplit_core.formats.hdf5.neighbours import beside
from concatsplit_core.formats.hdf5.opened import OpenDataset
from concatsplit_core.formats.hdf5.reading import (
    Hdf5Chunked,
    Hdf5Contiguous,
    Hdf5Decoded,
    Hdf5Source,
)
from concatsplit_core.formats.hdf5.scales import scales_of
from concatsplit_core.formats.hdf5.types import encoding
from concatsplit_core.formats.storage import Storage
from concatsplit_core.foundation.errors import (
    ConcatsplitError,
    MalformedInput,
    UnsafeContent,
    UnsupportedDtype,
    UsageError,
)
from concatsplit_core.foundation.records import NamedTuple, replace
from concatsplit_core.meaning.bounds import may_be_bounds, with_units
from concatsplit_core.meaning.missing import fill_value_notes, take_fill_value
from concatsplit_core.meaning.model import Meaning


def describe_member(path: str, member: str | None, ref: str) -> Hdf5Source:
    """Describe a dataset; without a name, the only one of the file."""
    try:
        with open_now(path) as opened:
            name = member if member is not None else links.only_member(opened.file, ref)
            name, dataset = links.follow(opened.file, name, ref, opened.groups)
            return _describe(path, name, ref, dataset, opened)
    except BaseException as error:
        pool.discard(path)
        if not isinstance(error, Exception) or (isinstance(error, ConcatsplitError) and error.ref):
            raise
        raise malformed(ref, error) from error  # a damaged file makes h5py raise nearly anything


def _describe(path: str, member: str, ref: str, dataset: OpenDataset, opened: Opened) -> Hdf5Source:
    dcpl = dataset.id.get_create_plist()
    _refuse_elsewhere(dataset, dcpl, ref)
    is_netcdf = opened.is_netcdf or (dataset.has_attributes and _has_scales(dataset))
    stored = _look_at_dataset(dataset, dcpl, ref, opened, is_netcdf)
    spec, offset = stored.spec, stored.offset
    if offset is not None and offset + spec.nbytes > opened.nbytes:
        raise MalformedInput(f"{ref}: the file ends inside the array; it is truncated", ref=ref)
    storage = _storage_of(dataset, member, stored, opened.version)
    if stored.is_netcdf and not opened.is_netcdf:
        storage = replace(storage, own=storage.own | scales_of(dataset))
    file = path if _is_file(opened) else None
    if file is not None and offset is not None:
        return Hdf5Contiguous(file, ref, spec, storage, member=member)
    if spec.chunks is None:
        return Hdf5Decoded(file, ref, spec, storage, member=member)
    return Hdf5Chunked(
        file, ref, spec, storage, stored.steps, stored.known_fill, stored.padding, member=member
    )


class _Stored(NamedTuple):
    """How a dataset lies in its file.

    Parameters
    ----------
    spec : ArraySpec
    filters : list of Filter
    codec : Codec, optional
        The filters in neutral terms; None where one of them has none.
    items : Items
    fill : numpy.ndarray, optional
        None where no neutral fill value is known.
    padding : Padding, optional
        What netCDF readers see after the end of an array on an unlimited dimension.
    offset : int, optional
        Of the first element, where the elements are one run of plain bytes.
    is_netcdf : bool
    """

    spec: ArraySpec
    filters: list[Any]
    codec: Codec | None
    items: Items
    fill: np.ndarray | None
    padding: Any
    offset: int | None
    is_netcdf: bool

    @property
    def known_fill(self) -> np.ndarray:
        """The fill value, zero where none is known."""
        return np.zeros((), self.spec.dtype) if self.fill is None else self.fill

    @property
    def steps(self) -> tuple[Step, ...] | None:
        """The steps of the codec, if chunks can be decoded without HDF5."""
        plain = self.items.plain and self.fill is not None and self.padding is None
        if self.codec is None or not plain or not can_decode(self.codec.steps):
            return None
        return self.codec.steps


def _look_at_dataset(
    dataset: OpenDataset, dcpl: Any, ref: str, opened: Opened, is_netcdf: bool
) -> _Stored:
    found = filters.filters_of(dcpl)
    chunks = dcpl.get_chunk() if dcpl.get_layout() == h5py.h5d.CHUNKED else None
    filters.refuse_unknown(found, ref)
    items = items_of(dataset, ref)
    dtype, fill = items.dtype, _fill_value(dataset, dcpl, items)
    codec = filters.codec_of(found, dtype.itemsize * prod(items.shape))
    if chunks is not None:
        in_file = dataset.id.get_type().get_size()
        filter_checks.check_parameters(found, prod(chunks), in_file, ref)
    longest = STRING_BYTES
    if dtype.kind == "T":
        steps = codec.steps if codec is not None else None
        from concatsplit_core.formats.hdf5.strings import string_bytes

        base = opened.file.userblock_size if opened.has_user_block else 0
        longest = string_bytes(dataset, steps, opened.fd, base, ref)
    padding = None
    if is_netcdf and opened.fd >= 0:
        from concatsplit_core.formats.hdf5.padding import padding_of

        padding = padding_of(dataset, dtype, found)
    plain = items.plain and fill is not None
    is_flat = opened.fd >= 0 and plain and not chunks  # the offset counts a user block
    offset = dataset.id.get_offset() if is_flat else None
    layout: ArrayLayout = Opaque() if offset is None else Contiguous("C", offset)
    if chunks is not None:
        is_movable = fill is not None and padding is None and (items.plain or items.own_type)
        made = tuple(found) if codec is None else codec.steps
        encoded = encoding(dtype, made, items.own_type) if is_movable else None
        layout = Chunked((*chunks, *items.shape), encoded)
    shape = (*(dataset.shape if padding is None else padding.shape), *items.shape)
    spec = ArraySpec(shape, dtype, layout, string_bytes=longest)
    return _Stored(spec, found, codec, items, fill, padding, offset, is_netcdf)


def _storage_of(
    dataset: OpenDataset, member: str, stored: _Stored, version: tuple[int, ...]
) -> Storage:
    """What an output inherits: codec, fill value, meaning, and what is HDF5's own."""
    spec, items, found = stored.spec, stored.items, stored.filters
    bare = not dataset.has_attributes
    values, own, notes = ({}, {}, []) if bare else read_attributes(dataset, stored.is_netcdf)
    borrowed: tuple[str, ...] = ()
    if may_be_bounds(values, dataset.shape):
        others = beside(dataset, member, version)
        more = with_units(values, member.rpartition("/")[2], others)
        values, borrowed = more, tuple(key for key in more if key not in values)
    attrs, missing = take_fill_value(values, spec.dtype)
    notes += fill_value_notes(values, missing, spec.dtype)
    names = None if bare else _names(dataset, items)
    keeps_codec = stored.codec is None or spec.chunks is None or _lossless(found)
    return Storage(
        codec=stored.codec if keeps_codec else None,
        native=("hdf5", tuple(found)) if found and stored.padding is None else None,
        fill_value=None if spec.dtype.kind == "T" else stored.known_fill[()],
        meaning=Meaning(attrs, names, missing, borrowed=borrowed),
        dialect="hdf5",
        maxshape=None if spec.chunks is None else _maxshape(dataset, items),
        notes=tuple(notes),
        own={"type": items.own_type, "attrs": own},
        item_shape=items.shape,
    )


def _is_file(opened: Opened) -> bool:
    """Whether the name is that of a file; other drivers have names of their own."""
    return opened.fd >= 0 or bool(opened.file.driver == "sec2")


def _refuse_elsewhere(dataset: Any, dcpl: Any, ref: str) -> None:
    """Refuse datasets whose elements lie in other files, or nowhere."""
    if dcpl.get_layout() == h5py.h5d.VIRTUAL:
        raise UnsafeContent(
            f"{ref}: is a virtual dataset, whose data lie in other files; name those", ref=ref
        )
    if dcpl.get_external_count():
        raise UnsafeContent(
            f"{ref}: keeps its data outside the file, in {dataset.external[0][0]}; copy them into "
            "one file first",
            ref=ref,
        )
    if dataset.shape is None:
        raise UnsupportedDtype(f"{ref}: is an empty dataset, which has no shape", ref=ref)


def _lossless(found: list[filters.Filter]) -> bool:
    return all(item.code != filters.SCALEOFFSET for item in found)


def _fill_value(dataset: Any, dcpl: Any, items: Items) -> np.ndarray | None:
    """The fill value; None if it is an array of elements."""
    if dcpl.fill_value_defined() != h5py.h5d.FILL_VALUE_USER_DEFINED or items.dtype.kind == "T":
        return np.zeros((), items.dtype)
    if items.shape:
        return None
    return np.asarray(np.asarray(dataset.fillvalue).astype(items.dtype))


def _names(dataset: Any, items: Items) -> tuple[str | None, ...] | None:
    """The names of the axes; those inside an item have none."""
    names = dimension_names(dataset)
    return None if names is None else (*names, *(None for _ in items.shape))


def _maxshape(dataset: Any, items: Items) -> tuple[int | None, ...] | None:
    """How long the axes of an array in chunks may grow; None if none of them may."""
    if dataset.maxshape == dataset.shape:
        return None
    return (*dataset.maxshape, *items.shape)


def _has_scales(dataset: Any) -> bool:
    """Whether the axes have dimension scales, as in netCDF."""
    try:
        return has_attribute(dataset, "DIMENSION_LIST") or is_scale(dataset)
    except Exception:  # damaged attributes make h5py raise anything; the array can still be read
        return False


def wrap(dataset: Any) -> Hdf5Source:
    """A dataset that is open in this process, read through its own handle."""
    if not dataset:
        raise UsageError("an h5py.Dataset whose file is closed is not an input; open it again")
    dataset.file.flush()
    ref = f"{dataset.file.filename}::{dataset.name}"
    path = str(dataset.file.filename)
    opened = look_at(dataset.file)
    source = _describe(path, dataset.name, ref, OpenDataset(dataset.id), opened)
    source.dataset = dataset
    return source
