"""Bounds of a coordinate, which count in the coordinate's units and do not say so (CF 7.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from concatsplit_core.meaning.model import TIME, plain

BOUNDS = ("bounds", "climatology")
"""Attributes of a coordinate that name its bounds."""
_MOST_VERTICES = 4


def may_be_bounds(attrs: Mapping[str, Any], shape: tuple[int, ...]) -> bool:
    """Whether an array could be the bounds of another one: two or a few numbers for each of its."""
    return "units" not in attrs and len(shape) > 1 and 2 <= shape[-1] <= _MOST_VERTICES


def with_units(
    attrs: Mapping[str, Any], name: str, others: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """The attributes of bounds, with the units and calendar of the coordinate they belong to.

    Parameters
    ----------
    attrs : mapping
        Of the array.
    name : str
        Of the array, as the coordinate calls it.
    others : iterable of mapping
        Attributes of the arrays beside it.
    """
    for other in others:
        if name in (plain(other.get(word)) for word in BOUNDS):
            return {**attrs, **{key: other[key] for key in TIME if key in other}}
    return dict(attrs)
