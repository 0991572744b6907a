"""Descriptions of dtypes as files hold them, checked before NumPy sees them."""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from typing import Any

import numpy as np

BYTE_ORDERS = "<>|="
_PLAIN = (
    r"[?bBhHiIlLqQefdgFDGO]|[biufcSaUVO]\d{1,9}"
    r"|[mM]8?(?:\[(?:[1-9]\d{0,8})?(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as|generic)\])?"
    r"|bool|u?int(?:8|16|32|64)|float(?:16|32|64)|complex(?:64|128)"
)
"""Its last line has names that other programs write and NumPy reads."""
_COMMON = tuple("biufcSVU")
_MOST_DIGITS = 9


def descr_of(dtype: np.dtype) -> Any:
    """As `numpy.lib.format.dtype_to_descr`, without its warning about the metadata of h5py."""
    if dtype.kind in "biufcmMSU" and dtype.metadata is None:
        return dtype.str  # what NumPy returns, in a hundredth of the time
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return np.lib.format.dtype_to_descr(dtype)


@lru_cache(maxsize=64)
def dtype_name(dtype: np.dtype) -> str:
    """A dtype as ``--json`` prints it: NumPy's short form, or the list of a record's fields."""
    if dtype.kind == "T":
        return "string"
    if dtype.names is not None:
        from concatsplit_core.array.low_precision import low_precision_of

        low = low_precision_of(dtype)
        return str(descr_of(dtype)) if low is None else low.field
    return dtype.str


@lru_cache(256)
def dtype_label(dtype: np.dtype) -> str:
    """A dtype as tables show it: ``float32``, ``>i2``, ``S8``, ``{x: float32, y: float32}``."""
    if dtype.names is not None:
        from concatsplit_core.array.low_precision import low_precision_of

        low = low_precision_of(dtype)
        if low is not None:
            return low.field
        return f"{{{', '.join(f'{name}: {dtype_label(dtype[name])}' for name in dtype.names)}}}"
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return f"{dtype_label(base)}[{', '.join(map(str, shape))}]"
    if dtype.kind == "T":
        return "string"
    return dtype.str.lstrip("|<=") if dtype.kind in "SUV" and dtype.isnative else str(dtype)


def check_descr(descr: Any) -> None:
    """Let NumPy see only what it writes itself: other text can end the process in its C code.

    Parameters
    ----------
    descr : str, tuple or list
        As `numpy.lib.format.dtype_to_descr` writes it; JSON's lists in place of tuples will do.

    Raises
    ------
    ValueError
        NumPy writes no such description.
    """
    match descr:
        case str():
            if not _is_plain(descr):
                raise ValueError(f"descr {descr!r} is not a dtype")
        case list():
            for field in descr:
                if not isinstance(field, tuple | list) or not 2 <= len(field) <= 3:
                    raise ValueError(f"{field!r} is not a field of a dtype")
                check_descr(field[1] if len(field) == 2 else tuple(field[1:]))
        case (inner, shape):
            lengths = shape if isinstance(shape, tuple | list) else (shape,)
            if not all(type(n) is int and 0 <= n < 1 << 31 for n in lengths):
                raise ValueError(f"{shape!r} is not a shape of a subarray")
            check_descr(inner)
        case _:
            raise ValueError(f"descr {descr!r} is not a dtype")


def _is_plain(text: str) -> bool:
    """Whether a text names a dtype without fields; the usual names are found without a pattern."""
    code = text[1:] if text.startswith(tuple(BYTE_ORDERS)) else text
    size = code[1:]
    if code.startswith(_COMMON) and size.isascii() and size.isdecimal():
        return len(size) <= _MOST_DIGITS
    return re.fullmatch(_PLAIN, code) is not None
