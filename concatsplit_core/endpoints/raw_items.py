"""What the numbers of low-precision types mean, such as BF16, which are kept as raw items."""

from __future__ import annotations

import numpy as np

from concatsplit_core.array.low_precision import as_numbers, as_raw_items, raw_dtype
from concatsplit_core.meaning.agreement import Agreement
from concatsplit_core.meaning.conversions import Conversion


class RawConversion(Conversion):
    """A conversion of raw items, which calculates with the numbers that they stand for."""

    __slots__ = ()

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Convert a block of raw items or numbers to raw items or numbers."""
        return as_raw_items(super().__call__(as_numbers(values)))


def as_dtype_of_numbers(dtype: np.dtype) -> np.dtype:
    """The dtype of the numbers that raw items stand for, if ml_dtypes has it; else the same one."""
    return as_numbers(np.empty(0, dtype)).dtype


def in_raw_items(agreement: Agreement) -> Agreement:
    """An agreement on numbers, for inputs and outputs that are raw items."""
    conversions = tuple(
        one and RawConversion(**{name: getattr(one, name) for name in Conversion.__slots__})
        for one in agreement.conversions
    )
    return agreement._replace(dtype=raw_dtype(agreement.dtype), conversions=conversions)
