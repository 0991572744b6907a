"""Byte shuffle: the first bytes of all items, then their second bytes, and so on.

NumPy does it one row at a time as fast as other libraries, which take longer to import.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from concatsplit_core.foundation.errors import MalformedInput

Bytes = Any


def shuffled(data: Bytes, itemsize: int) -> np.ndarray:
    """The bytes of all items, shuffled.

    Raises
    ------
    ValueError
        The bytes are not a whole number of items.
    """
    view = np.frombuffer(data, np.uint8)
    if view.nbytes % itemsize:
        raise ValueError(f"{view.nbytes} bytes are not a whole number of {itemsize}-byte items")
    return np.ascontiguousarray(view.reshape(-1, itemsize).T).reshape(-1)


def unshuffled(data: Bytes, itemsize: int, space: memoryview | None = None) -> np.ndarray:
    """The bytes of all items in their own order.

    Parameters
    ----------
    data : buffer
    itemsize : int
        Bytes of an item.
    space : memoryview, optional
        As many bytes, to put them into.

    Raises
    ------
    MalformedInput
        The bytes are not a whole number of items.
    """
    view = np.frombuffer(data, np.uint8)
    if view.nbytes % itemsize:
        raise MalformedInput(
            f"its {view.nbytes} bytes are not a whole number of {itemsize}-byte items"
        )
    out = np.empty(view.nbytes, np.uint8) if space is None else np.frombuffer(space, np.uint8)
    rows, items = view.reshape(itemsize, -1), out.reshape(-1, itemsize)
    if len(rows) <= len(items):
        for byte, row in enumerate(rows):
            items[:, byte] = row
    else:
        items[...] = rows.T
    return out
