"""Which arrays make up a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

from concatsplit_core.errors import UsageError

Carry = Literal["check", "first", "drop"]

_LISTED = 8


@dataclass(frozen=True, slots=True)
class Selection:
    """Which arrays make up a data set, and what becomes of those that are not cut.

    Parameters
    ----------
    members : str, optional
        Patterns of names, between commas; all arrays where it is not given.
    arrays : sequence of (str, reference), optional
        Arrays of several files by the names that they get, in place of containers.
    carry : {"check", "first", "drop"}
        What becomes of arrays without the axis: the first input's, if those of all inputs are
        equal; the first input's in any case; nothing.
    """

    members: str | None = None
    arrays: Sequence[tuple[str, Any]] = ()
    carry: Carry = "check"

    def __post_init__(self) -> None:
        if self.carry not in get_args(Carry):
            raise UsageError(f"--carry {self.carry} is not one of {', '.join(get_args(Carry))}")

    @property
    def is_given(self) -> bool:
        """Whether a data set was asked for, and not only found."""
        return self.members is not None or bool(self.arrays)

    def chosen(self, names: Sequence[str], ref: str) -> list[str]:
        """Those names of a container that are part of the data set.

        Raises
        ------
        UsageError
            A pattern matches none of them.
        """
        if self.members is None:
            return list(names)
        patterns = [pattern.strip() for pattern in self.members.split(",")]
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise UsageError(
                    f"--members {pattern}: {ref} has no such array; it holds {listed(names)}"
                )
        return [name for name in names if any(fnmatchcase(name, p) for p in patterns)]


def selection_from(options: dict[str, Any]) -> Selection:
    """What chooses the arrays of a data set, taken out of an operator's options."""
    names = ("members", "arrays", "carry")
    return Selection(**{name: options.pop(name) for name in names if name in options})


def listed(names: Sequence[str]) -> str:
    """The first of many names."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
