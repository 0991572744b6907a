"""Types that NumPy does not have, such as BF16: kept as raw items with their name.

An array of BF16 has the dtype ``[('BF16', 'V2')]``: two bytes an element. In every format its name
says what the bits are, so that nobody takes them for another type. Only casts need ml_dtypes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from concatsplit_core.foundation.errors import DtypeMismatch
from concatsplit_core.foundation.records import NamedTuple


class LowPrecision(NamedTuple):
    """A type that NumPy does not have.

    Parameters
    ----------
    name : str
        As safetensors calls it, if it has it.
    nbytes : int
        Of an item.
    elements : int
        How many elements an item holds: those of less than a byte are packed.
    ml_name : str
        What ml_dtypes calls it; empty for packed ones, which it does not have.
    """

    name: str
    nbytes: int
    elements: int = 1
    ml_name: str = ""

    @property
    def field(self) -> str:
        """The name of the one field of the dtype."""
        return self.name if self.elements == 1 else f"{self.name}_x{self.elements}"

    @property
    def dtype(self) -> np.dtype:
        """The dtype of raw items."""
        return np.dtype([(self.field, f"V{self.nbytes}")])


TYPES = (
    LowPrecision("F4", 1, 2),
    LowPrecision("F6_E2M3", 3, 4),
    LowPrecision("F6_E3M2", 3, 4),
    LowPrecision("F8_E5M2", 1, 1, "float8_e5m2"),
    LowPrecision("F8_E4M3", 1, 1, "float8_e4m3fn"),
    LowPrecision("F8_E8M0", 1, 1, "float8_e8m0fnu"),
    LowPrecision("F8_E4M3FNUZ", 1, 1, "float8_e4m3fnuz"),
    LowPrecision("F8_E5M2FNUZ", 1, 1, "float8_e5m2fnuz"),
    LowPrecision("BF16", 2, 1, "bfloat16"),
)
"""Those of safetensors."""
_OTHERS = (
    LowPrecision("F8_E3M4", 1, 1, "float8_e3m4"),
    LowPrecision("F8_E4M3B11FNUZ", 1, 1, "float8_e4m3b11fnuz"),
    LowPrecision("F4_E2M1", 1, 1, "float4_e2m1fn"),
    LowPrecision("INT4", 1, 1, "int4"),
    LowPrecision("INT2", 1, 1, "int2"),
    LowPrecision("UINT4", 1, 1, "uint4"),
    LowPrecision("UINT2", 1, 1, "uint2"),
)
"""Those of Zarr, where an element has a byte of its own, and of ml_dtypes."""
_BY_FIELD = {each.field: each for each in (*TYPES, *_OTHERS)}
_BY_ML_NAME = {each.ml_name: each for each in _BY_FIELD.values() if each.ml_name}


def low_precision_of(dtype: np.dtype) -> LowPrecision | None:
    """The low-precision type of a dtype of raw items; None for all other dtypes."""
    names = dtype.names
    if names is None or len(names) != 1 or names[0] not in _BY_FIELD:
        return None
    found = _BY_FIELD[names[0]]
    return found if dtype == found.dtype else None


def low_precision_named(name: Any) -> np.dtype | None:
    """The dtype of raw items by the type's name, or ml_dtypes' own; None for all other names."""
    if not isinstance(name, str):
        return _of_ml_dtypes(name)
    found = _BY_FIELD.get(name.upper()) or _BY_ML_NAME.get(name)
    return None if found is None else found.dtype


def _of_ml_dtypes(given: Any) -> np.dtype | None:
    """The dtype of raw items for a dtype, or a scalar type, of ml_dtypes."""
    kind = given.type if isinstance(given, np.dtype) else given
    if getattr(kind, "__module__", "") != "ml_dtypes":
        return None
    found = _BY_ML_NAME.get(getattr(kind, "__name__", ""))
    return None if found is None else found.dtype


def raw_dtype(dtype: np.dtype) -> np.dtype:
    """The dtype of raw items for one of ml_dtypes; any other dtype as it is."""
    return (dtype.kind in "Vf" and _of_ml_dtypes(dtype)) or dtype


def as_raw_items(array: np.ndarray) -> np.ndarray:
    """An array of ml_dtypes seen as raw items with their name; any other array as it is."""
    dtype = raw_dtype(array.dtype)
    return array if dtype is array.dtype else array.view(dtype)


def as_numbers(array: np.ndarray) -> np.ndarray:
    """Raw items seen as numbers of ml_dtypes where it is installed; any other array as it is."""
    try:
        return array.view(numbers_of(array.dtype))
    except DtypeMismatch:
        return array


def numbers_of(dtype: np.dtype) -> np.dtype:
    """The dtype to calculate with: that of ml_dtypes for raw items, else the same one.

    Raises
    ------
    DtypeMismatch
        ml_dtypes is not installed, or does not have the type.
    """
    found = low_precision_of(dtype)
    if found is None:
        return dtype
    if not found.ml_name:
        raise DtypeMismatch(
            f"{found.name} packs {found.elements} elements into {found.nbytes} bytes, which are "
            "copied as they are and never cast; leave out --dtype and --promote",
            found=found.name,
        )
    try:
        import ml_dtypes
    except ImportError:
        raise DtypeMismatch(
            f"{found.name} is cast by ml_dtypes, which is not installed: "
            "pip install 'concatsplit[ml-dtypes]'",
            found=found.name,
        ) from None
    numbers: np.dtype = np.dtype(getattr(ml_dtypes, found.ml_name))
    return numbers


def akin(dtype: np.dtype) -> np.dtype:
    """The smallest dtype of NumPy that is of the same kind: an integer or not, signed or not."""
    found = low_precision_of(dtype)
    if found is None:
        return dtype
    kind = found.ml_name.rstrip("0123456789")
    return np.dtype({"int": "i1", "uint": "u1"}.get(kind, "f2"))


def widened(array: np.ndarray) -> np.ndarray:
    """The same numbers in float32, which holds them all, if it can be; else the array as it is."""
    numbers = as_numbers(array) if low_precision_of(array.dtype) else array
    return array if numbers is array else numbers.astype(np.float32)


def shown_dtype(dtype: np.dtype) -> str:
    """A dtype in a message: raw items by the name of their type."""
    found = low_precision_of(dtype)
    return str(dtype) if found is None else found.field
