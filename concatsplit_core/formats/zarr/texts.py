"""Variable-length text in Zarr's chunks (vlen-utf8): a count, then each text after its length.

Counts and lengths of a damaged chunk are checked against its bytes before anything is allocated.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from concatsplit_core.foundation.errors import MalformedInput

_LENGTH = 4


def texts(raw: Any, count: int) -> np.ndarray:
    """The texts of a decoded chunk.

    Raises
    ------
    MalformedInput
        It holds another number of texts, or too few bytes for them.
    """
    view = memoryview(raw).cast("B")
    found = int.from_bytes(view[:_LENGTH], "little") if len(view) >= _LENGTH else -1
    if found != count:
        what = "it is cut short" if found < 0 else f"it claims {found} texts"
        raise MalformedInput(f"{what} where {count} belong", found=found, expected=count)
    if len(view) < _LENGTH * (1 + count):
        raise MalformedInput(f"its {len(view)} bytes are too few for {count} texts")
    from numcodecs import VLenUTF8

    try:
        texts: np.ndarray = VLenUTF8().decode(view)
        return texts.astype(np.dtypes.StringDType())
    except (ValueError, OverflowError, MemoryError) as error:
        raise MalformedInput(_damage(view, count) or str(error)) from error


def _damage(view: memoryview, count: int) -> str:
    """The reason why a chunk is damaged: the first of its texts that cannot be read."""
    at = _LENGTH
    for number in range(count):
        start = at + _LENGTH
        at = start + int.from_bytes(view[at:start], "little")
        if start > len(view) or at > len(view):
            return f"it ends inside text {number} of {count}"
        try:
            str(view[start:at], "utf-8")
        except UnicodeDecodeError as error:
            return f"text {number} is not UTF-8: {error.reason}"
    return ""
