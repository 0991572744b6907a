"""Which elements of two arrays differ, and by how much, for every kind of dtype."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np

from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.foundation.given import wrong_value
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.operators.comparison import datetimes, numbers

NUMBERS = "buifc"
TEXTS = "SUT"


class EqualityRule(NamedTuple):
    """When two elements count as equal.

    Parameters
    ----------
    nan_equal : bool
        All NaNs are equal; else only NaNs of the same bits.
    rtol, atol : float
        Numbers may differ by ``atol + rtol * abs(b)``, as in `numpy.isclose`.
    """

    nan_equal: bool = False
    rtol: float = 0.0
    atol: float = 0.0

    @property
    def is_tolerant(self) -> bool:
        """Whether numbers may differ at all."""
        return bool(self.rtol or self.atol)

    def validated(self) -> EqualityRule:
        """The rule itself, after a check of its tolerances."""
        given: tuple[tuple[str, Any], ...] = (("--rtol", self.rtol), ("--atol", self.atol))
        for name, value in given:
            if isinstance(value, str) or not hasattr(value, "__float__"):
                raise UsageError(f"{name}: {wrong_value(value)} is not a number")
            if not (isfinite(value) and value >= 0):
                raise UsageError(f"{name} {value}: a tolerance is a finite number, 0 or more")
        return self


def comparable(a: np.dtype, b: np.dtype) -> bool:
    """Whether elements of two dtypes can be compared: numbers, texts, times, equal records."""
    if a.names is not None or b.names is not None:
        from concatsplit_core.array.low_precision import widened

        a, b = (widened(np.empty(0, each)).dtype for each in (a, b))
    if a.names is not None or b.names is not None:
        return a.names == b.names and all(
            a[name].shape == b[name].shape and comparable(a[name].base, b[name].base)
            for name in a.names or ()
        )
    for kinds in (NUMBERS, TEXTS):
        if a.kind in kinds and b.kind in kinds:
            return True
    if a.kind == b.kind == "V":
        return a.itemsize == b.itemsize
    return a.kind == b.kind and a.kind in "mM" and datetimes.have_common_unit(a, b)


def unequal(a: np.ndarray, b: np.ndarray, rule: EqualityRule) -> np.ndarray:
    """A mask of the elements that differ.

    Parameters
    ----------
    a, b : numpy.ndarray
        One axis each, of the same length, with dtypes that are `comparable`.
    rule : EqualityRule
    """
    if a.dtype.names is not None:
        mask = np.zeros(len(a), bool)
        for name in a.dtype.names:
            inner = unequal(a[name].reshape(-1), b[name].reshape(-1), rule)
            mask |= inner.reshape(len(a), -1).any(axis=1)
        return mask
    kind = a.dtype.kind
    if kind == "V":
        mask = _bytes_of(a) != _bytes_of(b)
        return np.asarray(mask.any(axis=1))
    if kind in TEXTS:
        return _different_texts(a, b)
    if kind in "mM":
        return datetimes.unequal(a, b)
    tolerance = (rule.rtol, rule.atol) if rule.is_tolerant else None
    return numbers.unequal(a, b, rule.nan_equal, tolerance)


def distances_between(a: np.ndarray, b: np.ndarray) -> np.ndarray | None:
    """The distances between elements: ``abs(a - b)``.

    Returns
    -------
    numpy.ndarray or None
        Floats, unsigned integers or Python integers; for records, the largest distance of their
        fields. -1 where an element has none, such as a NaN; None if no element of this dtype has
        one.
    """
    if a.dtype.names is not None:
        inner = (
            distances_between(a[name].reshape(-1), b[name].reshape(-1)) for name in a.dtype.names
        )
        fields = [d.reshape(len(a), -1).max(axis=1) for d in inner if d is not None and d.size]
        if not fields:
            return None
        return np.max([each.astype(np.longdouble) for each in fields], axis=0)
    if a.dtype.kind in "mM":
        return datetimes.distances_between(a, b)
    return numbers.distances_between(a, b) if a.dtype.kind in NUMBERS else None


def _bytes_of(items: np.ndarray) -> np.ndarray:
    plain: np.ndarray = np.ascontiguousarray(items).view(np.uint8).reshape(len(items), -1)
    return plain


def _different_texts(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """A mask of the texts that differ; bytes are decoded as UTF-8 to compare them with text."""
    if (a.dtype.kind == "S") != (b.dtype.kind == "S"):
        a, b = (_decoded(each) if each.dtype.kind == "S" else each for each in (a, b))
    different: Any = a != b
    return np.asarray(different, bool)


def _decoded(items: np.ndarray) -> np.ndarray:
    return np.strings.decode(items, "utf-8", "surrogateescape") if len(items) else items.astype("U")
