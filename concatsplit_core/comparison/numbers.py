"""Numbers of any two dtypes, compared by their values: no integer is rounded to a float."""

from __future__ import annotations

import numpy as np

Tolerance = tuple[float, float]
"""A relative and an absolute one."""

_X87_BYTES, _X87_BITS = 10, 63
"""Bytes of an extended float that count, and bits of its fraction; the rest is padding."""


def unequal(
    a: np.ndarray, b: np.ndarray, nan_equal: bool, tolerance: Tolerance | None
) -> np.ndarray:
    """A mask of the numbers that differ.

    Zero equals minus zero, and infinities equal themselves; the rest is up to the caller.
    """
    a, b = _native(a), _native(b)
    kinds = a.dtype.kind + b.dtype.kind
    if "c" in kinds:
        return _unequal_complex(a, b, nan_equal, tolerance)
    if kinds == "ff":
        return _unequal_floats(a, b, nan_equal, tolerance)
    if "f" not in kinds:
        mask = np.asarray(a != b)
        return mask if tolerance is None else mask & ~_within(gaps(a, b), b, tolerance)
    whole, real = (a, b) if a.dtype.kind != "f" else (b, a)
    mask = ~_is_exactly(real, whole)
    if tolerance is not None:
        a, b = a.astype(np.longdouble), b.astype(np.longdouble)
        mask &= ~_is_close(a, b, tolerance)
    return mask


def gaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``abs(a - b)``, exactly so for integers; -1 where one of them is a NaN."""
    a, b = _native(a), _native(b)
    kinds = a.dtype.kind + b.dtype.kind
    if not set(kinds) & set("fc"):
        return _integer_gaps(a, b)
    if kinds not in {"ff", "cc"} or a.dtype != b.dtype:
        wide = np.clongdouble if "c" in kinds else np.longdouble
    else:
        wide = np.result_type(a.dtype, np.complex128 if "c" in kinds else np.float64).type
    with np.errstate(all="ignore"):
        apart = np.abs(a.astype(wide) - b.astype(wide))
    apart[np.isnan(apart)] = -1
    return np.asarray(apart)


def _native(numbers: np.ndarray) -> np.ndarray:
    """Numbers in this machine's byte order, booleans as integers."""
    dtype = np.dtype(np.uint8) if numbers.dtype.kind == "b" else numbers.dtype.newbyteorder("=")
    return numbers.astype(dtype, copy=False)


def _integer_gaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    common = np.result_type(a.dtype, b.dtype)
    if common.kind == "f":  # of uint64 and a signed one
        return np.asarray(np.abs(a.astype(object) - b.astype(object)))
    kind = np.uint64 if common.kind == "u" else np.int64
    a, b = a.astype(kind), b.astype(kind)
    up, down = np.maximum(a, b).view(np.uint64), np.minimum(a, b).view(np.uint64)
    return np.asarray(up - down)  # modulo 2^64, where it fits


def _within(apart: np.ndarray, b: np.ndarray, tolerance: Tolerance) -> np.ndarray:
    """Integers no further apart than allowed; what is allowed is rounded to 64 bits at least."""
    rtol, atol = tolerance
    size = np.abs(b.astype(np.longdouble))
    allowed = np.floor(np.longdouble(atol) + np.longdouble(rtol) * size)
    return np.asarray(apart.astype(np.longdouble) <= allowed)


def _is_close(a: np.ndarray, b: np.ndarray, tolerance: Tolerance) -> np.ndarray:
    rtol, atol = tolerance
    with np.errstate(all="ignore"):
        near = np.abs(a - b) <= atol + rtol * np.abs(b)
    return np.asarray(near & np.isfinite(a) & np.isfinite(b))


def _unequal_floats(
    a: np.ndarray, b: np.ndarray, nan_equal: bool, tolerance: Tolerance | None
) -> np.ndarray:
    common = np.result_type(a.dtype, b.dtype)
    a, b = a.astype(common, copy=False), b.astype(common, copy=False)
    mask = np.asarray(a != b)
    both = np.isnan(a) & np.isnan(b)
    if both.any():
        mask[both] = False if nan_equal else ~_same_bits(a[both], b[both])
    if tolerance is not None:
        wide = np.result_type(common, np.float64)
        mask &= ~_is_close(a.astype(wide), b.astype(wide), tolerance)
    return mask


def _unequal_complex(
    a: np.ndarray, b: np.ndarray, nan_equal: bool, tolerance: Tolerance | None
) -> np.ndarray:
    parts = unequal(a.real, b.real, False, None), unequal(a.imag, b.imag, False, None)
    mask: np.ndarray = parts[0] | parts[1]
    if nan_equal:
        mask &= ~(np.isnan(a) & np.isnan(b))
    if tolerance is not None:
        simple = max(a.dtype.itemsize, b.dtype.itemsize) <= 16 and a.dtype.kind == b.dtype.kind
        wide = np.complex128 if simple else np.clongdouble
        mask &= ~_is_close(a.astype(wide), b.astype(wide), tolerance)
    return mask


def _same_bits(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    one, other = (np.ascontiguousarray(x).view(np.uint8).reshape(len(x), -1) for x in (a, b))
    if np.finfo(a.dtype).nmant == _X87_BITS:
        one, other = one[:, :_X87_BYTES], other[:, :_X87_BYTES]
    return np.asarray((one == other).all(axis=1))


def _is_exactly(real: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Which floats are these integers."""
    kind = np.dtype(np.uint64 if whole.dtype.kind == "u" else np.int64)
    low, high = (0.0, 2.0**64) if kind.kind == "u" else (-(2.0**63), 2.0**63)
    wide = real.astype(np.result_type(real.dtype, np.float64), copy=False)
    with np.errstate(all="ignore"):
        fits = np.isfinite(wide) & (np.trunc(wide) == wide) & (wide >= low) & (wide < high)
    equal: np.ndarray = np.zeros(len(real), bool)
    equal[fits] = wide[fits].astype(kind) == whole[fits].astype(kind)
    return equal
