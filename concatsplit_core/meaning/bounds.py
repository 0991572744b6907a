"""The bounds of a coordinate: in the coordinate's units, which they do not repeat (CF 7.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from concatsplit_core.meaning.model import TIME, plain

BOUNDS = ("bounds", "climatology")
"""The attributes in which a coordinate names its bounds."""
_MOST_VERTICES = 4


def may_be_bounds(attrs: Mapping[str, Any], shape: tuple[int, ...]) -> bool:
    """Whether an array could hold the bounds of a coordinate: 2 to 4 numbers per element of it."""
    return "units" not in attrs and len(shape) > 1 and 2 <= shape[-1] <= _MOST_VERTICES


def with_units(
    attrs: Mapping[str, Any], name: str, others: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """The attributes of bounds, with the units and calendar of the coordinate they belong to.

    Parameters
    ----------
    attrs : mapping
        The attributes of the array that may be bounds.
    name : str
        The name of that array, as the coordinate's `bounds` attribute spells it.
    others : iterable of mapping
        The attributes of the arrays in the same group; the coordinate is one of them.
    """
    for other in others:
        if name in (plain(other.get(word)) for word in BOUNDS):
            return {**attrs, **{key: other[key] for key in TIME if key in other}}
    return dict(attrs)
