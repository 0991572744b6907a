"""Comparing numbers of any two dtypes by value: integers are not rounded to floats first."""

from __future__ import annotations

import numpy as np

Tolerance = tuple[float, float]
"""The relative and the absolute tolerance."""

_X87_BYTES, _X87_BITS = 10, 63
"""Bytes of an x87 long double without its padding, and bits of its fraction."""


def unequal(
    a: np.ndarray, b: np.ndarray, nan_equal: bool, tolerance: Tolerance | None
) -> np.ndarray:
    """A mask of the numbers that differ.

    0 equals -0, and an infinity equals itself. NaNs of the same bits are equal; with `nan_equal`
    all NaNs are.
    """
    a, b = _native(a), _native(b)
    kinds = a.dtype.kind + b.dtype.kind
    if "c" in kinds:
        return _unequal_complex(a, b, nan_equal, tolerance)
    if kinds == "ff":
        return _unequal_floats(a, b, nan_equal, tolerance)
    if "f" not in kinds:
        mask = np.asarray(a != b)
        return mask if tolerance is None else mask & ~_within(distances_between(a, b), b, tolerance)
    integers, floats = (a, b) if a.dtype.kind != "f" else (b, a)
    mask = ~_equal_exactly(floats, integers)
    if tolerance is not None:
        mask &= ~_is_close(a, b, np.longdouble, tolerance)
    return mask


def distances_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``abs(a - b)``, exact for integers; -1 where one of them is a NaN."""
    a, b = _native(a), _native(b)
    kinds = a.dtype.kind + b.dtype.kind
    if not set(kinds) & set("fc"):
        return _integer_gaps(a, b)
    if kinds not in {"ff", "cc"} or a.dtype != b.dtype:
        wide = np.clongdouble if "c" in kinds else np.longdouble
    else:
        wide = np.result_type(a.dtype, np.complex128 if "c" in kinds else np.float64).type
    with np.errstate(all="ignore"):
        distances = np.abs(a.astype(wide) - b.astype(wide))
    distances[np.isnan(distances)] = -1
    return np.asarray(distances)


def _native(numbers: np.ndarray) -> np.ndarray:
    """The numbers in this machine's byte order; booleans become integers."""
    dtype = np.dtype(np.uint8) if numbers.dtype.kind == "b" else numbers.dtype.newbyteorder("=")
    return numbers.astype(dtype, copy=False)


def _integer_gaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    common = np.result_type(a.dtype, b.dtype)
    if common.kind == "f":  # no integer dtype holds both uint64 and signed values
        return np.asarray(np.abs(a.astype(object) - b.astype(object)))
    kind = np.uint64 if common.kind == "u" else np.int64
    a, b = a.astype(kind), b.astype(kind)
    larger, smaller = np.maximum(a, b).view(np.uint64), np.minimum(a, b).view(np.uint64)
    return np.asarray(larger - smaller)  # wraps around, to the right value below 2^64


def _within(distances: np.ndarray, b: np.ndarray, tolerance: Tolerance) -> np.ndarray:
    """Whether the distances of integers are within ``atol + rtol * abs(b)``.

    The bound is computed in long doubles, and its fraction is dropped.
    """
    rtol, atol = tolerance
    size = np.abs(b.astype(np.longdouble))
    allowed = np.floor(np.longdouble(atol) + np.longdouble(rtol) * size)
    return np.asarray(distances.astype(np.longdouble) <= allowed)


def _is_close(
    a: np.ndarray, b: np.ndarray, wide: type | np.dtype, tolerance: Tolerance
) -> np.ndarray:
    rtol, atol = tolerance
    with np.errstate(all="ignore"):
        a, b = a.astype(wide), b.astype(wide)
        is_near = np.abs(a - b) <= atol + rtol * np.abs(b)
    return np.asarray(is_near & np.isfinite(a) & np.isfinite(b))


def _unequal_floats(
    a: np.ndarray, b: np.ndarray, nan_equal: bool, tolerance: Tolerance | None
) -> np.ndarray:
    common = np.result_type(a.dtype, b.dtype)
    with np.errstate(invalid="ignore"):  # of NaNs that signal
        a, b = a.astype(common, copy=False), b.astype(common, copy=False)
    mask = np.asarray(a != b)
    both_nan = np.isnan(a) & np.isnan(b)
    if both_nan.any():
        mask[both_nan] = False if nan_equal else ~_same_bits(a[both_nan], b[both_nan])
    if tolerance is not None:
        wide = np.result_type(common, np.float64)
        mask &= ~_is_close(a, b, wide, tolerance)
    return mask


def _unequal_complex(
    a: np.ndarray, b: np.ndarray, nan_equal: bool, tolerance: Tolerance | None
) -> np.ndarray:
    parts = unequal(a.real, b.real, False, None), unequal(a.imag, b.imag, False, None)
    mask: np.ndarray = parts[0] | parts[1]
    if nan_equal:
        mask &= ~(np.isnan(a) & np.isnan(b))
    if tolerance is not None:
        fits_128 = max(a.dtype.itemsize, b.dtype.itemsize) <= 16 and a.dtype.kind == b.dtype.kind
        wide = np.complex128 if fits_128 else np.clongdouble
        mask &= ~_is_close(a, b, wide, tolerance)
    return mask


def _same_bits(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    one, other = (np.ascontiguousarray(x).view(np.uint8).reshape(len(x), -1) for x in (a, b))
    if np.finfo(a.dtype).nmant == _X87_BITS:
        one, other = one[:, :_X87_BYTES], other[:, :_X87_BYTES]
    return np.asarray((one == other).all(axis=1))


def _equal_exactly(floats: np.ndarray, integers: np.ndarray) -> np.ndarray:
    """Whether each float has exactly the value of its integer."""
    widest = np.dtype(np.uint64 if integers.dtype.kind == "u" else np.int64)
    low, high = (0.0, 2.0**64) if widest.kind == "u" else (-(2.0**63), 2.0**63)
    wide = floats.astype(np.result_type(floats.dtype, np.float64), copy=False)
    with np.errstate(all="ignore"):
        fits = np.isfinite(wide) & (np.trunc(wide) == wide) & (wide >= low) & (wide < high)
    equal: np.ndarray = np.zeros(len(floats), bool)
    equal[fits] = wide[fits].astype(widest) == integers[fits].astype(widest)
    return equal
