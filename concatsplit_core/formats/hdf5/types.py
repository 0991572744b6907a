"""What the items of a data set are, in NumPy's terms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import h5py
import numpy as np

from concatsplit_core.errors import UnsupportedDtype
from concatsplit_core.geometry import Shape
from concatsplit_core.records import is_ordered, overlapping, packed
from concatsplit_core.spec import ArraySpec


class Items(NamedTuple):
    """The items of a data set.

    Parameters
    ----------
    dtype : numpy.dtype
        Of the elements; ``StringDType`` for strings of any length.
    shape : tuple of int
        Of an item that is itself an array (HDF5's array type): further axes of the array.
    plain : bool
        The bytes in the file are those of the NumPy dtype.
    """

    dtype: np.dtype
    shape: Shape
    plain: bool


def items_of(dataset: Any, ref: str) -> Items:
    """Describe the items of a data set.

    Raises
    ------
    UnsupportedDtype
        NumPy has no such type, or its fields overlap: h5py takes a wider type for an unusual
        floating-point field, and reading it so corrupts the memory of the process.
    """
    try:
        found = dataset.dtype
    except (TypeError, ValueError) as error:
        raise UnsupportedDtype(f"{ref}: {error}", ref=ref) from error
    text = h5py.check_string_dtype(found)
    if text is not None and text.length is None:
        return Items(np.dtypes.StringDType(), (), False)
    if found.hasobject:
        kind = "references" if h5py.check_ref_dtype(found) else "variable-length items"
        raise UnsupportedDtype(
            f"{ref}: holds {kind}, which have no array form outside HDF5", ref=ref
        )
    field = overlapping(found)
    if field is not None:
        raise UnsupportedDtype(
            f"{ref}: its field '{field}' would share bytes with another one in memory, since a "
            "field has a type that NumPy lacks; such items cannot be read",
            ref=ref,
        )
    shape: Shape = ()
    dtype: np.dtype = np.dtype(found)
    while dtype.subdtype is not None:
        dtype, inner = dtype.subdtype
        shape += inner
    if not is_ordered(dtype):
        return Items(packed(dtype), shape, False)
    return Items(dtype, shape, _is_plain(dataset))


def _is_plain(dataset: Any) -> bool:
    stored = dataset.id.get_type()
    return bool(h5py.h5t.py_create(dataset.dtype, logical=True).equal(stored))


def readable_attributes(owner: Any) -> Iterator[str]:
    """Names of the attributes that h5py can read; the others have no form outside HDF5.

    NumPy lacks their types, or reading them would corrupt memory as in `items_of`.
    """
    names: list[bytes] = []
    tracked = owner.id.get_create_plist().get_attr_creation_order() & h5py.h5p.CRT_ORDER_TRACKED
    order = h5py.h5.INDEX_CRT_ORDER if tracked else h5py.h5.INDEX_NAME
    h5py.h5a.iterate(owner.id, lambda name, *_: names.append(name), index_type=order)
    for own in names:
        try:
            name = own.decode("utf-8")
            sound = overlapping(h5py.h5a.open(owner.id, own).dtype) is None
        except (TypeError, ValueError):  # a type, or a name, that is nothing in Python
            continue
        if sound:
            yield name


def as_items(spec: ArraySpec, shape: Shape) -> ArraySpec:
    """An array as HDF5 sees it whose last axes, of this shape, lie inside each item."""
    if not shape:
        return spec
    rank = spec.ndim - len(shape)
    chunks = None if spec.chunks is None else spec.chunks[:rank]
    dtype: np.dtype = np.dtype((spec.dtype, shape))
    return replace(spec, shape=spec.shape[:rank], chunks=chunks, dtype=dtype)


def kept_items(spec: ArraySpec, chunks: Shape | None, fill: Any, shape: Shape) -> Shape:
    """The shape of an output's items: its inputs', where it still has them whole.

    An item that is an array can have no fill value here but zero.
    """
    if not shape or 0 in shape or spec.dtype.kind in "mMT":
        return ()
    rank = spec.ndim - len(shape)
    whole = spec.shape[rank:] == shape and (chunks is None or (rank and chunks[rank:] == shape))
    zero = fill is None or not np.asarray(fill).astype(spec.dtype).tobytes().strip(b"\0")
    return shape if whole and zero else ()
