"""Points in time and spans of it, of any two units."""

from __future__ import annotations

import numpy as np


def have_common_unit(a: np.dtype, b: np.dtype) -> bool:
    """Whether units can be told by each other: a month is no number of days."""
    try:
        np.promote_types(a, b)
    except TypeError:
        return False
    return True


def unequal(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """A mask of those that differ; not-a-time equals itself."""
    one, other, fits = _in_one_unit(a, b)
    return np.asarray((one != other) | ~fits)


def gaps(a: np.ndarray, b: np.ndarray) -> np.ndarray | None:
    """How far they lie apart in their unit; -1 for not-a-time, None where the units differ."""
    if np.datetime_data(a.dtype) != np.datetime_data(b.dtype):
        return None
    one, other, _ = _in_one_unit(a, b)
    up, down = np.maximum(one, other).view(np.uint64), np.minimum(one, other).view(np.uint64)
    apart = (up - down).astype(object)
    apart[np.isnat(a) | np.isnat(b)] = -1
    return np.asarray(apart)


def _in_one_unit(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both as integers of the finer unit, and where they fit it."""
    if np.datetime_data(a.dtype) == np.datetime_data(b.dtype):
        return _integers(a), _integers(b), np.ones(len(a), bool)
    fine = np.promote_types(a.dtype, b.dtype).newbyteorder("=")
    fits = np.ones(len(a), bool)
    found = []
    for each in (a, b):
        moved = _moved(each, fine)
        fits &= np.isnat(moved) == np.isnat(each)
        found.append(_integers(moved))
    return found[0], found[1], fits


def _moved(times: np.ndarray, fine: np.dtype) -> np.ndarray:
    """In a finer unit; those that do not fit it, which NumPy refuses, become not-a-time."""
    try:
        return times.astype(fine)
    except OverflowError:
        if len(times) == 1:
            return np.full(1, "NaT", fine)
        half = len(times) // 2
        return np.concatenate([_moved(times[:half], fine), _moved(times[half:], fine)])


def _integers(times: np.ndarray) -> np.ndarray:
    native = np.ascontiguousarray(times.astype(times.dtype.newbyteorder("="), copy=False))
    return native.view(np.int64)
