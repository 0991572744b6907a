"""NumPy arrays as inputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from concatsplit_core.array.fields import is_ordered, overlapping, packed
from concatsplit_core.array.geometry import Box
from concatsplit_core.array.layouts import InMemory
from concatsplit_core.array.low_precision import as_raw_items
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.sources import DecodedSource
from concatsplit_core.formats.storage import Storage
from concatsplit_core.foundation.errors import UnsupportedDtype
from concatsplit_core.foundation.records import dataclass


@dataclass(slots=True, eq=False)
class MemorySource(DecodedSource):
    """A NumPy array."""

    format: ClassVar[str] = "memory"

    array: np.ndarray

    def read(self, box: Box) -> Iterator[tuple[Box, np.ndarray]]:
        """The array itself, seen through the box."""
        yield box, self.array[box.slices]

    def stored_bytes(self) -> int:
        """Bytes that the array takes in memory."""
        return self.array.nbytes


def wrap(array: np.ndarray, ref: str) -> MemorySource:
    """A NumPy array as an input."""
    if array.dtype.hasobject and array.dtype.kind != "T":
        raise UnsupportedDtype(f"{ref}: holds Python objects; give it a fixed dtype", ref=ref)
    if isinstance(array, np.ma.MaskedArray):
        raise UnsupportedDtype(
            f"{ref}: is masked, and no format here keeps a mask; give array.filled()", ref=ref
        )
    array = as_raw_items(array)
    if array.dtype.kind == "V" and not issubclass(array.dtype.type, np.void):
        raise UnsupportedDtype(
            f"{ref}: no format has the dtype {array.dtype}; cast it with array.astype", ref=ref
        )
    field = overlapping(array.dtype)
    if field is not None:
        raise UnsupportedDtype(
            f"{ref}: its field '{field}' shares bytes with another one; copy it to a dtype whose "
            "fields do not overlap",
            ref=ref,
        )
    if not is_ordered(array.dtype):
        array = array.astype(packed(array.dtype))
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    spec = ArraySpec(array.shape, array.dtype, InMemory(order="F" if fortran else "C"))
    return MemorySource(None, ref, spec, Storage(), array)
