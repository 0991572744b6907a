"""Runs of bytes: how a box of a contiguous array lies in its file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod

from concatsplit_core.array.geometry import Box, Shape
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.foundation.records import NamedTuple


class Runs(NamedTuple):
    """A box of a contiguous array, its axes from the slowest to the fastest.

    ::

        array of 4 x 8        . . . . . . . .
        box of 2 x 5          . . # # # # # .     2 runs of 5 elements, depth 1
                              . . # # # # # .
                              . . . . . . . .

    The box is `number` runs of `nbytes` each; the runs differ in their indices on the first
    `depth` axes only.
    """

    start: Shape
    shape: Shape
    strides: Shape
    depth: int
    number: int
    nbytes: int

    @property
    def span(self) -> int:
        """Bytes from the first element of the box to its last."""
        itemsize = self.strides[-1] if self.strides else self.nbytes
        return sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True)) + itemsize

    @property
    def first(self) -> int:
        """Where the first run starts, from the array's first element, in bytes."""
        return sum(a * s for a, s in zip(self.start, self.strides, strict=True))

    def offsets(self) -> Iterator[int]:
        """Where each run starts, from the array's first element, in bytes."""
        return _offsets(self.first, self.shape[: self.depth], self.strides[: self.depth])


def runs_of(spec: ArraySpec, box: Box, shallowest: int = 0) -> Runs:
    """The longest runs of a box, or those that differ on the first `shallowest` axes at least."""
    step = -1 if spec.order == "F" else 1
    whole, start, shape = spec.shape[::step], box.start[::step], box.shape[::step]
    strides = [spec.dtype.itemsize] * len(whole)
    for d in range(len(whole) - 2, -1, -1):
        strides[d] = strides[d + 1] * whole[d + 1]
    depth = len(whole)
    while depth and shape[depth - 1] == whole[depth - 1]:
        depth -= 1
    depth = max(0, depth - 1, shallowest)
    nbytes = prod(shape[depth:]) * spec.dtype.itemsize
    return Runs(start, shape, tuple(strides), depth, prod(shape[:depth]), nbytes)


class CommonRuns(NamedTuple):
    """Runs of bytes that a box has in two contiguous arrays of one element order.

    Parameters
    ----------
    start, to : int
        Where the first run starts, from the first element of the source and of the target.
    nbytes : int
        Of each run.
    counts : tuple of int
        How many runs there are on each of the slowest axes.
    strides, strides_to : tuple of int
        How far they lie apart there, in the source and in the target.
    """

    start: int
    to: int
    nbytes: int
    counts: Shape
    strides: Shape
    strides_to: Shape

    @property
    def span_to(self) -> int:
        """Bytes in the target from the start of the first run to the end of the last one."""
        gaps = ((n - 1) * s for n, s in zip(self.counts, self.strides_to, strict=True))
        return sum(gaps) + self.nbytes

    def each(self) -> Iterator[tuple[int, int]]:
        """Where each run starts in the source and in the target, in bytes."""
        return zip(
            _offsets(self.start, self.counts, self.strides),
            _offsets(self.to, self.counts, self.strides_to),
            strict=True,
        )


def common_runs(source: ArraySpec, box: Box, target: ArraySpec, box_to: Box) -> CommonRuns:
    """The longest runs of bytes that can be copied as they lie."""
    depth = max(runs_of(source, box).depth, runs_of(target, box_to).depth)
    here, there = runs_of(source, box, depth), runs_of(target, box_to, depth)
    strides = here.strides[:depth], there.strides[:depth]
    return CommonRuns(here.first, there.first, here.nbytes, here.shape[:depth], *strides)


def _offsets(first: int, counts: Shape, strides: Shape) -> Iterator[int]:
    for at in product(*(range(0, n * s, s) for n, s in zip(counts, strides, strict=True))):
        yield first + sum(at)
