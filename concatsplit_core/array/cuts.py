"""Ways to cut an axis into parts: each turns a length into intervals, nothing is opened."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar, Literal, get_args

from concatsplit_core.array.geometry import Interval, tile
from concatsplit_core.array.shares import (
    interval_of,
    parse_ratio,
    proportional,
    start_and_stop,
    whole_shares,
)
from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.foundation.given import whole_number, whole_numbers
from concatsplit_core.foundation.records import dataclass
from concatsplit_core.foundation.sizes import counted

Uneven = Literal["balanced", "trailing"]
Remainder = Literal["keep", "drop", "error"]


MOST_PARTS = 1 << 20
"""The most parts of one split: each has its own name, and its own file or member."""

_WAYS = ("parts", "size", "lengths", "at", "ratio", "max_bytes", "range")
_GOES_WITH = {"uneven": "parts", "remainder": "size", "hop": "size", "by_array": "max_bytes"}


@dataclass(frozen=True, slots=True)
class Cut:
    """How a split is cut; at most one way of those in `_WAYS`.

    Parameters
    ----------
    parts : int, optional
        This many equal parts.
    uneven : {"balanced", "trailing"}, optional
        With `parts`, what to do where they do not divide: lengths as `numpy.array_split` has
        them (4, 3, 3), or full parts and a shorter end (4, 4, 2).
    size : int, optional
        Parts of this length.
    remainder : {"keep", "drop", "error"}, optional
        With `size`, what becomes of a shorter last part; kept by default.
    hop : int, optional
        With `size`, windows of that length, one every `hop`: overlapping where it is smaller.
        Only whole windows are made.
    lengths : sequence of int, optional
        Exactly these lengths; one may be -1, what the others leave.
    at : sequence of int, optional
        Cut at these positions, as `numpy.split` does; negative from the end.
    ratio : str or sequence of numbers, optional
        Lengths in this proportion, by largest remainder, which sum exactly: whole numbers such as
        ``"8:1:1"``, or fractions such as ``"0.8,0.1,0.1"`` or ``"80%,10%,10%"``.
    max_bytes : int, optional
        As many parts, of lengths that differ by one at most, as are needed for each to hold at
        most so many bytes.
    by_array : bool, optional
        With `max_bytes`: the arrays of a data set go, whole and in order, to files of at most so
        many bytes.
    range : str or pair of int, optional
        One part, the elements that a slice in Python takes, such as ``"3:8"``, ``"-3:"`` or
        ``(3, None)``.
    """

    parts: int | None = None
    uneven: Uneven | None = None
    size: int | None = None
    remainder: Remainder | None = None
    lengths: Sequence[int] | None = None
    at: Sequence[int] | None = None
    ratio: Any = None
    max_bytes: int | None = None
    hop: int | None = None
    by_array: bool | None = None
    range: Any = None

    lengths_name: ClassVar[str] = "--lengths"
    """What messages call the lengths."""

    def __post_init__(self) -> None:
        if self.ratio is not None:
            is_text = isinstance(self.ratio, str)
            ratio = parse_ratio(self.ratio) if is_text else whole_shares(self.ratio)
            object.__setattr__(self, "ratio", ratio)
        if self.range is not None:
            object.__setattr__(self, "range", start_and_stop(self.range))
        for field in ("lengths", "at"):
            if (values := getattr(self, field)) is not None:
                object.__setattr__(self, field, list(whole_numbers(field, values)))
        for field in ("parts", "size", "hop", "max_bytes"):
            if (value := getattr(self, field)) is not None:
                object.__setattr__(self, field, whole_number(field, value))
        self._refuse_other_words()
        chosen = [name for name in _WAYS if getattr(self, name) is not None]
        if len(chosen) > 1:
            raise UsageError(
                f"{' and '.join('--' + g.replace('_', '-') for g in chosen)} are "
                "two ways to cut; give one of them"
            )
        if self.hop is not None and self.remainder is not None:
            raise UsageError("--hop makes whole windows only; it has no --remainder")
        for option, needs in _GOES_WITH.items():
            if getattr(self, option) is not None and getattr(self, needs) is None:
                names = (name.replace("_", "-") for name in (option, needs))
                raise UsageError("--{} goes with --{}".format(*names))

    def _refuse_other_words(self) -> None:
        for option, words in (("uneven", get_args(Uneven)), ("remainder", get_args(Remainder))):
            if getattr(self, option) not in (None, *words):
                raise UsageError(
                    f"--{option} {getattr(self, option)} is not one of {', '.join(words)}"
                )

    def intervals(
        self, length: int, names: int | None = None, index_bytes: int = 1
    ) -> list[Interval]:
        """Where the parts lie on an axis of this length.

        Parameters
        ----------
        length : int
            Length of the axis.
        names : int, optional
            How many outputs were named: the number of equal parts where no way was given.
        index_bytes : int
            Bytes of array data at one index of the axis.

        Raises
        ------
        UsageError
            The cut does not fit the length.
        """
        if self.by_array:
            raise UsageError(
                "--by-array shares out the arrays of a data set, and this is one array"
            )
        if self.parts is not None:
            return tile(_equal(length, self.parts, self.uneven))
        if self.size is not None and self.hop is not None:
            return _windows(length, self.size, self.hop)
        if self.size is not None:
            return tile(_sized(length, self.size, self.remainder or "keep"))
        if self.lengths is not None:
            return tile(_listed(length, self.lengths, self.lengths_name))
        if self.at is not None:
            return _positions(length, self.at)
        if self.ratio is not None:
            return tile(proportional(length, self.ratio))
        if self.range is not None:
            start, stop = self.range
            return [interval_of(start, stop, length)]
        if self.max_bytes is not None:
            return tile(_bounded(length, self.max_bytes, index_bytes))
        if names is None:
            raise UsageError(
                "say how to cut, such as --parts, --size, --lengths or --at, "
                "or give one output name for each part"
            )
        return tile(_equal(length, names, None, by_names=True))


class CutByVector(Cut):
    """A cut by lengths that were read from a vector, and are no option of the request."""

    lengths_name = "the vector of lengths"


def notes_on_parts(cut: Cut, lengths: Sequence[int]) -> list[str]:
    """Notes on parts that are probably a mistake: empty ones, and a single one."""
    if cut == Cut() and len(lengths) == 1:
        return ["there is one part, since there is one output and no option that says where to cut"]
    if cut.range is not None and not any(lengths):
        start, stop = ("" if end is None else end for end in cut.range)
        return [f"--range {start}:{stop} takes nothing: the part is empty"]
    if not any(lengths):
        return []
    if cut.parts is not None and not all(lengths):
        empty = cut.parts - sum(map(bool, lengths))
        return [
            f"--parts {cut.parts}: the axis is too short, so that {counted(empty, 'part')} at the "
            f"end {'is' if empty == 1 else 'are'} empty"
        ]
    shares = cut.ratio or ()
    short = [str(n) for n, share in enumerate(shares) if share and not lengths[n]]
    if not short:
        return []
    parts = (
        f"part {short[0]}, which is" if len(short) == 1 else f"parts {', '.join(short)}, which are"
    )
    return [f"--ratio: the axis is too short for {parts} empty"]


def _refuse_many(parts: int) -> None:
    if parts > MOST_PARTS:
        raise UsageError(
            f"that would make {parts} parts, and {MOST_PARTS} is the most of one split; "
            "make larger ones",
            found=parts,
            expected=MOST_PARTS,
        )


def _equal(length: int, parts: int, uneven: Uneven | None, by_names: bool = False) -> list[int]:
    """Lengths of equal parts, or of parts as equal as `uneven` makes them."""
    if parts < 1:
        raise UsageError(f"--parts {parts}: at least one part is needed", found=parts)
    _refuse_many(parts)
    whole, rest = divmod(length, parts)
    if not rest:
        return [whole] * parts
    if uneven == "balanced":
        return [whole + 1] * rest + [whole] * (parts - rest)
    if uneven == "trailing":
        full = whole + 1
        return [max(0, min(full, length - full * i)) for i in range(parts)]
    option = f"--parts {parts} " if by_names else ""
    raise UsageError(
        f"{'' if by_names else f'--parts {parts}: '}an axis of length {length} does not divide "
        f"into {parts} equal parts; "
        f"{option}--uneven balanced makes the first ones longer by 1, "
        f"{option}--uneven trailing the last one shorter",
        found=length,
        expected=parts,
    )


def _sized(length: int, size: int, remainder: Remainder) -> list[int]:
    if size < 1:
        raise UsageError(f"--size {size}: a part needs a length of at least 1", found=size)
    whole, rest = divmod(length, size)
    if rest and remainder == "error":
        raise UsageError(
            f"--size {size}: an axis of length {length} does not divide into parts of {size}: "
            f"{rest} {'is' if rest == 1 else 'are'} left over; "
            "--remainder keep makes a shorter part of that, --remainder drop leaves it out",
            found=length,
            expected=size,
        )
    _refuse_many(whole)
    lengths = [size] * whole + ([rest] if rest and remainder == "keep" else [])
    if not lengths and remainder == "drop":
        raise UsageError(
            f"--size {size}: an axis of length {length} holds no whole part of {size}", found=length
        )
    return lengths or [0]


def _windows(length: int, size: int, hop: int) -> list[Interval]:
    if size < 1 or hop < 1:
        raise UsageError(
            f"--size {size} --hop {hop}: windows need a length and a step of 1 or more"
        )
    if size > length:
        raise UsageError(
            f"--size {size}: an axis of length {length} holds no whole window of {size}",
            found=length,
        )
    _refuse_many((length - size) // hop + 1)
    return [Interval(at, at + size) for at in range(0, length - size + 1, hop)]


def _bounded(length: int, most: int, index_bytes: int) -> list[int]:
    if most < 1:
        raise UsageError(f"--max-bytes {most}: a part holds at least 1 byte", found=most)
    if not index_bytes:
        return [length]
    if index_bytes > most:
        raise UsageError(
            f"--max-bytes {most}: one index of the axis holds {index_bytes} bytes already; "
            "give at least that",
            found=most,
            expected=index_bytes,
        )
    longest = most // index_bytes
    parts = max(1, -(-length // longest))
    return _equal(length, parts, "balanced")


def _listed(length: int, lengths: Sequence[int], name: str) -> list[int]:
    if list(lengths).count(-1) == 1:
        rest = length - sum(lengths) - 1
        if rest < 0:
            raise UsageError(
                f"{_given(name, lengths)}: those that are given sum to "
                f"{sum(lengths) + 1}, but the axis has length {length}; nothing is left for -1",
                found=sum(lengths) + 1,
                expected=length,
            )
        lengths = [rest if n == -1 else n for n in lengths]
    if list(lengths).count(-1) > 1:
        raise UsageError(
            f"{_given(name, lengths)}: only one of them can be -1, the rest",
            found=list(lengths),
        )
    negative = [n for n in lengths if n < 0]
    if negative:
        raise UsageError(
            f"{_given(name, lengths)}: a part cannot have length {negative[0]}", found=negative[0]
        )
    if sum(lengths) != length:
        raise UsageError(
            f"{_given(name, lengths)}: they sum to {sum(lengths)}, "
            f"but the axis has length {length}",
            found=sum(lengths),
            expected=length,
        )
    return list(lengths)


def _given(name: str, numbers: Sequence[int]) -> str:
    """What was given: the name of the option, and the list."""
    return f"{name} {','.join(map(str, numbers))}"


def _positions(length: int, at: Sequence[int]) -> list[Interval]:
    edges = [0, *(p + length if p < 0 else p for p in at), length]
    for asked, before, here in zip([*at, length], edges, edges[1:], strict=False):
        if not 0 <= here <= length:
            raise UsageError(
                f"{_given('--at', at)}: cannot cut at {asked}, since the axis has length {length}",
                found=asked,
                expected=length,
            )
        if here < before:
            raise UsageError(
                f"{_given('--at', at)}: cut positions must not decrease, and "
                f"{asked} comes after {before}",
                found=list(at),
            )
    return [Interval(a, b) for a, b in pairwise(edges)]
