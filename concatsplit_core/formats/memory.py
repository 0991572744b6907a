"""Arrays that are already in this process: NumPy's, and open h5py and zarr objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from concatsplit_core.array.fields import is_ordered, overlapping, packed
from concatsplit_core.array.geometry import Box
from concatsplit_core.array.layouts import InMemory
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.errors import UnsupportedDtype
from concatsplit_core.formats.base import Extent, Storage, Unchunked

name = "memory"
rectilinear = False
most_axes = 64


@dataclass(slots=True)
class MemorySource(Unchunked):
    """A NumPy array."""

    array: np.ndarray
    ref: str
    spec: ArraySpec
    path: Path | None = None
    storage: Storage = Storage()
    extent: Extent | None = None
    format: str = name

    def read(self, box: Box) -> Iterator[tuple[Box, np.ndarray]]:
        """The array itself, seen through the box."""
        yield box, self.array[box.slices]

    def prepare(self, folder: Path, check: bool = False) -> None:
        """Nothing to prepare."""

    def stored_bytes(self) -> int:
        return self.array.nbytes

    def close(self) -> None:
        pass


def wrap(array: np.ndarray, ref: str) -> MemorySource:
    """A NumPy array as an input."""
    if array.dtype.hasobject and array.dtype.kind != "T":
        raise UnsupportedDtype(f"{ref}: holds Python objects; give it a fixed dtype", ref=ref)
    if isinstance(array, np.ma.MaskedArray):
        raise UnsupportedDtype(
            f"{ref}: is masked, and no format here keeps a mask; fill it", ref=ref
        )
    field = overlapping(array.dtype)
    if field is not None:
        raise UnsupportedDtype(
            f"{ref}: its field '{field}' shares bytes with another one; copy it to a dtype whose "
            "fields lie one behind the other",
            ref=ref,
        )
    if not is_ordered(array.dtype):
        array = array.astype(packed(array.dtype))
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    spec = ArraySpec(array.shape, array.dtype, InMemory("F" if fortran else "C"))
    return MemorySource(array, ref, spec)
