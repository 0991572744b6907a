"""Summaries of elements: least, largest, sum, histogram. Several threads add to them."""

from __future__ import annotations

from fractions import Fraction
from math import inf, isinf, isnan, nan
from threading import Lock
from typing import Any

import numpy as np

from concatsplit_core.operators import histograms
from concatsplit_core.operators.histograms import Histogram

_LARGE = 2.0**1000
"""Sums of doubles from this size on could be too large for a double."""
_FINER = {
    "Y": ("M", 12), "W": ("D", 7), "D": ("h", 24), "h": ("m", 60), "m": ("s", 60),
    "s": ("ms", 1000), "ms": ("us", 1000), "us": ("ns", 1000),
}  # fmt: skip
"""The next finer unit of time, and how many of it make one."""


class Summary:
    """What is known of the elements so far."""

    def __init__(self) -> None:
        self.count, self.nans = 0, 0
        self.least: Any = None
        self.largest: Any = None
        self._lock = Lock()

    @property
    def all(self) -> int:
        """How many elements were added."""
        return self.count + self.nans

    def add(self, values: np.ndarray) -> None:
        """Add some elements, in an array of one axis."""
        raise NotImplementedError

    def _take(self, least: Any, largest: Any) -> None:
        """Widen the range."""
        self.least = least if self.least is None else min(self.least, least)
        self.largest = largest if self.largest is None else max(self.largest, largest)


class Numbers(Summary):
    """A summary of integers, booleans or floats; of times too, which are stored as integers."""

    def __init__(self) -> None:
        super().__init__()
        self.histogram = Histogram()
        self.infinities = 0
        self._sum, self._special = Fraction(0), 0.0

    @property
    def mean(self) -> Fraction | float:
        """The mean: exact for integers; an infinity or a NaN where there are infinities."""
        if not self.count:
            return nan
        return self._special if self._special else self._sum / self.count

    def add(self, values: np.ndarray) -> None:
        """Add some numbers."""
        if values.dtype.kind in "iub":
            self._add_integers(values.view(np.uint8) if values.dtype.kind == "b" else values)
        else:
            with np.errstate(all="ignore"):
                self._add_floats(values)

    def _add_integers(self, values: np.ndarray) -> None:
        if not values.size:
            return
        least, largest = int(values.min()), int(values.max())
        found = histograms.of_integers(values, least, largest)
        if values.itemsize < 8:
            total = int(values.sum(dtype=np.int64))
        else:  # in two halves, whose sums fit
            half = values.dtype.type(32)
            low = values & values.dtype.type(0xFFFFFFFF)
            total = (int((values >> half).sum()) << 32) + int(low.sum())
        with self._lock:
            self._take(least, largest)
            self.count += values.size
            self._sum += total
            self.histogram.add(found)

    def _add_floats(self, values: np.ndarray) -> None:
        count = len(values)
        if count and isnan(values.min()):
            values = values[~np.isnan(values)]
        nans = count - len(values)
        if not len(values):
            with self._lock:
                self.nans += nans
            return
        least, largest = values.min(), values.max()
        finite = values
        if isinf(least) or isinf(largest):
            finite = values[np.isfinite(values)]
        doubles = finite.astype(np.float64, copy=False)
        found, total, special = Histogram(), Fraction(0), 0.0
        if doubles.size:
            low, high = float(doubles.min()), float(doubles.max())
            if isinf(low) or isinf(high):  # long doubles that no double can hold
                doubles = doubles[np.isfinite(doubles)]
                low, high = (float(doubles.min()), float(doubles.max())) if doubles.size else (0, 0)
                special = nan
            found, total = histograms.of_floats(doubles, low, high), _sum_of(doubles, low, high)
        with self._lock:
            self._take(least, largest)
            self.count, self.nans = self.count + len(values), self.nans + nans
            self.infinities += len(values) - len(finite)
            self._sum, self._special = self._sum + total, self._special + special
            for infinity in (inf, -inf):
                if infinity in (least, largest):
                    self._special += infinity  # inf - inf is a NaN, as in NumPy
            self.histogram.add(found)


def _sum_of(doubles: np.ndarray, low: float, high: float) -> Fraction:
    if max(abs(low), abs(high)) < _LARGE:
        return Fraction(float(doubles.sum()))
    return Fraction(float((doubles * 2.0**-64).sum())) * 2**64


class Times(Summary):
    """A summary of datetimes or timedeltas; NaT counts as a NaN."""

    def __init__(self, dtype: np.dtype) -> None:
        super().__init__()
        self.unit = dtype.newbyteorder("=")
        self.numbers = Numbers()

    def add(self, values: np.ndarray) -> None:
        """Add some times."""
        known = values[~np.isnat(values)].astype(self.unit, copy=False)
        self.numbers.add(known.view(np.int64))
        with self._lock:
            self.nans += len(values) - len(known)
            self.count += len(known)

    def time(self, number: int) -> Any:
        """A number as the time that it stands for."""
        return np.int64(number).view(self.unit)

    @property
    def mean(self) -> Any:
        """The mean; if it is not a whole number, in a finer unit, nanoseconds at the finest."""
        mean = Fraction(self.numbers.mean)
        if mean.denominator == 1:
            return self.time(int(mean))
        unit, step = np.datetime_data(self.unit)
        mean *= step
        while mean.denominator != 1 and unit in _FINER:
            finer, times = _FINER[unit]
            if abs(mean * times) >= 1 << 63:
                break
            unit, mean = finer, mean * times
        return np.int64(round(mean)).view(f"{self.unit.kind}8[{unit}]")


class Texts(Summary):
    """A summary of texts, whose least and largest are in the order of Unicode, or of bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.shortest: int | None = None
        self.longest = 0

    def add(self, values: np.ndarray) -> None:
        """Add some texts."""
        texts = values.tolist()
        if not texts:
            return
        lengths = [len(text) for text in texts]
        with self._lock:
            self._take(min(texts), max(texts))
            self.count += len(texts)
            shortest = min(lengths)
            self.shortest = shortest if self.shortest is None else min(self.shortest, shortest)
            self.longest = max(self.longest, *lengths)


class Parts(Summary):
    """A summary of elements that have parts: fields of records, real and imaginary parts."""

    def __init__(self, parts: dict[str, Summary]) -> None:
        super().__init__()
        self.parts = parts

    def add(self, values: np.ndarray) -> None:
        """Add some elements, part by part."""
        for name, summary in self.parts.items():
            part = values[name] if values.dtype.names else getattr(values, name)
            summary.add(np.ascontiguousarray(part).reshape(-1))
        nans = int(np.count_nonzero(np.isnan(values))) if values.dtype.kind == "c" else 0
        with self._lock:
            self.count, self.nans = self.count + len(values) - nans, self.nans + nans


def summary_of(dtype: np.dtype) -> Summary | None:
    """An empty summary for elements of a dtype; None for raw bytes, of which nothing is known."""
    if dtype.names is not None:
        fields = {name: summary_of(dtype[name].base) for name in dtype.names}
        return Parts({name: found for name, found in fields.items() if found is not None})
    if dtype.kind in "mM":
        return Times(dtype)
    if dtype.kind in "SUT":
        return Texts()
    if dtype.kind == "c":
        return Parts({"real": Numbers(), "imag": Numbers()})
    return Numbers() if dtype.kind in "iubf" else None
