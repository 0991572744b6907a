"""Buffers that a worker fills over and over again."""

from __future__ import annotations

from math import prod

import numpy as np

from concatsplit_core.array.geometry import Shape
from concatsplit_core.array.spec import ArraySpec

_ALIGNMENT = 64


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

    def blocks(self, shapes: list[tuple[Shape, ArraySpec]]) -> list[np.ndarray]:
        """One array a shape, in the element order of its target, valid until the next call."""
        sizes = [prod(shape) * spec.dtype.itemsize for shape, spec in shapes]
        starts = [0]
        for size in sizes:
            starts.append(starts[-1] + -(-size // _ALIGNMENT) * _ALIGNMENT)
        if self._blocks.nbytes < starts[-1]:
            self._blocks = np.empty(0, np.uint8)
            self._blocks = np.empty(starts[-1], np.uint8)
        return [
            np.empty(shape, spec.dtype)
            if spec.is_string
            else np.ndarray(shape, spec.dtype, self._blocks[start:], order=spec.order)
            for (shape, spec), start in zip(shapes, starts, strict=False)
        ]
