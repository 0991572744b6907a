"""Two arrays, read block by block and compared; what was found is put together."""

from __future__ import annotations

import ctypes
from math import prod
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from concatsplit_core.array.geometry import Box, Shape
from concatsplit_core.array.layouts import Order
from concatsplit_core.comparison.difference import Pair
from concatsplit_core.comparison.values import Rule, gaps, unequal

_AT_ONCE = 1 << 16
"""Elements that are compared one by one at once: masks and differences need room of their own."""

_memcmp = ctypes.CDLL(None).memcmp  # lets other threads run, and needs no mask
_memcmp.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


class _Candidate(NamedTuple):
    """A pair and its rank among all pairs; the largest of all candidates is what is sought."""

    rank: Any
    pair: Pair


class Findings:
    """What has been found so far, by any thread.

    Parameters
    ----------
    shape : tuple of int
        Of both arrays.
    order : {"C", "F"}
        In which the elements of blocks follow each other.
    rule : Rule
    """

    def __init__(self, shape: Shape, order: Order, rule: Rule) -> None:
        self._shape, self._order, self._rule = shape, order, rule
        self._lock = Lock()
        self._first: _Candidate | None = None
        self._largest: _Candidate | None = None
        self.count = 0

    @property
    def first(self) -> Pair | None:
        """The first pair that differs, in C order."""
        return None if self._first is None else self._first.pair

    @property
    def largest(self) -> Pair | None:
        """The pair that lies furthest apart; the first of several."""
        return None if self._largest is None else self._largest.pair

    def compare(self, a: np.ndarray, b: np.ndarray, box: Box) -> None:
        """Take the elements of a block into account.

        Parameters
        ----------
        a, b : numpy.ndarray
            Blocks of one shape whose elements follow each other in the order.
        box : Box
            Where they lie.
        """
        if same_bytes(a, b):
            return
        flat, other = a.reshape(-1, order=self._order), b.reshape(-1, order=self._order)
        for start in range(0, len(flat), _AT_ONCE):
            one, two = flat[start : start + _AT_ONCE], other[start : start + _AT_ONCE]
            places = np.flatnonzero(unequal(one, two, self._rule))
            if places.size:
                index = np.unravel_index(places + start, a.shape, self._order)
                self._note(
                    one[places], two[places], [i + o for i, o in zip(index, box.start, strict=True)]
                )

    def _note(self, a: np.ndarray, b: np.ndarray, index: list[np.ndarray]) -> None:
        """Take elements into account that differ."""
        ranks = _ranks(index, self._shape)
        apart = gaps(a, b)
        at = int(np.argmin(ranks))
        first = _Candidate(-int(ranks[at]), _pair(a, b, index, at, apart))
        largest = None
        if apart is not None and (best := apart.max()) >= 0:
            furthest = np.flatnonzero(apart == best)
            at = int(furthest[np.argmin(ranks[furthest])])
            largest = _Candidate((best, -int(ranks[at])), _pair(a, b, index, at, apart))
        with self._lock:
            self.count += len(a)
            self._first = _better(self._first, first)
            self._largest = _better(self._largest, largest)


def same_bytes(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two blocks are the same to the last bit; then nothing of them can differ."""
    if a.dtype != b.dtype or a.dtype.kind == "T" or not a.nbytes:
        return not a.size
    return not _memcmp(a.ctypes.data, b.ctypes.data, a.nbytes)


def _better(one: _Candidate | None, other: _Candidate | None) -> _Candidate | None:
    if one is None or other is None:
        return one or other
    return other if other.rank > one.rank else one


def _ranks(index: list[np.ndarray], shape: Shape) -> np.ndarray:
    """Places of elements in C order."""
    rank = np.zeros(len(index[0]) if index else 1, object if prod(shape) >= 1 << 63 else np.int64)
    for places, length in zip(index, shape, strict=True):
        rank = rank * length + places
    return rank


def _pair(
    a: np.ndarray, b: np.ndarray, index: list[np.ndarray], at: int, apart: np.ndarray | None
) -> Pair:
    difference = None if apart is None or apart[at] < 0 else apart[at]
    unit = a.dtype if a.dtype.kind in "mM" else None
    if difference is not None and unit is not None:
        name, step = np.datetime_data(unit)
        difference = f"{int(difference) * step} {name}"
    return Pair(tuple(int(places[at]) for places in index), a[at], b[at], difference)
