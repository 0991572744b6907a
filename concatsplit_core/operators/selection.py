"""Which arrays make up a data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

from concatsplit_core.foundation.errors import MalformedInput, UsageError, did_you_mean
from concatsplit_core.foundation.names import first_names
from concatsplit_core.foundation.records import dataclass

Carry = Literal["check", "first", "drop"]
Missing = Literal["refuse", "fill"]


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
    missing : {"refuse", "fill"}
        What happens if inputs do not hold the same arrays: an error, or fill values in the place of
        what an input lacks.
    history : bool or str
        Add a line to the attribute ``history`` of the outputs: the time, and this text; by
        default the call.
    """

    members: str | None = None
    arrays: Sequence[tuple[str, Any]] = ()
    carry: Carry = "check"
    missing: Missing = "refuse"
    history: bool | str = False

    def __post_init__(self) -> None:
        if self.missing not in get_args(Missing):
            raise UsageError(
                f"--missing {self.missing} is not one of {', '.join(get_args(Missing))}"
            )
        if self.carry not in get_args(Carry):
            raise UsageError(f"--carry {self.carry} is not one of {', '.join(get_args(Carry))}")

    @property
    def is_given(self) -> bool:
        """Whether the user asked for a data set."""
        return self.members is not None or bool(self.arrays)

    def refuse_for_one_array(self) -> None:
        """Refuse options that mean nothing for a single array.

        Raises
        ------
        UsageError
        """
        for name, asked in (("history", self.history), ("missing", self.missing != "refuse")):
            if asked:
                raise UsageError(
                    f"--{name} is for data sets, and this is one array; name containers without "
                    "::MEMBER, and --members '*' if they hold only one"
                )

    def notes_for_one_array(self) -> list[str]:
        """Notes on options that change nothing for a single array."""
        if self.carry == "check":
            return []
        return [f"--carry {self.carry} changes nothing: this is one array, and none is carried"]

    def chosen(self, names: Sequence[str], ref: str) -> list[str]:
        """Those names of a container that are part of the data set.

        Raises
        ------
        UsageError
            A pattern matches none of them, and what is missing is not filled in.
        MalformedInput
            One of them has no name, as only .npz can hold it.
        """
        chosen = self._chosen(names, ref)
        if "" in chosen:
            raise MalformedInput(
                f"{ref}: one of its arrays has no name; --members '?*' leaves it out", ref=ref
            )
        return chosen

    def _chosen(self, names: Sequence[str], ref: str) -> list[str]:
        if self.members is None:
            return list(names)
        from concatsplit_core.endpoints.member_patterns import is_match

        patterns = [pattern.strip() for pattern in self.members.split(",")]
        for pattern in patterns if self.missing == "refuse" else ():
            if not any(is_match(name, pattern) for name in names):
                raise UsageError(
                    f"--members {pattern}: {ref} has no such array; it holds {first_names(names)}"
                    f"{did_you_mean(pattern, names)}"
                )
        return [name for name in names if any(is_match(name, p) for p in patterns)]


def selection_from(options: dict[str, Any]) -> Selection:
    """Remove the options that choose arrays from keyword options, and make a `Selection`."""
    names = ("members", "arrays", "carry", "missing", "history")
    chosen = {name: options.pop(name) for name in names if name in options}
    usual = {"members": str, "history": bool | str}
    for name in ("members", "arrays", "history"):
        value = chosen.get(name)
        if value and not isinstance(value, usual.get(name, ())):
            from concatsplit_core.run.option_types import typed

            chosen[name] = typed(name, value)
    return Selection(**chosen)
