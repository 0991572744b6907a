"""Variables of classic netCDF files, whose records lie between those of other variables.

::

    | header | fixed variables ... | t[0] | u[0] | v[0] | t[1] | u[1] | v[1] | ...
                                   |---- record_bytes --|
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import product
from math import prod
from typing import ClassVar

import numpy as np

from concatsplit_core.array.geometry import Box
from concatsplit_core.formats.sources import ContiguousSource, DecodedSource
from concatsplit_core.foundation.records import dataclass
from concatsplit_core.stores.files import ReadingInput, open_input, read_exactly

_PIECE = 1 << 20
"""Bytes that are read at once, roughly, where the records of a variable are close together."""


class Netcdf3Contiguous(ContiguousSource):
    """A variable of single bytes, which is one run of them."""

    __slots__ = ()
    format = "netcdf3"


@dataclass(slots=True, eq=False)
class Netcdf3Decoded(DecodedSource):
    """A variable whose records lie apart, or whose numbers are big-endian.

    Parameters
    ----------
    offset : int
        Of its first element.
    step_bytes : int
        From one index along the first axis to the next.
    stored : numpy.dtype
        Of the elements in the file. Only the format has them big-endian, so they are read as
        numbers of this machine.
    """

    format: ClassVar[str] = "netcdf3"

    offset: int
    step_bytes: int
    stored: np.dtype

    def read(self, box: Box) -> Iterator[tuple[Box, np.ndarray]]:
        """The elements of a box, in pieces that lie close together."""
        if not box.size:
            return
        with ReadingInput(self.ref):
            fd = open_input(self.path or "")
            try:
                yield from self._pieces(fd, box)
            finally:
                os.close(fd)

    def _pieces(self, fd: int, box: Box) -> Iterator[tuple[Box, np.ndarray]]:
        shape, dtype = self.spec.shape, self.stored
        if not shape:
            data = bytearray(dtype.itemsize)
            read_exactly(fd, memoryview(data), self.offset, self.ref)
            yield box, np.ndarray((), dtype, data).astype(self.spec.dtype)
            return
        strides = (self.step_bytes, *np.empty(0, dtype).reshape(0, *shape[1:]).strides[1:])
        axis = next(a for a, step in enumerate(strides) if step <= _PIECE)
        step, inside = strides[axis], shape[axis + 1 :]
        count, rest = max(1, _PIECE // step), (*box.slices[axis + 1 :],)
        for outer in product(*map(range, box.start[:axis], box.stop[:axis])):
            base = self.offset + sum(i * s for i, s in zip(outer, strides, strict=False))
            for start in range(box.start[axis], box.stop[axis], count):
                stop = min(start + count, box.stop[axis])
                data = bytearray((stop - start - 1) * step + prod(inside) * dtype.itemsize)
                read_exactly(fd, memoryview(data), base + start * step, self.ref)
                seen = np.ndarray((stop - start, *inside), dtype, data, 0, strides[axis:])
                part = seen[(slice(None), *rest)].astype(self.spec.dtype, copy=False)
                place = Box(
                    (*outer, start, *box.start[axis + 1 :]),
                    (*(i + 1 for i in outer), stop, *box.stop[axis + 1 :]),
                )
                yield place, part.reshape((1,) * axis + part.shape)
