"""The first elements of an array, unpacked where they are packed."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from concatsplit_core.array.geometry import Box
from concatsplit_core.array.low_precision import as_numbers
from concatsplit_core.endpoints.fingerprints import Fingerprints
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.errors import DtypeMismatch, OverBudget
from concatsplit_core.foundation.jsonable import as_json, text_of
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.foundation.sizes import format_size
from concatsplit_core.operators.meant import Meant, meant_of
from concatsplit_core.run.loading import prepared
from concatsplit_core.run.options import Options
from concatsplit_core.run.side_by_side import BlockReader, common_order, logical_shape

_MOST_ACROSS = 8
"""How many elements are shown along each other axis than the first."""
_WINDOW = 1 << 20
_OBJECT_BYTES = 100
"""Bytes that an element takes in a list of Python, at least."""


class Head(NamedTuple):
    """The first elements of an array along its first axis, and at most 8 along each other one.

    Parameters
    ----------
    elements : object
        Nested lists; a missing element is None, a record is a dict.
    is_whole : bool
        Whether there are no more elements along the other axes.
    unpacked : bool
        Whether these are the unpacked numbers; else they are the elements as they are stored.
    """

    elements: Any
    is_whole: bool
    unpacked: bool

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        values = "unpacked" if self.unpacked else "stored"
        return {"values": values, "elements": as_json(self.elements)}


def head_of(source: Source, count: int, options: Options, follow_links: bool = False) -> Head:
    """Read the first elements of an open array.

    Raises
    ------
    ConcatsplitError
        The array is malformed, or one of its chunks does not fit the memory.
    """
    shape = logical_shape(source.spec)
    stop = (min(count, shape[0]), *(min(n, _MOST_ACROSS) for n in shape[1:]))
    box = Box((0,) * len(shape), stop)
    try:
        meant = meant_of(source)
    except DtypeMismatch:  # ml_dtypes is not installed, or lacks the type: bytes are shown
        meant = Meant(source.spec.dtype)
    if box.size:
        fingerprints = Fingerprints([source], follow_links)
        block = _read(source, box, options.memory_bytes)
        fingerprints.check()
    else:
        block = np.empty(box.shape, source.spec.dtype)
    block = block if source.spec.shape else block[0]
    elements = _listed(block, meant)
    return Head(elements, stop[1:] == shape[1:], meant.is_unpacked)


def _read(source: Source, box: Box, memory: int) -> np.ndarray:
    spec = source.spec
    chunk = prod(spec.chunks or ()) * spec.memory_itemsize
    shown = box.size * max(_OBJECT_BYTES, spec.memory_itemsize)
    if max(chunk, shown) > memory:
        need = max(chunk, shown)
        what = "one of its chunks needs" if chunk >= shown else "so many elements need"
        hint = "" if chunk >= shown else " or a smaller --head"
        raise OverBudget(
            f"{source.ref}: {what} {format_size(need)} in memory, more than --memory "
            f"{format_size(memory)}; give --memory {format_size(need, up=True)}{hint}",
            found=need,
            expected=memory,
        )
    with prepared(source):
        reader = BlockReader(source, common_order(spec, spec), _WINDOW)
        try:
            return reader.block(box).copy()
        finally:
            reader.close()


def _listed(block: np.ndarray, meant: Meant) -> Any:
    """A block as nested lists of elements."""
    block = np.asarray(block)
    mask = meant.missing(block)
    if block.dtype.names is not None and meant.dtype.names is not None:
        return _records(as_numbers(block))
    shown = meant.unpack(meant.numbers(block))
    return _nested(shown, np.zeros(block.shape, bool) if mask is None else mask)


def _nested(values: np.ndarray, mask: np.ndarray) -> Any:
    if values.ndim:
        return [_nested(np.asarray(v), m) for v, m in zip(values, mask, strict=True)]
    value = None if mask else values[()]
    return text_of(bytes(value)) if isinstance(value, bytes) else value


def _records(block: np.ndarray) -> Any:
    if block.ndim:
        return [_records(np.asarray(each)) for each in block]
    if block.dtype.names is None:
        return _nested(block, np.zeros((), bool))
    return {name: _records(np.asarray(block[name])) for name in block.dtype.names}
