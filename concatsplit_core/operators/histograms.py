"""Histograms that are counted in one pass, in any order of the blocks, and always come out alike.

All bins are as wide as a power of two, and begin at multiples of their width. The width is the
smallest one with which all numbers lie in at most `BINS` bins. So two histograms of any widths can
be added up exactly: every bin of the finer one lies in one bin of the coarser one.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import floor, frexp

import numpy as np

from concatsplit_core.foundation.records import dataclass, field

BINS = 32
"""The most bins of a histogram; it has at least half as many, unless its numbers are few."""
_LEAST_EXPONENT, _DIGITS = -1022, 52
"""The least exponent of a bin's width, that of the smallest normal double; bits of its fraction."""


@dataclass(slots=True)
class Histogram:
    """How many numbers lie in each bin.

    Parameters
    ----------
    exponent : int
        A bin is ``2 ** exponent`` wide.
    bins : dict of int to int
        Counts, by where a bin begins in units of the width. Bins without a number are left out.
    """

    exponent: int = _LEAST_EXPONENT
    bins: dict[int, int] = field(default_factory=dict)

    @property
    def start(self) -> int:
        """Where the first bin begins, in units of the width."""
        return min(self.bins, default=0)

    @property
    def counts(self) -> list[int]:
        """The counts of all bins, from the first to the last that holds a number."""
        if not self.bins:
            return []
        return [self.bins.get(index, 0) for index in range(self.start, max(self.bins) + 1)]

    def add(self, other: Histogram) -> None:
        """Count the numbers of another one as well."""
        exponent = max(self.exponent, other.exponent) if self.bins else other.exponent
        pairs = [*self._coarser(exponent), *other._coarser(exponent)]
        places = [index for index, _ in pairs]
        low, high, shift = min(places, default=0), max(places, default=0), 0
        while (high >> shift) - (low >> shift) >= BINS:
            shift += 1
        self.exponent, self.bins = exponent + shift, {}
        for index, count in pairs:
            self.bins[index >> shift] = self.bins.get(index >> shift, 0) + count

    def _coarser(self, exponent: int) -> Iterable[tuple[int, int]]:
        return ((index >> exponent - self.exponent, n) for index, n in self.bins.items())


def of_integers(values: np.ndarray, low: int, high: int) -> Histogram:
    """The histogram of integers, of which `low` and `high` are the least and the largest."""
    exponent = 0
    while (high >> exponent) - (low >> exponent) >= BINS:
        exponent += 1
    kind = values.dtype.type
    places = (values >> kind(exponent)) - kind(low >> exponent)
    return _counted(exponent, low >> exponent, places)


def of_floats(values: np.ndarray, low: float, high: float) -> Histogram:
    """As `of_integers`, of finite doubles."""
    spread, size = _exponent(high / 2 - low / 2) - 5, _exponent(max(abs(low), abs(high)))
    exponent = max(size - _DIGITS, spread, _LEAST_EXPONENT)
    while _place(high, exponent) - _place(low, exponent) >= BINS:
        exponent += 1
    start = _place(low, exponent)
    places = np.floor(values * 2.0**-exponent)
    if exponent > _DIGITS and low < 0:  # small numbers came out as 0
        places[(places == 0) & (values < 0)] = -1
    places -= start
    return _counted(exponent, start, places)


def _place(number: float, exponent: int) -> int:
    """The bin of a number, with the width ``2 ** exponent``."""
    return floor(number * 2.0**-exponent) or (-1 if number < 0 else 0)


def _exponent(number: float) -> int:
    """The exponent of a number; a very low one for 0."""
    return frexp(number)[1] if number else 2 * _LEAST_EXPONENT


def _counted(exponent: int, start: int, places: np.ndarray) -> Histogram:
    counts = np.bincount(places.astype(np.intp, copy=False))
    return Histogram(exponent, {start + int(at): int(counts[at]) for at in np.flatnonzero(counts)})
