"""Ways to cut an axis into parts: each turns a length into intervals, nothing is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Literal

from concatsplit_core.errors import UsageError
from concatsplit_core.geometry import Interval, tile

Uneven = Literal["balanced", "trailing"]
Remainder = Literal["keep", "drop", "error"]


@dataclass(frozen=True, slots=True)
class Cut:
    """How a split is cut; at most one of `parts`, `size`, `lengths` and `at`.

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
    lengths : sequence of int, optional
        Exactly these lengths.
    at : sequence of int, optional
        Cut at these positions, as `numpy.split` does; negative from the end.
    """

    parts: int | None = None
    uneven: Uneven | None = None
    size: int | None = None
    remainder: Remainder | None = None
    lengths: Sequence[int] | None = None
    at: Sequence[int] | None = None

    def __post_init__(self) -> None:
        given = [
            name for name in ("parts", "size", "lengths", "at") if getattr(self, name) is not None
        ]
        if len(given) > 1:
            raise UsageError(
                f"{' and '.join('--' + g for g in given)} are two ways to cut; give one of them"
            )
        for option, needs in (("uneven", "parts"), ("remainder", "size")):
            if getattr(self, option) is not None and getattr(self, needs) is None:
                raise UsageError(f"--{option} goes with --{needs}")

    @property
    def is_default(self) -> bool:
        """Whether no way to cut was asked for."""
        return all(getattr(self, field.name) is None for field in fields(self))

    def intervals(self, length: int, names: int | None = None) -> list[Interval]:
        """Where the parts lie on an axis of this length.

        Parameters
        ----------
        length : int
            Length of the axis.
        names : int, optional
            How many outputs were named: the number of equal parts where no way was given.

        Raises
        ------
        UsageError
            The cut does not fit the length.
        """
        if self.parts is not None:
            return tile(_equal(length, self.parts, self.uneven))
        if self.size is not None:
            return tile(_sized(length, self.size, self.remainder or "keep"))
        if self.lengths is not None:
            return tile(_listed(length, self.lengths))
        if self.at is not None:
            return _positions(length, self.at)
        if names is None:
            raise UsageError(
                "say how to cut: --parts, --size, --lengths or --at, or name one output a part"
            )
        return tile(_equal(length, names, None))


def _equal(length: int, parts: int, uneven: Uneven | None) -> list[int]:
    if parts < 1:
        raise UsageError(f"--parts {parts}: at least one part is needed", found=parts)
    whole, rest = divmod(length, parts)
    if not rest:
        return [whole] * parts
    if uneven == "balanced":
        return [whole + 1] * rest + [whole] * (parts - rest)
    if uneven == "trailing":
        full = whole + 1
        return [max(0, min(full, length - full * i)) for i in range(parts)]
    raise UsageError(
        f"an axis of length {length} does not divide into {parts} equal parts; "
        "--uneven balanced spreads the difference, --uneven trailing leaves it to the last part",
        found=length,
        expected=parts,
    )


def _sized(length: int, size: int, remainder: Remainder) -> list[int]:
    if size < 1:
        raise UsageError(f"--size {size}: a part needs a length of at least 1", found=size)
    whole, rest = divmod(length, size)
    if rest and remainder == "error":
        raise UsageError(
            f"parts of {size} leave {rest} of {length} over; "
            "--remainder keep or drop says what to do with it",
            found=length,
            expected=size,
        )
    lengths = [size] * whole + ([rest] if rest and remainder == "keep" else [])
    if not lengths and remainder == "drop":
        raise UsageError(f"an axis of length {length} holds no whole part of {size}", found=length)
    return lengths or [0]


def _listed(length: int, lengths: Sequence[int]) -> list[int]:
    negative = [n for n in lengths if n < 0]
    if negative:
        raise UsageError(f"--lengths: a part cannot have length {negative[0]}", found=negative[0])
    if sum(lengths) != length:
        raise UsageError(
            f"lengths {','.join(map(str, lengths))} sum to {sum(lengths)}, "
            f"but the axis has length {length}",
            found=sum(lengths),
            expected=length,
        )
    return list(lengths)


def _positions(length: int, at: Sequence[int]) -> list[Interval]:
    edges = [0, *(p + length if p < 0 else p for p in at), length]
    for given, before, here in zip([*at, length], edges, edges[1:], strict=False):
        if not 0 <= here <= length:
            raise UsageError(
                f"cannot cut at {given}: the axis has length {length}", found=given, expected=length
            )
        if here < before:
            raise UsageError(
                f"cut positions must not decrease: {given} comes after {before}", found=list(at)
            )
    return [Interval(a, b) for a, b in pairwise(edges)]
