"""Inputs that are objects of a program: arrays of NumPy, h5py and zarr, and views."""

from __future__ import annotations

from collections.abc import Buffer, Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np

from concatsplit_core.formats.memory import wrap
from concatsplit_core.formats.registry import format_of_object
from concatsplit_core.formats.sources import GivesSource, Source
from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.foundation.given import quoted

_ONE_OF = "give its arrays one by one, such as file['x']"
_OF_ARRAYS = ("__array__", "__array_interface__", "__dlpack__", "shape")
"""What arrays of every library have, or one of these."""


def is_array_like(value: Any) -> bool:
    """Whether something is one array of whatever library, or a buffer of bytes."""
    if type(value) in {list, tuple}:
        return False
    return any(hasattr(value, name) for name in _OF_ARRAYS) or isinstance(value, Buffer)


def _has_names(value: Any) -> bool:
    """Whether something holds several arrays by their names."""
    has_items = hasattr(type(value), "__getitem__") and not isinstance(value, Sequence)
    return has_items and not is_array_like(value)


def listed(inputs: Any) -> Iterable[Any]:
    """What is neither a reference nor a list as inputs: one array, or several in an order.

    Raises
    ------
    UsageError
        It is none of this.
    """
    if isinstance(inputs, int | float | complex) or is_array_like(inputs):
        return [inputs]
    if isinstance(inputs, Sequence):
        return inputs
    if isinstance(inputs, Set) or not isinstance(inputs, Iterable) or _has_names(inputs):
        raise UsageError(f"inputs: {quoted(inputs)} {_why_no_inputs(inputs)}")
    return list(inputs)


def _why_no_inputs(inputs: Any) -> str:
    """Why something is no list of inputs, and what to do."""
    if isinstance(inputs, Set):
        return "has no order; give a list"
    if _has_names(inputs):
        return f"holds several arrays; {_ONE_OF}, or arrays=... for a data set"
    return "is not a reference, an array or a list of these"


def open_object(item: Any, ref: str) -> Source:
    """Open an array of a program; messages call it `ref`.

    Raises
    ------
    UsageError
        It is not an array of NumPy, h5py or zarr, and no view.
    """
    if isinstance(item, GivesSource):
        return item.as_source(ref)
    form = format_of_object(item)
    if form is not None:
        return form.wrap(item)
    if isinstance(item, list | tuple):
        _refuse_odd_leaves(item, ref)
    elif not isinstance(item, np.ndarray | np.generic | int | float | complex):
        raise UsageError(
            f"{ref}: {quoted(item)} is not a reference, numpy.ndarray, h5py.Dataset or "
            f"zarr.Array{_how_to_give(item)}"
        )
    return wrap(item if isinstance(item, np.ndarray) else np.asarray(item), ref)


def _how_to_give(item: Any) -> str:
    """What to do with something that is no input."""
    if isinstance(item, bytes):
        return "; a name is text, or a path"
    if is_array_like(item) and not isinstance(item, Mapping):
        return "; numpy.asarray reads it into memory as an array, without its attributes"
    return f"; {_ONE_OF}" if isinstance(item, Mapping) or _has_names(item) else ""


def _is_number(item: Any) -> bool:
    is_text = isinstance(item, np.character)
    return isinstance(item, np.generic | int | float | complex) and not is_text


def _refuse_odd_leaves(items: Iterable[Any], ref: str) -> None:
    """Refuse a list within the list of inputs that does not hold numbers only."""
    for item in items:
        if isinstance(item, list | tuple):
            _refuse_odd_leaves(item, ref)
        elif not _is_number(item):
            raise UsageError(
                f"{ref}: is a list that holds {quoted(item)}; give all inputs in one list, and "
                "numpy.array(...) for an array that is made of several"
            )
