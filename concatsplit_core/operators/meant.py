"""What stored elements stand for: which ones are missing, and how packed numbers are unpacked."""

from __future__ import annotations

from typing import Any

import numpy as np

from concatsplit_core.array.low_precision import numbers_of
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.records import dataclass
from concatsplit_core.meaning.agreement import InputMeaning
from concatsplit_core.meaning.conversions import Unpack
from concatsplit_core.meaning.missing import markers_of, mask_of, sign_of
from concatsplit_core.meaning.unpacking import packing_of, unpacked_dtype
from concatsplit_core.meaning.valid import ValidRange, valid_range_of


@dataclass(frozen=True, slots=True)
class Meant:
    """What the elements of an array stand for.

    Parameters
    ----------
    dtype : numpy.dtype
        To calculate with, before anything is unpacked: float32 for BF16 and the like.
    markers : tuple
        Elements, as they are stored, that mark missing values.
    packing : Unpack, optional
    unpacked : numpy.dtype, optional
        Of the unpacked numbers.
    valid : ValidRange, optional
        Numbers outside it are missing values too.
    """

    dtype: np.dtype
    markers: tuple[Any, ...] = ()
    packing: Unpack | None = None
    unpacked: np.dtype | None = None
    valid: ValidRange | None = None

    @property
    def is_unpacked(self) -> bool:
        """Whether the stored numbers stand for other ones."""
        return self.packing is not None

    def missing(self, values: np.ndarray) -> np.ndarray | None:
        """True for the missing ones of some elements as they are stored; None if none can be."""
        if values.dtype.names is not None:
            return None
        mask = mask_of(values, self.markers) if self.markers else None
        if self.valid is None:
            return mask
        numbers = self.numbers(values)
        outside = self.valid.outside(self.unpack(numbers) if self.valid.is_unpacked else numbers)
        return outside if mask is None else mask | outside

    def numbers(self, values: np.ndarray) -> np.ndarray:
        """Stored elements in this machine's byte order, with the sign that they are read with."""
        if values.dtype.names is not None:
            if self.dtype.names is None:
                return values.view(numbers_of(values.dtype)).astype(np.float32)
            return values
        if self.packing is not None and self.packing.sign:
            values = values.view(f"{values.dtype.byteorder}{self.dtype.kind}{values.itemsize}")
        if values.dtype.kind in "iufcb":
            return values.astype(values.dtype.newbyteorder("="), copy=False)
        return values

    def unpack(self, numbers: np.ndarray) -> np.ndarray:
        """Unpack what `numbers` gave."""
        packing = self.packing
        if packing is None or self.unpacked is None or packing[:2] == (1.0, 0.0):
            return numbers  # _Unsigned alone changes the sign only
        with np.errstate(all="ignore"):
            return packing._replace(sign="").apply(numbers, self.unpacked, False)


def meant_of(source: Source) -> Meant:
    """What the elements of an array stand for.

    Raises
    ------
    MeaningMismatch
        `scale_factor` or `add_offset` is not a number.
    DtypeMismatch
        NumPy lacks the elements' type, and so does ml_dtypes, or it is not installed.
    """
    dtype, meaning = numbers_of(source.spec.dtype), source.storage.meaning
    if dtype is not source.spec.dtype:
        return Meant(np.dtype(np.float32))
    markers = tuple(markers_of(meaning, dtype))
    if dtype.kind not in "iuf" or meaning.is_bare:
        return Meant(dtype, markers)
    described = InputMeaning(source.ref, dtype, meaning)
    packing = packing_of(described)
    valid = valid_range_of(meaning.attrs, dtype, packing[:2] != (1.0, 0.0))
    if packing == Unpack(1.0, 0.0, ""):
        return Meant(dtype, markers, valid=valid)
    sign = sign_of(meaning.attrs, dtype) or dtype.kind
    kind = np.dtype(f"{dtype.byteorder}{sign}{dtype.itemsize}")
    return Meant(kind, markers, packing, unpacked_dtype(described), valid)
