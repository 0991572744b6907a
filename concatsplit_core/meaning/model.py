"""The meaning of one array, in terms that all formats share."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from typing import Any

import numpy as np

from concatsplit_core.foundation.records import dataclass, field

PACKING = ("scale_factor", "add_offset", "_Unsigned")
TIME = ("units", "calendar")
FLAGS = ("flag_values", "flag_masks", "flag_meanings")
VALID = ("valid_min", "valid_max", "valid_range")
"""Readers such as netCDF4-python treat values outside this range as missing (CF 2.5.1)."""
MISSING = ("_FillValue", "missing_value")
NO_PACKING = {"scale_factor": 1, "add_offset": 0}
"""The values of the packing attributes when they are not there."""

DEFINING = (*PACKING, *TIME, *FLAGS, *VALID, *MISSING)
"""Attributes that define what the stored numbers stand for; all others only describe."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What gives the elements of an array their meaning.

    Parameters
    ----------
    attrs : mapping
        Attributes by name, without `_FillValue` and without a format's own bookkeeping. Values
        are str, bool, int, float, None, lists and dicts of these, or NumPy arrays and scalars.
    dims : tuple of str or None, optional
        The dimension names.
    missing : numpy.generic, optional
        The element that marks a missing value (CF's `_FillValue`), in the array's dtype.
    is_bare : bool
        The format cannot store attributes, as with .npy: the array takes the others' meaning.
    borrowed : tuple of str
        Attributes that are stored with another array: bounds are in the units of their coordinate.
    """

    attrs: Mapping[str, Any] = field(default_factory=dict)
    dims: tuple[str | None, ...] | None = None
    missing: Any = None
    is_bare: bool = False
    borrowed: tuple[str, ...] = ()


BARE = Meaning(is_bare=True)


def plain(value: Any) -> Any:
    """An attribute's value as a Python object; netCDF stores a number as an array of length 1."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple) and len(value) == 1:
        return plain(value[0])
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def shown(value: Any) -> str:
    """An attribute's value in a message: as Python writes it, at most 60 characters."""
    if isinstance(value, dict) and "" in value:  # the enum of the items themselves
        value = value[""]
    if value is None or (isinstance(value, dict) and not value):
        return "(none)"
    text = repr(plain(value))
    return text if len(text) <= 60 else f"{text[:57]}..."


def same(one: Any, other: Any) -> bool:
    """Whether two attribute values are equal; a NaN equals a NaN."""
    one, other = plain(one), plain(other)
    if isinstance(one, float) and isinstance(other, float) and isnan(one) and isnan(other):
        return True
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
