"""Ratios and ranges as people write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from math import lcm
from typing import TYPE_CHECKING, Any

from concatsplit_core.array.geometry import Interval
from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.foundation.given import whole_number, whole_numbers

if TYPE_CHECKING:
    from fractions import Fraction

_WHOLE = re.compile(r"-?\d{1,19}")
_SHARE = re.compile(r"-?(?:\d{1,19}(?:\.\d{0,18})?|\.\d{1,18})%?")
_NUMBERS = re.compile(r"\W?(\d{1,19}([^\w.-]{1,3}\d{1,19})+)\W?")
_RANGE = re.compile(r"\s*([+-]?\d{1,19})?\s*:\s*([+-]?\d{1,19})?\s*")
_PRECISION = 10**9
"""The sum of floating-point shares may be off by one part in this many."""


def parse_ratio(text: str) -> list[int]:
    """Shares in whole numbers, of ``8:1:1``, ``0.8,0.1,0.1`` or ``80%,10%,10%``.

    Raises
    ------
    UsageError
        The text is none of these, or fractions do not sum to 1, or percentages to 100 %.
    """
    separator = ":" if ":" in text else ","
    pieces = [piece.replace(" ", "") for piece in text.split(separator)]
    is_list = separator == "," and all(map(_WHOLE.fullmatch, pieces))
    if is_list or not all(map(_SHARE.fullmatch, pieces)):
        numbers = re.findall(r"\d+", text) if _NUMBERS.fullmatch(text) else []
        hint = f"; did you mean {':'.join(numbers)}?" if numbers else ""
        raise UsageError(f"--ratio '{text}' is not like 8:1:1, 0.8,0.1,0.1 or 80%,10%,10%{hint}")
    percent = [piece.endswith("%") for piece in pieces]
    if any(percent) and not all(percent):
        raise UsageError(f"--ratio {text}: some shares have a %; write it after all of them")
    from fractions import Fraction  # imported late: it takes milliseconds

    shares = [Fraction(piece.rstrip("%")) for piece in pieces]
    if not any(percent):
        return whole_shares(shares, text)
    _refuse_other_sum(shares, 100, text, "percentages")
    return _scaled(shares)


def whole_shares(shares: Sequence[Any], text: str = "") -> list[int]:
    """Shares in whole numbers, in the proportion of numbers that may be fractions.

    Parameters
    ----------
    shares : sequence of numbers
        Whole numbers, or fractions that sum to 1. A float means the decimal number that is
        printed for it.
    text : str
        The shares as they were given, for messages.

    Raises
    ------
    UsageError
        A share is not a finite number, or fractions do not sum to 1.
    """
    from fractions import Fraction

    if not isinstance(shares, Iterable):
        raise UsageError(f"ratio: {shares} is not a list of shares, such as [8, 1, 1]")
    text = text or ",".join(map(str, shares))
    try:
        exact = [Fraction(str(share)) for share in shares]
    except ValueError as error:
        raise UsageError(f"--ratio {text}: {error}") from error
    if any(share.denominator != 1 for share in exact):
        _refuse_other_sum(exact, 1, text, "fractions")
    return _scaled(exact)


def _refuse_other_sum(shares: Sequence[Fraction], whole: int, text: str, what: str) -> None:
    total = sum(shares[1:], shares[0])
    if abs(total - whole) * _PRECISION > whole:
        raise UsageError(
            f"--ratio {text}: the {what} sum to {float(total):.10g}, not {whole}; write shares in "
            "whole numbers, such as 2:1, if they need no sum",
            found=float(total),
            expected=whole,
        )


def _scaled(shares: Sequence[Fraction]) -> list[int]:
    common = lcm(*(share.denominator for share in shares))
    return [int(share * common) for share in shares]


def proportional(length: int, ratio: Sequence[int]) -> list[int]:
    """Lengths by largest remainder: whole quotas first, what is left to the largest fractions."""
    total = sum(ratio)
    negative = any(share < 0 for share in ratio)
    if negative or not total:
        what = "no share may be negative" if negative else "one share at least has to be above 0"
        raise UsageError(f"--ratio {':'.join(map(str, ratio))}: {what}")
    lengths = [length * share // total for share in ratio]
    by_fraction = sorted(range(len(ratio)), key=lambda i: -(length * ratio[i] % total))
    for number in by_fraction[: length - sum(lengths)]:
        lengths[number] += 1
    return lengths


def parse_range(text: str) -> tuple[int | None, int | None]:
    """Start and stop of ``3:8``, ``:8`` or ``-3:``.

    Raises
    ------
    UsageError
        The text is not such a range.
    """
    found = _RANGE.fullmatch(text)
    if found is None:
        has_step = text.count(":") > 1
        what = "has a step, which a range here cannot have" if has_step else "is not a range"
        pair = re.fullmatch(r"(\d+)\s*(?:[-,]|\.\.)\s*(\d+)", text)
        hint = f"; did you mean {pair[1]}:{pair[2]}?" if pair else ""
        raise UsageError(f"--range {text} {what}; write START:STOP, such as 3:8, :8 or -3:{hint}")
    start, stop = (None if piece is None else int(piece) for piece in found.groups())
    return start, stop


def start_and_stop(given: Any) -> tuple[int | None, int | None]:
    """Where a range starts and stops, as it is given."""
    if isinstance(given, str):
        return parse_range(given)
    if isinstance(given, slice):
        if given.step not in (None, 1):
            raise UsageError(f"range: {given}: a range here cannot have a step")
        given = given.start, given.stop
    if not isinstance(given, Sequence):
        raise UsageError(f"range: {given} is not a start and a stop, such as (3, 8)")
    pair = [None if n is None else whole_number("range", n) for n in given]
    if len(pair) != 2:
        raise UsageError(f"range: {given} is not a start and a stop, such as (3, 8)")
    return pair[0], pair[1]


def interval_of(start: int | None, stop: int | None, length: int) -> Interval:
    """The elements that a slice in Python takes from an axis."""
    first, last, _ = slice(start, stop).indices(length)
    return Interval(first, max(first, last))


def select_parts(only: str | int | Sequence[int], count: int) -> list[int]:
    """Numbers of the parts that ``0-3,8`` names.

    Raises
    ------
    UsageError
        The text is not such a list, or names a part that does not exist.
    """
    if isinstance(only, str) or hasattr(only, "__index__"):
        only = str(only)
        chosen: list[int] = []
        for piece in only.split(","):
            first, dash, last = piece.partition("-")
            if not _is_number(first) or (dash and not _is_number(last)):
                raise UsageError(
                    f"--only {only} is not a list of parts such as 3 or 0-3,8{_meant_parts(only)}"
                )
            span = range(int(first), int(last if dash else first) + 1)
            if not span:
                raise UsageError(
                    f"--only {only}: the range {piece} is empty; write {last}-{first}", found=piece
                )
            chosen += span if span.stop <= count else [span.stop - 1]
    else:
        chosen = list(whole_numbers("only", only))
    beyond = [number for number in chosen if not 0 <= number < count]
    if beyond or not chosen:
        what = f"there is no part {beyond[0]}" if beyond else "it names none"
        raise UsageError(f"--only {only}: {what}; the parts are 0 to {count - 1}", found=beyond)
    return sorted(set(chosen))


def _meant_parts(only: str) -> str:
    """The end of a message about a wrong list of parts: what was probably meant."""
    pieces = [piece for piece in re.split(r"[\s,;]+", only) if piece]
    if not pieces or not all(re.fullmatch(r"\d+((-|\.\.)\d+)?", piece) for piece in pieces):
        return ""  # 3:5 may mean what leaves out part 5, as in Python
    return f"; did you mean {','.join(pieces).replace('..', '-')}?"


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20
