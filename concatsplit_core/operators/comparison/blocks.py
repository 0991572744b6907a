"""Comparing two arrays block by block: counting what differs, and keeping two examples."""

from __future__ import annotations

import ctypes
from math import prod
from threading import Lock
from typing import Any

import numpy as np

from concatsplit_core.array.geometry import Box, Shape
from concatsplit_core.array.layouts import Order
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.operators.comparison.difference import ElementPair
from concatsplit_core.operators.comparison.values import EqualityRule, distances_between, unequal

_AT_ONCE = 1 << 16
"""Elements compared with one NumPy call: masks and differences need memory too."""

_memcmp = ctypes.CDLL(None).memcmp  # releases the interpreter's lock, and needs no mask
_memcmp.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


class _Candidate(NamedTuple):
    """A pair and its rank; of all candidates the one with the largest rank is kept."""

    rank: Any
    pair: ElementPair


class BlockComparison:
    """Compares blocks of two arrays, from several threads, and sums up the differences.

    Parameters
    ----------
    shape : tuple of int
        The shape of both arrays.
    order : {"C", "F"}
        The memory order of the blocks.
    rule : EqualityRule
    """

    def __init__(self, shape: Shape, order: Order, rule: EqualityRule) -> None:
        self._shape, self._order, self._rule = shape, order, rule
        self._lock = Lock()
        self._first: _Candidate | None = None
        self._largest: _Candidate | None = None
        self.count = 0

    @property
    def first(self) -> ElementPair | None:
        """The first pair that differs, in C order."""
        return None if self._first is None else self._first.pair

    @property
    def largest(self) -> ElementPair | None:
        """The pair with the largest difference; the first one of several."""
        return None if self._largest is None else self._largest.pair

    def compare(self, a: np.ndarray, b: np.ndarray, box: Box) -> None:
        """Compare one block of each array.

        Parameters
        ----------
        a, b : numpy.ndarray
            Blocks of the same shape, in the memory order of the comparison.
        box : Box
            Where in the arrays the blocks lie.
        """
        if are_same_bits(a, b):
            return
        flat, other = a.reshape(-1, order=self._order), b.reshape(-1, order=self._order)
        for start in range(0, len(flat), _AT_ONCE):
            one, two = _seen(flat, start), _seen(other, start)
            differing = np.flatnonzero(unequal(one, two, self._rule))
            if differing.size:
                index = np.unravel_index(differing + start, a.shape, self._order)
                self._add(
                    one[differing],
                    two[differing],
                    [i + o for i, o in zip(index, box.start, strict=True)],
                )

    def _add(self, a: np.ndarray, b: np.ndarray, index: list[np.ndarray]) -> None:
        """Count differing elements, and keep the first and the largest difference."""
        ranks = _ranks(index, self._shape)
        distances = distances_between(a, b)
        at = int(np.argmin(ranks))
        first = _Candidate(-int(ranks[at]), _pair(a, b, index, at, distances))
        largest = None
        if distances is not None and (best := distances.max()) >= 0:
            furthest = np.flatnonzero(distances == best)
            at = int(furthest[np.argmin(ranks[furthest])])
            largest = _Candidate((best, -int(ranks[at])), _pair(a, b, index, at, distances))
        with self._lock:
            self.count += len(a)
            self._first = _better(self._first, first)
            self._largest = _better(self._largest, largest)


def _seen(flat: np.ndarray, start: int) -> np.ndarray:
    """Some elements of a block, as numbers if they stand for such."""
    piece = flat[start : start + _AT_ONCE]
    if piece.dtype.names is None:
        return piece
    from concatsplit_core.array.low_precision import widened

    return widened(piece)


def are_same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two blocks are equal bit by bit, which is faster than comparing their elements."""
    if a.dtype != b.dtype or a.dtype.kind == "T" or not a.nbytes:
        return not a.size
    return not _memcmp(a.ctypes.data, b.ctypes.data, a.nbytes)


def _better(one: _Candidate | None, other: _Candidate | None) -> _Candidate | None:
    if one is None or other is None:
        return one or other
    return other if other.rank > one.rank else one


def _ranks(index: list[np.ndarray], shape: Shape) -> np.ndarray:
    """The position of each element in C order."""
    rank = np.zeros(len(index[0]) if index else 1, object if prod(shape) >= 1 << 63 else np.int64)
    for places, length in zip(index, shape, strict=True):
        rank = rank * length + places
    return rank


def _pair(
    a: np.ndarray, b: np.ndarray, index: list[np.ndarray], at: int, distances: np.ndarray | None
) -> ElementPair:
    difference = None if distances is None or distances[at] < 0 else distances[at]
    unit = a.dtype if a.dtype.kind in "mM" else None
    if difference is not None and unit is not None:
        name, step = np.datetime_data(unit)
        difference = f"{int(difference) * step} {name}"
    return ElementPair(tuple(int(places[at]) for places in index), a[at], b[at], difference)
