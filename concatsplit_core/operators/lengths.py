"""How an array is cut, from keyword options and from vectors of lengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from concatsplit_core.array.cuts import Cut, parse_ratio, whole_numbers
from concatsplit_core.array.sizes import parse_size
from concatsplit_core.endpoints.fingerprints import Fingerprints
from concatsplit_core.endpoints.inputs import close_all, open_inputs
from concatsplit_core.endpoints.loading import load
from concatsplit_core.errors import MalformedInput, UsageError

MOST_LENGTHS = 1 << 24
"""Entries of the longest vector of lengths that is read."""


def cut_from(options: dict[str, Any]) -> Cut:
    """Take the ways to cut out of keyword options."""
    lengths_from = options.pop("lengths_from", None)
    given = {name: options.pop(name) for name in Cut.__dataclass_fields__ if name in options}
    if isinstance(given.get("max_bytes"), str):
        given["max_bytes"] = parse_size(given["max_bytes"])
    if isinstance(given.get("ratio"), str):
        given["ratio"] = parse_ratio(given["ratio"])
    if lengths_from is not None:
        if given.get("lengths") is not None:
            raise UsageError("--lengths and --lengths-from are two ways to cut; give one of them")
        given["lengths"] = read_lengths(lengths_from)
    return Cut(**given)


def read_lengths(vector: Any) -> list[int]:
    """Lengths from an integer vector: a reference, an array, or a sequence.

    Raises
    ------
    MalformedInput
        It is not 1-D, not of integers, or has a negative entry other than -1.
    """
    if isinstance(vector, list | tuple):
        return whole_numbers("lengths", vector)
    sources = open_inputs(vector)
    try:
        if len(sources) != 1:
            raise UsageError(f"{vector}: lengths are one vector, found {len(sources)} arrays")
        source, spec = sources[0], sources[0].spec
        if spec.ndim != 1 or spec.dtype.kind not in "iu" or spec.size > MOST_LENGTHS:
            raise MalformedInput(
                f"{source.ref}: lengths are a vector of integers, found shape {spec.shape} "
                f"of {spec.dtype}",
                ref=source.ref,
                found=spec.shape,
            )
        Fingerprints(sources)  # refuses links out of a store
        return [int(n) for n in load(source)]
    finally:
        close_all(sources)


def refuse_negative(lengths: Sequence[int], what: str) -> None:
    """Refuse a vector of lengths of arrays that exist, one of which is negative."""
    negative = [n for n in lengths if n < 0]
    if negative:
        raise MalformedInput(f"{what} holds a negative length, {negative[0]}", found=negative[0])
