"""Compares types of HDF5 with NumPy's dtypes: whether their bytes are the same."""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import Any

import numpy as np

from concatsplit_core.array.layouts import Encoding
from concatsplit_core.formats.hdf5.library import h5py
from concatsplit_core.foundation.errors import UnsupportedDtype


def has_numpy_bytes(stored: bytes, dtype: np.dtype) -> bool:
    """Whether the bytes of an encoded HDF5 type are those of the NumPy dtype."""
    try:
        made = h5py.h5t.py_create(stored_dtype(dtype), logical=True)
        return bool(made.equal(h5py.h5t.decode(stored)))
    except (TypeError, ValueError, UnsupportedDtype):
        return False


@lru_cache(256)
def has_sound_numbers(stored: bytes) -> bool:
    """Whether all bits of the floating-point numbers in an encoded HDF5 type lie in their bytes.

    HDF5 checks that of integers when it opens a file. It converts numbers on its stack, and writes
    beyond them where a damaged type says so.
    """
    return _is_sound(h5py.h5t.decode(stored))


def _is_sound(kind: Any) -> bool:
    if isinstance(kind, h5py.h5t.TypeCompoundID):
        return all(_is_sound(kind.get_member_type(i)) for i in range(kind.get_nmembers()))
    if isinstance(kind, h5py.h5t.TypeFloatID):
        sign, exponent, exponent_bits, mantissa, mantissa_bits = kind.get_fields()
        ends = kind.get_offset() + kind.get_precision(), exponent + exponent_bits
        return bool(max(*ends, mantissa + mantissa_bits, sign + 1) <= 8 * kind.get_size())
    return kind.get_class() not in _OF_NUMBERS or _is_sound(kind.get_super())


_OF_NUMBERS = {h5py.h5t.ARRAY, h5py.h5t.VLEN, getattr(h5py.h5t, "COMPLEX", None)}
"""Classes of types whose items hold items of another type; older versions lack the last one."""


def takes_items(stored: bytes, dtype: np.dtype) -> bool:
    """Whether items of the NumPy dtype may be written as they are.

    HDF5 demands a NUL at the end of some text, and would cut the last letter where it fills an
    item; netCDF-C and others write such text without the NUL.
    """
    kind = h5py.h5t.decode(stored)
    return has_numpy_bytes(stored, dtype) or (
        dtype.kind == "S" and _is_terminated(kind) and kind.get_size() == dtype.itemsize
    )


def loses_text(stored: bytes) -> bool:
    """Whether a type has text that ends with a NUL inside its items, which HDF5 would cut."""
    kind = h5py.h5t.decode(stored)
    return not isinstance(kind, h5py.h5t.TypeStringID) and _holds_terminated(kind)


def _is_terminated(kind: Any) -> bool:
    is_text = isinstance(kind, h5py.h5t.TypeStringID) and not kind.is_variable_str()
    return is_text and kind.get_strpad() == h5py.h5t.STR_NULLTERM


def _holds_terminated(kind: Any) -> bool:
    if isinstance(kind, h5py.h5t.TypeCompoundID):
        return any(_holds_terminated(kind.get_member_type(i)) for i in range(kind.get_nmembers()))
    if isinstance(kind, h5py.h5t.TypeArrayID):
        return _holds_terminated(kind.get_super())
    return _is_terminated(kind)


def encoding(dtype: np.dtype, codec: Hashable, stored: bytes | None) -> Encoding | None:
    """How chunks are encoded; None for strings, whose text lies outside the chunks.

    Items that NumPy has no dtype for, such as text padded with blanks, move only between datasets
    of the very same type.
    """
    if dtype.kind == "T":
        return None
    if stored is None or has_numpy_bytes(stored, dtype):
        return Encoding(dtype, codec)
    return Encoding(dtype, (codec, stored))


def stored_dtype(dtype: np.dtype) -> np.dtype:
    """The dtype that h5py stores an array of this dtype as.

    Raises
    ------
    UnsupportedDtype
        HDF5 has no such type.
    """
    if dtype.kind == "T":
        dtype = h5py.string_dtype("utf-8")
        return dtype
    if not dtype.itemsize:
        raise UnsupportedDtype(f"dtype {dtype} holds nothing, which HDF5 has no type for")
    if dtype.kind in "mM":
        dtype = h5py.opaque_dtype(dtype)
        return dtype
    try:
        h5py.h5t.py_create(dtype, logical=True)
    except (TypeError, ValueError) as error:  # such as a field without a name
        hint = "; --dtype S32 makes it bytes" if dtype.kind == "U" else ""
        raise UnsupportedDtype(
            f"dtype {dtype} has no HDF5 type{hint}; or write to .npy or .zarr", found=dtype
        ) from error
    return dtype
