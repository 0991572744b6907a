"""Statistics of an array: read once, block by block, in bounded memory and on all cores."""

from __future__ import annotations

from math import prod
from threading import Lock
from typing import Any

import numpy as np

from concatsplit_core.array.geometry import Box
from concatsplit_core.endpoints.fingerprints import Fingerprints
from concatsplit_core.endpoints.hollow import refuse_hollow
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.errors import DtypeMismatch
from concatsplit_core.foundation.jsonable import as_json, text_of
from concatsplit_core.foundation.records import NamedTuple, dataclass, field, replace
from concatsplit_core.operators.meant import Meant, meant_of
from concatsplit_core.operators.summaries import (
    Numbers,
    Parts,
    Summary,
    Texts,
    Times,
    summary_of,
)
from concatsplit_core.run.events import Moved
from concatsplit_core.run.loading import prepared
from concatsplit_core.run.options import Options
from concatsplit_core.run.side_by_side import (
    BlockReader,
    boxes_of,
    common_order,
    plan_blocks,
)
from concatsplit_core.run.threads import run_on_threads

_AT_ONCE, _TEXTS_AT_ONCE = 1 << 16, 1 << 12
"""Elements that are counted at once: few enough to stay in a processor's cache."""


class Bins(NamedTuple):
    """A histogram.

    Parameters
    ----------
    start : object
        Where the first bin begins: a number or a time. A number at the border of two bins lies in
        the upper one; where a negative `scale_factor` turned them round, in the lower one.
    width : object
        Of each bin.
    counts : list of int
    """

    start: Any
    width: Any
    counts: list[int]

    @property
    def last(self) -> Any:
        """Where the last bin ends; of integers, the largest one that it can hold."""
        end = self.start + len(self.counts) * self.width
        if isinstance(end, float):
            return min(end, float(np.finfo("f8").max))
        return end - 1 if isinstance(end, int) else end


