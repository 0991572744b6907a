"""What the items of a dataset are, in NumPy's terms."""

from __future__ import annotations

from typing import Any

import numpy as np

from concatsplit_core.array.fields import is_ordered, overlapping, packed
from concatsplit_core.array.geometry import Shape
from concatsplit_core.array.layouts import Chunked
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.hdf5.library import h5py
from concatsplit_core.formats.hdf5.types import has_numpy_bytes, has_sound_numbers
from concatsplit_core.foundation.errors import MalformedInput, UnsupportedDtype
from concatsplit_core.foundation.records import NamedTuple, replace


class Items(NamedTuple):
    """The items of a dataset.

    Parameters
    ----------
    dtype : numpy.dtype
        Of the elements; ``StringDType`` for strings of any length.
    shape : tuple of int
        Of an item that is itself an array (HDF5's array type): further axes of the array.
    plain : bool
        The bytes in the file are those of the NumPy dtype.
    own_type : bytes, optional
        The encoded HDF5 type, where an output can have the very same one.
    """

    dtype: np.dtype
    shape: Shape
    plain: bool
    own_type: bytes | None = None


def items_of(dataset: Any, ref: str) -> Items:
    """Describe the items of a dataset.

    Raises
    ------
    MalformedInput
        Bits of a number lie outside of its bytes.
    UnsupportedDtype
        NumPy has no such type, or its fields overlap: h5py takes a wider type for an unusual
        floating-point field, and reading that corrupts the memory of the process.
    """
    stored = bytes(dataset.id.get_type().encode())
    if stored not in _known:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[stored] = _items_of(dataset, stored, ref)
    return _known[stored]


_MOST_KNOWN = 256
_known: dict[bytes, Items] = {}
"""Items by their encoded type: thousands of datasets often have the same one."""


def _items_of(dataset: Any, stored: bytes, ref: str) -> Items:
    if not has_sound_numbers(stored):
        raise MalformedInput(
            f"{ref}: its type has numbers with bits outside of their bytes; the file is damaged",
            ref=ref,
        )
    try:
        found = dataset.dtype
    except (TypeError, ValueError) as error:
        raise UnsupportedDtype(
            f"{ref}: its items are of a type that NumPy lacks: {error}", ref=ref
        ) from error
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
    plain = has_numpy_bytes(stored, np.dtype(found))
    return Items(dtype, shape, plain, None if shape else stored)


def as_items(spec: ArraySpec, shape: Shape) -> ArraySpec:
    """An array as HDF5 sees it if its last axes, of this shape, lie inside each item."""
    if not shape:
        return spec
    rank = spec.ndim - len(shape)
    dtype: np.dtype = np.dtype((spec.dtype, shape))
    layout = spec.layout
    if isinstance(layout, Chunked):
        layout = layout._replace(chunks=layout.chunks[:rank])
    return replace(spec, shape=spec.shape[:rank], layout=layout, dtype=dtype)


def kept_items(spec: ArraySpec, chunks: Shape | None, fill: Any, shape: Shape) -> Shape:
    """The shape of an output's items: that of the inputs' items, if the output keeps them whole.

    An item that is an array can only have zero as its fill value here.
    """
    if not shape or 0 in shape or spec.dtype.kind in "mMT":
        return ()
    rank = spec.ndim - len(shape)
    whole = spec.shape[rank:] == shape and (chunks is None or (rank and chunks[rank:] == shape))
    zero = fill is None or not np.asarray(fill).astype(spec.dtype).tobytes().strip(b"\0")
    return shape if whole and zero else ()
