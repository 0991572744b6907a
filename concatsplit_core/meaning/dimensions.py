"""Dimension names: what a stack and a split do to them, and how missing ones are made up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import count

from concatsplit_core.foundation.errors import AxisError, did_you_mean

Names = tuple[str | None, ...]


def with_new_axis(names: Names | None, axis: int) -> Names | None:
    """The names after an axis is added; the new axis has none."""
    return None if names is None else (*names[:axis], None, *names[axis:])


def without_axis(names: Names | None, axis: int) -> Names | None:
    """The names after an axis is dropped; None if no name is left."""
    if names is None:
        return None
    left = names[:axis] + names[axis + 1 :]
    return left if any(left) else None


def with_one_length_each(names: Names | None, shape: Sequence[int]) -> Names | None:
    """The names, without those that would stand for two different lengths.

    Readers refuse an array in which a dimension has two lengths. The first axis keeps the name.
    """
    if names is None:
        return None
    lengths: dict[str, int] = {}
    fits = (
        name is None or lengths.setdefault(name, length) == length
        for name, length in zip(names, shape, strict=True)
    )
    return tuple(name if fit else None for name, fit in zip(names, fits, strict=True))


def name_all_axes(names: Names | None, ndim: int) -> tuple[str, ...]:
    """A name for every axis: its own, else ``x0``, ``x1``, ..."""
    own = names if names is not None else (None,) * ndim
    taken = {name for name in own if name}
    complete = []
    for axis, name in enumerate(own):
        free = (f"x{number}" for number in count(axis) if f"x{number}" not in taken)
        complete.append(name or next(free))
        taken.add(complete[-1])
    return tuple(complete)


def axis_named(name: str, names: Sequence[str | None] | None, array: str) -> int:
    """The number of the axis that has a name.

    Parameters
    ----------
    name : str
    names : sequence of str or None, optional
        The names of all axes.
    array : str
        The name of the array in messages.

    Raises
    ------
    AxisError
        The array has no axis of that name, or more than one.
    """
    axes = [axis for axis, known in enumerate(names or ()) if known == name]
    if len(axes) == 1:
        return axes[0]
    listed = ", ".join(known or "(no name)" for known in names or ())
    known = [known for known in names or () if known]
    has = (
        f"its axes are {listed}{did_you_mean(name, known)}"
        if names
        else "its axes have no names; give a number"
    )
    if re.fullmatch(r"[-+]?[\d.]+(, *[-+]?\d+)*", name):
        has = "one axis is joined or cut" if "," in name else "the number of an axis is whole"
        has = f"{name} is text; give a number" if name.lstrip("-").isdigit() else has
    if re.search(r"\.[A-Za-z]|/|::", name):
        has = f"{name} looks like a file; in a call from Python, all inputs go in one list"
    how_many = f"{len(axes)} axes" if axes else "no axis"
    raise AxisError(f"--axis {name}: {array} has {how_many} of that name: {has}", found=name)
