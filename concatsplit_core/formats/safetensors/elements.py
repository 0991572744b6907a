"""The types of elements in safetensors, and the dtypes that stand for them."""

from __future__ import annotations

import numpy as np

from concatsplit_core.array.geometry import Shape
from concatsplit_core.array.low_precision import TYPES, low_precision_of, shown_dtype
from concatsplit_core.foundation.errors import MalformedInput, UnsupportedDtype

_NUMPY = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "I16": "<i2", "U16": "<u2", "F16": "<f2", "I32": "<i4",
    "U32": "<u4", "F32": "<f4", "C64": "<c8", "F64": "<f8", "I64": "<i8", "U64": "<u8",
}  # fmt: skip
_LOW = {each.name: each for each in TYPES}

_RANKED = (
    "BOOL", "F4", "F6_E2M3", "F6_E3M2", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0",
    "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I16", "U16", "F16", "BF16", "I32", "U32", "F32", "C64", "F64",
    "I64", "U64",
)  # fmt: skip
"""The order of the reference library, which writes the last one first."""
_RANKS = {kind: rank for rank, kind in enumerate(_RANKED)}

BITS = {kind: 8 * np.dtype(name).itemsize for kind, name in _NUMPY.items()} | {
    kind: 8 * each.nbytes // each.elements for kind, each in _LOW.items()
}
"""Bits of an element of each type."""

_DTYPES = {kind: np.dtype(name) for kind, name in _NUMPY.items()} | {
    kind: each.dtype for kind, each in _LOW.items()
}
_KINDS = {dtype: kind for kind, dtype in _DTYPES.items()}


def rank_of(kind: str) -> int:
    """The place of a type in the reference library's order."""
    return _RANKS[kind]


def dtype_of(kind: str) -> np.dtype:
    """The dtype of an array of this type."""
    return _DTYPES[kind]


def items_shape(kind: str, shape: Shape, ref: str) -> Shape:
    """A shape in items: several elements along the last axis may be packed into one.

    Raises
    ------
    MalformedInput
        The last axis is not a whole number of items.
    """
    count = _LOW[kind].elements if kind in _LOW else 1
    if count == 1:
        return shape
    if not shape or shape[-1] % count:
        raise MalformedInput(
            f"{ref}: the last axis of its shape {shape} is not a multiple of "
            f"{count}, the number of {kind} that are packed together; such a tensor is not read",
            ref=ref,
            found=shape,
        )
    return (*shape[:-1], shape[-1] // count)


def elements_shape(dtype: np.dtype, shape: Shape) -> Shape:
    """A shape in elements, as the header has it."""
    found = low_precision_of(dtype)
    if found is None or found.elements == 1:
        return shape
    return (*shape[:-1], shape[-1] * found.elements)


def type_of(dtype: np.dtype) -> str:
    """The type that safetensors has for a dtype.

    Raises
    ------
    UnsupportedDtype
        It has none.
    """
    found = _KINDS.get(dtype)
    if found is None:
        raise UnsupportedDtype(
            f"dtype {shown_dtype(dtype)} cannot be stored in safetensors, which holds "
            f"{', '.join(_RANKED)}; cast with --dtype, or write to .h5 or .zarr",
            found=dtype,
        )
    return found


def little_endian(dtype: np.dtype) -> np.dtype:
    """A dtype in the byte order of the format."""
    return dtype if dtype.kind in "TV" else dtype.newbyteorder("<")
