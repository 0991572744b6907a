"""The bounds of a coordinate: in the coordinate's units, which they do not repeat (CF 7.1)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from concatsplit_core.foundation.records import replace
from concatsplit_core.meaning.model import TIME, Meaning, plain

Attributes = Mapping[str, Any]

_known: ContextVar[dict[Hashable, list[Attributes]] | None] = ContextVar("known", default=None)


@contextmanager
def remembered_neighbours() -> Iterator[None]:
    """Read what the arrays of a group say once, while all of them are opened."""
    token = _known.set({})
    try:
        yield
    finally:
        _known.reset(token)


def neighbours(group: Hashable, read: Callable[[], Iterable[Attributes]]) -> list[Attributes]:
    """Of what `read` gives of the arrays in a group, the attributes of those that have bounds."""
    known = _known.get()
    if known is None:
        return list(filter(names_bounds, read()))
    if group not in known:
        known[group] = list(filter(names_bounds, read()))
    return known[group]


def names_bounds(attrs: Attributes) -> bool:
    """Whether an array names its bounds: few do, of many."""
    return any(word in attrs for word in BOUNDS)


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


def without_borrowed(meanings: Mapping[str, Meaning]) -> dict[str, Meaning]:
    """The meanings of the arrays of a data set, each with its own attributes only.

    What bounds borrow from their coordinate is left out where the coordinate is in the same group
    of the data set.

    Parameters
    ----------
    meanings : mapping of str to Meaning
        By the path of each array.
    """
    found = dict(meanings)
    for path, meaning in meanings.items():
        group = path.rpartition("/")[0]
        for word in BOUNDS:
            named = plain(meaning.attrs.get(word))
            bounds = f"{group}/{named}" if group else named
            if bounds in found and found[bounds].borrowed:
                own = found[bounds]
                attrs = {key: own.attrs[key] for key in own.attrs if key not in own.borrowed}
                found[bounds] = replace(own, attrs=attrs, borrowed=())
    return found
