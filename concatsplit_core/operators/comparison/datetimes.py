"""Comparing NumPy's datetimes and timedeltas of any two units."""

from __future__ import annotations

import numpy as np


def have_common_unit(a: np.dtype, b: np.dtype) -> bool:
    """Whether one unit is a multiple of the other; a month has no fixed number of days."""
    try:
        np.promote_types(a, b)
    except TypeError:
        return False
    return True


def unequal(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """A mask of the times that differ; NaT equals NaT."""
    one, other, fits = _in_one_unit(a, b)
    return np.asarray((one != other) | ~fits)


def distances_between(a: np.ndarray, b: np.ndarray) -> np.ndarray | None:
    """The distances in the common unit; -1 where one is NaT, None if the units differ."""
    if np.datetime_data(a.dtype) != np.datetime_data(b.dtype):
        return None
    one, other, _ = _in_one_unit(a, b)
    larger, smaller = np.maximum(one, other).view(np.uint64), np.minimum(one, other).view(np.uint64)
    distances = (larger - smaller).astype(object)
    distances[np.isnat(a) | np.isnat(b)] = -1
    return np.asarray(distances)


def _in_one_unit(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both as integers in the finer unit, and a mask of the times that fit into it."""
    if np.datetime_data(a.dtype) == np.datetime_data(b.dtype):
        return _integers(a), _integers(b), np.ones(len(a), bool)
    fine = np.promote_types(a.dtype, b.dtype).newbyteorder("=")
    fits = np.ones(len(a), bool)
    integers = []
    for each in (a, b):
        converted = _to_unit(each, fine)
        fits &= np.isnat(converted) == np.isnat(each)
        integers.append(_integers(converted))
    return integers[0], integers[1], fits


def _to_unit(times: np.ndarray, fine: np.dtype) -> np.ndarray:
    """The times in a finer unit; those that overflow, which NumPy refuses, become NaT."""
    try:
        return times.astype(fine)
    except OverflowError:
        if len(times) == 1:
            return np.full(1, "NaT", fine)
        half = len(times) // 2
        return np.concatenate([_to_unit(times[:half], fine), _to_unit(times[half:], fine)])


def _integers(times: np.ndarray) -> np.ndarray:
    native = np.ascontiguousarray(times.astype(times.dtype.newbyteorder("="), copy=False))
    return native.view(np.int64)
