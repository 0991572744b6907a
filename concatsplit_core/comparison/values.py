"""Which elements of two arrays differ, and by how much: exact, in NumPy's terms."""

from __future__ import annotations

from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from concatsplit_core.comparison import numbers, times
from concatsplit_core.errors import UsageError

NUMBERS = "buifc"
TEXTS = "SUT"


class Rule(NamedTuple):
    """What still counts as equal.

    Parameters
    ----------
    nan_equal : bool
        Any NaN equals any NaN; else only one of the same bits.
    rtol, atol : float
        Numbers may differ by ``atol + rtol * abs(b)``, as in `numpy.isclose`.
    """

    nan_equal: bool = False
    rtol: float = 0.0
    atol: float = 0.0

    @property
    def tolerant(self) -> bool:
        """Whether numbers may differ at all."""
        return bool(self.rtol or self.atol)

    def check(self) -> Rule:
        """Refuse tolerances that are none."""
        for name, value in (("--rtol", self.rtol), ("--atol", self.atol)):
            if not (isfinite(value) and value >= 0):
                raise UsageError(f"{name} {value}: a tolerance is a number that is not negative")
        return self


def comparable(a: np.dtype, b: np.dtype) -> bool:
    """Whether elements of two dtypes can be equal at all."""
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
    return a.kind == b.kind and a.kind in "mM" and times.have_common_unit(a, b)


def unequal(a: np.ndarray, b: np.ndarray, rule: Rule) -> np.ndarray:
    """A mask of the elements that differ.

    Parameters
    ----------
    a, b : numpy.ndarray
        Of one axis and one length, and of dtypes that are `comparable`.
    rule : Rule
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
        return times.unequal(a, b)
    return numbers.unequal(a, b, rule.nan_equal, (rule.rtol, rule.atol) if rule.tolerant else None)


def gaps(a: np.ndarray, b: np.ndarray) -> np.ndarray | None:
    """How far elements lie apart; -1 where that cannot be said, None where it never can.

    Returns
    -------
    numpy.ndarray or None
        Of floats, unsigned integers or Python integers; of records the largest of all fields.
    """
    if a.dtype.names is not None:
        inner = (gaps(a[name].reshape(-1), b[name].reshape(-1)) for name in a.dtype.names)
        found = [g.reshape(len(a), -1).max(axis=1) for g in inner if g is not None and g.size]
        if not found:
            return None
        return np.max([each.astype(np.longdouble) for each in found], axis=0)
    if a.dtype.kind in "mM":
        return times.gaps(a, b)
    return numbers.gaps(a, b) if a.dtype.kind in NUMBERS else None


def _bytes_of(items: np.ndarray) -> np.ndarray:
    plain: np.ndarray = np.ascontiguousarray(items).view(np.uint8).reshape(len(items), -1)
    return plain


def _different_texts(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Bytes and text are the same where the bytes are its UTF-8."""
    if (a.dtype.kind == "S") != (b.dtype.kind == "S"):
        a, b = (_decoded(each) if each.dtype.kind == "S" else each for each in (a, b))
    different: Any = a != b
    return np.asarray(different, bool)


def _decoded(items: np.ndarray) -> np.ndarray:
    return np.strings.decode(items, "utf-8", "surrogateescape") if len(items) else items.astype("U")
