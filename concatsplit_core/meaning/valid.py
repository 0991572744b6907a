"""The range of valid values: readers take what lies outside for missing (CF 2.5.1)."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from typing import Any

import numpy as np

from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.meaning.missing import as_marker, sign_of, words_to_numbers
from concatsplit_core.meaning.model import plain


class ValidRange(NamedTuple):
    """The least and the largest valid number; None where there is no limit.

    Parameters
    ----------
    low, high : int, float or None
    is_unpacked : bool
        They limit the unpacked numbers; else the numbers as they are stored.
    """

    low: int | float | None
    high: int | float | None
    is_unpacked: bool

    def outside(self, numbers: np.ndarray) -> np.ndarray:
        """True for the numbers outside the range; a NaN is not outside."""
        mask = np.zeros(numbers.shape, bool)
        if self.low is not None:
            mask |= numbers < self.low
        if self.high is not None:
            mask |= numbers > self.high
        return mask


def valid_range_of(attrs: Mapping[str, Any], dtype: np.dtype, is_packed: bool) -> ValidRange | None:
    """The range that `valid_range`, or `valid_min` and `valid_max`, give; None if there is none.

    Floating-point limits of packed integers are for the unpacked numbers; all others are for the
    numbers as they are stored (NetCDF Users Guide). Limits that are no numbers are left out.

    Parameters
    ----------
    attrs : mapping
    dtype : numpy.dtype
        Of the stored numbers.
    is_packed : bool
        Whether there is a `scale_factor` or an `add_offset`.
    """
    both = words_to_numbers(plain(attrs.get("valid_range")))
    if not (isinstance(both, list) and len(both) == 2):
        both = [words_to_numbers(plain(attrs.get(name))) for name in ("valid_min", "valid_max")]
    sign = sign_of(attrs, dtype)
    low, high = (_limit(value, dtype, sign) for value in both)
    if low is None and high is None:
        return None
    is_float = any(isinstance(value, float) for value in (low, high))
    return ValidRange(low, high, is_packed and dtype.kind in "iu" and is_float)


def _limit(value: Any, dtype: np.dtype, sign: str) -> int | float | None:
    """A limit as a number, read with the same sign as the elements (`_Unsigned`)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or isnan(value):
        return None
    if isinstance(value, float) or dtype.kind == "f":
        return value
    stored = as_marker(value, dtype, sign)
    return value if stored is None or not sign else int(stored.view(f"{sign}{dtype.itemsize}"))
