"""Attributes and dimension names of an output, from those of its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from concatsplit_core.meaning.model import DEFINING, PACKING, VALID, Meaning, same


class _Speaks(Protocol):
    @property
    def meaning(self) -> Meaning: ...


def merged(speaking: Sequence[_Speaks], kept: str, unpacked: bool) -> Meaning:
    """What the first input says, with the descriptive attributes that are wanted.

    Parameters
    ----------
    speaking : sequence
        Inputs that have a say; at least one.
    kept : {"first", "common", "none"}
        Descriptive attributes: the first input's, those that all inputs share, or none.
    unpacked : bool
        The numbers are unpacked: what describes packed ones is left out.
    """
    first = speaking[0].meaning
    gone = {*PACKING, *VALID, "missing_value"} if unpacked else set()
    attrs = {}
    for name, value in first.attrs.items():
        if name in gone:
            continue
        if name in DEFINING or kept == "first" or (kept == "common" and _shared(name, speaking)):
            attrs[name] = value
    return Meaning(attrs, _dims(speaking), first.missing)


def _shared(name: str, speaking: Sequence[_Speaks]) -> bool:
    value: Any = speaking[0].meaning.attrs[name]
    return all(
        name in each.meaning.attrs and same(each.meaning.attrs[name], value)
        for each in speaking[1:]
    )


def _dims(speaking: Sequence[_Speaks]) -> tuple[str | None, ...] | None:
    """The first input's names; what it leaves without a name is called as the next one does."""
    known = [each.meaning.dims for each in speaking if each.meaning.dims is not None]
    if not known:
        return None
    same_rank = [names for names in known if len(names) == len(known[0])]
    found = tuple(
        next((name for name in column if name), None) for column in zip(*same_rank, strict=True)
    )
    named = [name for name in found if name]
    return found if len(set(named)) == len(named) else known[0]
