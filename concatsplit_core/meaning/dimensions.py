"""Names of axes: through a stack and a split, and where a format wants one for every axis."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from concatsplit_core.errors import AxisError

Names = tuple[str | None, ...]


def stacked(names: Names | None, axis: int) -> Names | None:
    """The names of an array that gets a new axis, which has no name yet."""
    return None if names is None else (*names[:axis], None, *names[axis:])


def dropped(names: Names | None, axis: int) -> Names | None:
    """The names of an array that loses an axis; None where no name is left."""
    if names is None:
        return None
    left = names[:axis] + names[axis + 1 :]
    return left if any(left) else None


def fitting(names: Names | None, shape: Sequence[int]) -> Names | None:
    """Names of which none stands for two lengths: readers refuse such an array.

    The first axis of a name keeps it.
    """
    if names is None:
        return None
    lengths: dict[str, int] = {}
    fits = (
        name is None or lengths.setdefault(name, length) == length
        for name, length in zip(names, shape, strict=True)
    )
    return tuple(name if fit else None for name, fit in zip(names, fits, strict=True))


def completed(names: Names | None, ndim: int) -> tuple[str, ...]:
    """A name for every axis: those that are known, else ``x0``, ``x1``, ..."""
    known = names if names is not None else (None,) * ndim
    taken = {name for name in known if name}
    made = []
    for axis, name in enumerate(known):
        free = (f"x{number}" for number in count(axis) if f"x{number}" not in taken)
        made.append(name or next(free))
        taken.add(made[-1])
    return tuple(made)


def axis_named(name: str, names: Sequence[str | None] | None, what: str) -> int:
    """The number of the axis of this name.

    Raises
    ------
    AxisError
        The array has no axis of that name, or more than one.
    """
    found = [axis for axis, known in enumerate(names or ()) if known == name]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(known or "(no name)" for known in names or ())
    has = f"its axes are {listed}" if names else "its axes have no names; give a number"
    raise AxisError(
        f"--axis {name}: {what} has {'two axes' if found else 'no axis'} of that name: {has}",
        found=name,
    )