@dataclass(frozen=True, slots=True)
class Statistics:
    """Statistics of the elements of an array, or of one of their parts.

    Missing elements and NaNs are counted and otherwise left out.

    Parameters
    ----------
    count : int
        All elements.
    missing : int
        Those that equal `_FillValue` or `missing_value`, or lie outside `valid_range`.
    nan : int
        NaNs and NaTs that do not stand for missing values.
    infinite : int
    min, max, mean : object
        None where there are none: there is no element, or its dtype has no such figure.
    histogram : Bins, optional
        Of the finite numbers.
    lengths : tuple of int, optional
        The lengths of the shortest and the longest text.
    parts : dict of str to Statistics
        Of the fields of records, and of the real and the imaginary parts of complex numbers.
    unpacked : bool
        Whether these are the unpacked numbers (`scale_factor`, `add_offset`, `_Unsigned`); else
        they are the numbers as they are stored.
    note : str
        Why there are no figures.
    """

    count: int
    missing: int = 0
    nan: int = 0
    infinite: int = 0
    min: Any = None
    max: Any = None
    mean: Any = None
    histogram: Bins | None = None
    lengths: tuple[int, int] | None = None
    parts: dict[str, Statistics] = field(default_factory=dict)
    unpacked: bool = False
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints, as strict JSON has it: a NaN is text."""
        facts: dict[str, Any] = {
            "values": "unpacked" if self.unpacked else "stored",
            "count": self.count,
            "missing": self.missing,
            "nan": self.nan,
            "infinite": self.infinite,
            "min": self.min,
            "max": self.max,
            "mean": self.mean,
            "histogram": None if self.histogram is None else self.histogram._asdict(),
        }
        if self.lengths is not None:
            facts["lengths"] = self.lengths
        if self.parts:
            facts["parts"] = {name: part.to_dict() for name, part in self.parts.items()}
        if self.note:
            facts["note"] = self.note
        document: dict[str, Any] = as_json(facts)
        return document


class _Counting:
    """Sums up the blocks of one array, from several threads."""

    def __init__(self, meant: Meant) -> None:
        self._meant, self._lock, self.missing = meant, Lock(), 0
        self.summary = summary_of(meant.dtype)
        self._step = _TEXTS_AT_ONCE if meant.dtype.kind in "SUT" else _AT_ONCE

    def add(self, flat: np.ndarray) -> None:
        for start in range(0, len(flat), self._step):
            self._add(flat[start : start + self._step])

    def _add(self, piece: np.ndarray) -> None:
        mask = self._meant.missing(piece)
        if mask is not None and (count := int(np.count_nonzero(mask))):
            piece = piece[~mask]
            with self._lock:
                self.missing += count
        if self.summary is not None:
            self.summary.add(self._meant.numbers(piece))


def statistics_of(source: Source, options: Options, follow_links: bool = False) -> Statistics:
    """Read an open array, and return its statistics.

    Raises
    ------
    ConcatsplitError
        The array is malformed, changes meanwhile, or the smallest step does not fit the memory.
    """
    try:
        meant = meant_of(source)
    except DtypeMismatch as error:  # ml_dtypes is not installed, or lacks the type
        return Statistics(source.spec.size, note=error.message)
    counting = _Counting(meant)
    if source.spec.size and counting.summary is not None:
        fingerprints = Fingerprints([source], follow_links)
        _read(source, options, counting)
        fingerprints.check()
    return _statistics(counting.summary, source.spec.size, counting.missing, meant)


def _read(source: Source, options: Options, counting: _Counting) -> None:
    refuse_hollow([source])
    emit = options.on_event or (lambda _: None)
    with prepared(source):
        plan = plan_blocks(source, source, options.memory_bytes, options.workers)
        order = common_order(source.spec, source.spec)
        reader = BlockReader(source, order, plan.window)

        def work(box: Box) -> None:
            counting.add(reader.block(box).reshape(-1, order=order))

        def done(box: Box) -> None:
            emit(Moved(prod(box.shape) * source.spec.dtype.itemsize))

        try:
            run_on_threads(boxes_of(plan), work, jobs=plan.workers, done=done)
        finally:
            reader.close()


def _statistics(found: Summary | None, count: int, missing: int, meant: Meant) -> Statistics:
    """The figures of a summary."""
    match found:
        case Numbers():
            return _of_numbers(found, count, missing, meant)
        case Times():
            return _of_times(found, count, missing)
        case Texts():
            return _of_texts(found, count, missing)
        case Parts():
            kinds = {name: meant.dtype[name].base for name in meant.dtype.names or ()}
            parts = {
                name: _statistics(part, part.all, 0, Meant(kinds.get(name, np.dtype("f8"))))
                for name, part in found.parts.items()
            }
            return Statistics(count, missing, found.nans, parts=parts)
    return Statistics(count, note=f"elements of {meant.dtype} are bytes, and no numbers")


def _of_numbers(found: Numbers, count: int, missing: int, meant: Meant) -> Statistics:
    counted = Statistics(count, missing, found.nans, found.infinities, unpacked=meant.is_unpacked)
    if not found.count:
        return counted
    kind = meant.dtype.newbyteorder("=")
    least, largest = sorted(meant.unpack(np.array([found.least, found.largest], kind)))
    mean, bins = float(found.mean), found.histogram
    start: Any = max(bins.start * 2.0**bins.exponent, -np.finfo("f8").max)
    width: Any = 2.0**bins.exponent
    counts = bins.counts
    if kind.kind in "iub":
        start, width = bins.start << bins.exponent, 1 << bins.exponent
    if meant.packing is not None:
        scale, offset = meant.packing[:2]
        if scale < 0:
            start, counts = start + len(counts) * width, counts[::-1]
        start, width, mean = start * scale + offset, width * abs(scale), mean * scale + offset
    return replace(
        counted, min=least, max=largest, mean=mean,
        histogram=Bins(start, width, counts) if counts else None,
    )  # fmt: skip


def _of_times(found: Times, count: int, missing: int) -> Statistics:
    counted, numbers = Statistics(count, missing, found.nans), found.numbers
    if not numbers.count:
        return counted
    bins, time = numbers.histogram, found.time
    start = max(bins.start << bins.exponent, -(1 << 63) + 1)  # the next lower number is NaT
    unit: Any = np.datetime_data(found.unit)
    width = np.timedelta64(1 << bins.exponent, unit)
    return replace(
        counted, min=time(numbers.least), max=time(numbers.largest), mean=found.mean,
        histogram=Bins(time(start), width, bins.counts),
    )  # fmt: skip


def _of_texts(found: Texts, count: int, missing: int) -> Statistics:
    counted = Statistics(count, missing)
    if found.shortest is None:
        return counted
    least, largest = (
        text_of(t) if isinstance(t, bytes) else t for t in (found.least, found.largest)
    )
    return replace(counted, min=least, max=largest, lengths=(found.shortest, found.longest))
