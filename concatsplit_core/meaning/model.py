"""The meaning of one array, in no format's own terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isnan
from typing import Any

import numpy as np

PACKING = ("scale_factor", "add_offset", "_Unsigned")
TIME = ("units", "calendar")
FLAGS = ("flag_values", "flag_masks", "flag_meanings")
VALID = ("valid_min", "valid_max", "valid_range")
"""Readers such as netCDF4-python take what lies outside for missing (CF 2.5.1)."""
MISSING = ("_FillValue", "missing_value")

DEFINING = (*PACKING, *TIME, *FLAGS, *VALID, *MISSING)
"""Attributes that say what the stored numbers stand for."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What gives the elements of an array their meaning.

    Parameters
    ----------
    attrs : mapping
        Attributes by name, without `_FillValue` and without a format's own bookkeeping. Values
        are str, bool, int, float, None, lists and dicts of these, or NumPy's.
    dims : tuple of str or None, optional
        Names of the axes.
    missing : numpy.generic, optional
        The element that stands for a missing value (CF's `_FillValue`), of the array's dtype.
    is_bare : bool
        The format has no place for any of this: the array has no say in it.
    """

    attrs: Mapping[str, Any] = field(default_factory=dict)
    dims: tuple[str | None, ...] | None = None
    missing: Any = None
    is_bare: bool = False


BARE = Meaning(is_bare=True)


def plain(value: Any) -> Any:
    """An attribute's value in Python's terms; netCDF keeps a number as an array of one."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple) and len(value) == 1:
        return plain(value[0])
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def same(one: Any, other: Any) -> bool:
    """Whether two values of an attribute say the same; a NaN equals a NaN."""
    one, other = plain(one), plain(other)
    if isinstance(one, float) and isinstance(other, float) and isnan(one) and isnan(other):
        return True
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
