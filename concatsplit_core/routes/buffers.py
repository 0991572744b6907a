"""Buffers that a worker fills over and over again."""

from __future__ import annotations

from math import prod

import numpy as np

from concatsplit_core.array.geometry import Shape
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.foundation.records import NamedTuple

_ALIGNMENT = 64


class Blocks(NamedTuple):
    """Arrays in the memory of one worker.

    Parameters
    ----------
    arrays : list of numpy.ndarray
    starts : list of int, optional
        Where each starts in one buffer, in bytes; None where they lie anywhere.
    """

    arrays: list[np.ndarray]
    starts: list[int] | None


class Buffers:
    """The memory of one worker: its blocks, side by side, and one buffer to read into.

    Buffers grow to the largest size asked for and are reused, so that a run neither pays for
    fresh pages task after task nor leaves the allocator with holes.
    """

    def __init__(self) -> None:
        self._blocks = np.empty(0, np.uint8)
        self._scratch = np.empty(0, np.uint8)

    def scratch(self, nbytes: int) -> np.ndarray:
        """A buffer of bytes, the same one each time."""
        if self._scratch.nbytes < nbytes:
            self._scratch = np.empty(0, np.uint8)
            self._scratch = np.empty(nbytes, np.uint8)
        return self._scratch[:nbytes]

    def blocks(self, shapes: list[tuple[Shape, ArraySpec]]) -> Blocks:
        """One array a shape, in the element order of its target, valid until the next call.

        All are of one dtype, as the targets of a task are.
        """
        if shapes[0][1].is_string:
            return Blocks([np.empty(shape, spec.dtype) for shape, spec in shapes], None)
        starts = [0]
        for shape, spec in shapes:
            size = prod(shape) * spec.dtype.itemsize
            starts.append(starts[-1] + -(-size // _ALIGNMENT) * _ALIGNMENT)
        if self._blocks.nbytes < starts[-1]:
            self._blocks = np.empty(0, np.uint8)
            self._blocks = np.empty(starts[-1], np.uint8)
        arrays: list[np.ndarray] = [  # by position: NumPy takes twice as long by name
            np.ndarray(shape, spec.dtype, self._blocks, start, None, spec.order)
            for (shape, spec), start in zip(shapes, starts, strict=False)
        ]
        return Blocks(arrays, starts)
