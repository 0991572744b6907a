"""Boxes, axes and intervals: integer arithmetic on array indices, nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from math import prod
from operator import sub
from typing import Any

from concatsplit_core.foundation.errors import AxisError
from concatsplit_core.foundation.records import NamedTuple

Shape = tuple[int, ...]


class Interval(NamedTuple):
    """A half-open range ``start <= i < stop`` along one axis."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        return self.stop - self.start


class Box(NamedTuple):
    """A half-open rectangular region: per axis ``start[d] <= i < stop[d]``."""

    start: Shape
    stop: Shape

    @classmethod
    def whole(cls, shape: Shape) -> Box:
        """The box that covers an array of this shape."""
        return cls((0,) * len(shape), tuple(shape))

    @property
    def shape(self) -> Shape:
        return tuple(map(sub, self.stop, self.start))

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def slices(self) -> tuple[Any, ...]:
        """The NumPy index of the box; what it selects is always an array.

        A box without axes gives an ellipsis: an empty index would give a scalar.
        """
        return tuple(slice(a, b) for a, b in zip(self.start, self.stop, strict=True)) or (...,)

    def within(self, other: Box) -> tuple[Any, ...]:
        """The index of this box in an array that holds just ``other``; as `slices`."""
        index = tuple(
            slice(a - o, b - o) for a, b, o in zip(self.start, self.stop, other.start, strict=True)
        )
        return index or (...,)

    def intersect(self, other: Box) -> Box | None:
        """The common region, or None where there is none."""
        start = tuple(map(max, self.start, other.start))
        stop = tuple(map(min, self.stop, other.stop))
        if any(a >= b for a, b in zip(start, stop, strict=True)):
            return None
        return Box(start, stop)

    def shift(self, axis: int, by: int) -> Box:
        """The box moved along one axis."""
        start, stop = list(self.start), list(self.stop)
        start[axis] += by
        stop[axis] += by
        return Box(tuple(start), tuple(stop))

    def offset(self, by: Shape) -> Box:
        """The box moved along every axis."""
        start = tuple(a + n for a, n in zip(self.start, by, strict=True))
        return Box(start, tuple(b + n for b, n in zip(self.stop, by, strict=True)))

    def with_axis(self, axis: int, interval: tuple[int, int]) -> Box:
        """The box with its range along an existing axis replaced."""
        start, stop = list(self.start), list(self.stop)
        start[axis], stop[axis] = interval
        return Box(tuple(start), tuple(stop))

    def drop(self, axis: int) -> Box:
        """The box without one axis."""
        return Box(drop(self.start, axis), drop(self.stop, axis))


def drop(shape: Shape, axis: int) -> Shape:
    """A tuple without its entry at ``axis``."""
    return shape[:axis] + shape[axis + 1 :]


def insert(shape: Shape, axis: int, value: int) -> Shape:
    """A tuple with ``value`` put in at ``axis``."""
    return (*shape[:axis], value, *shape[axis:])


def with_length(shape: Shape, axis: int, length: int) -> Shape:
    """A shape with another length at ``axis``."""
    return (*shape[:axis], length, *shape[axis + 1 :])


def normalize_axis(axis: int, ndim: int, what: str = "the array") -> int:
    """Turn a possibly negative axis into ``0 <= axis < ndim``, as NumPy does.

    Raises
    ------
    AxisError
        The axis is out of range, or there is no axis at all.
    """
    if ndim == 0:
        raise AxisError(
            f"axis {axis}: {what} is 0-dimensional and has no axis to join or cut along; "
            "only stack takes such arrays",
            found=axis,
        )
    if not -ndim <= axis < ndim:
        raise AxisError(
            f"axis {axis} is out of range for {what} with {ndim} "
            f"{'axis' if ndim == 1 else 'axes'}; use {-ndim} to {ndim - 1}",
            found=axis,
            expected=(-ndim, ndim - 1),
        )
    return axis % ndim


def tile(lengths: Sequence[int]) -> list[Interval]:
    """Lengths laid end to end: ``[3, 5]`` becomes ``[0, 3) [3, 8)``."""
    edges = [0]
    for length in lengths:
        edges.append(edges[-1] + length)
    return [Interval(a, b) for a, b in pairwise(edges)]


def lengths_of(intervals: Iterable[Interval]) -> list[int]:
    """The lengths of very many intervals, in half the time that it takes to ask each."""
    return [stop - start for start, stop in intervals]


def steps(length: int, step: int) -> Iterator[Interval]:
    """Cut ``[0, length)`` at every multiple of ``step``."""
    for start in range(0, length, step):
        yield Interval(start, min(start + step, length))


def ceil_to(value: int, multiple: int) -> int:
    """The smallest multiple that is not below ``value``."""
    return -(-value // multiple) * multiple
