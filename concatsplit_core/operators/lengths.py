"""Where to cut: from keyword options, and from vectors of lengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from concatsplit_core.array.cuts import Cut, CutByVector
from concatsplit_core.endpoints.fingerprints import Fingerprints
from concatsplit_core.endpoints.inputs import close_all, open_inputs
from concatsplit_core.foundation.errors import MalformedInput, UsageError
from concatsplit_core.foundation.given import whole_numbers
from concatsplit_core.foundation.records import fields
from concatsplit_core.foundation.sizes import parse_size
from concatsplit_core.run.loading import load

MOST_LENGTHS = 1 << 24
"""The most entries of a vector of lengths."""


def cut_from(options: dict[str, Any]) -> Cut:
    """Remove the options that say where to cut from keyword options, and make a `Cut` of them."""
    lengths_from = options.pop("lengths_from", None)
    names = [each.name for each in fields(Cut)]
    how = {name: options.pop(name) for name in names if name in options}
    if isinstance(how.get("max_bytes"), str):
        how["max_bytes"] = parse_size(how["max_bytes"], "--max-bytes")
    if lengths_from is not None:
        if how.get("lengths") is not None:
            raise UsageError("--lengths and --lengths-from both say where to cut; give one of them")
        how["lengths"] = read_lengths(lengths_from)
        return CutByVector(**how)
    return Cut(**how)


def read_lengths(vector: Any) -> list[int]:
    """Read lengths from an integer vector: a reference, an array, or a sequence.

    Raises
    ------
    MalformedInput
        The array is not 1-D, does not hold integers, or is too long.
    """
    if isinstance(vector, list | tuple):
        return list(whole_numbers("lengths", vector))
    sources = open_inputs(vector)
    try:
        if len(sources) != 1:
            raise UsageError(
                f"{vector}: expected one vector of lengths, found {len(sources)} arrays"
            )
        source, spec = sources[0], sources[0].spec
        if spec.ndim != 1 or spec.dtype.kind not in "iu" or spec.size > MOST_LENGTHS:
            raise MalformedInput(
                f"{source.ref}: expected lengths, a 1-D array of at most {MOST_LENGTHS} integers; "
                f"found shape {spec.shape} of {spec.dtype}",
                ref=source.ref,
                found=spec.shape,
            )
        Fingerprints(sources)  # refuses links out of a store
        return [int(n) for n in load(source)]
    finally:
        close_all(sources)


def refuse_negative(lengths: Sequence[int], name: str) -> None:
    """Refuse a vector of lengths with a negative one, where -1 does not mean the rest."""
    negative = [n for n in lengths if n < 0]
    if negative:
        raise MalformedInput(f"{name} contains a negative length, {negative[0]}", found=negative[0])
