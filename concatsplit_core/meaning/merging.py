"""The attributes and dimension names of an output, from those of its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from concatsplit_core.meaning.agreement import InputMeaning, KeptAttributes
from concatsplit_core.meaning.model import DEFINING, PACKING, VALID, Meaning, same


def merge_meanings(
    described: Sequence[InputMeaning], kept: KeptAttributes, is_unpacked: bool
) -> Meaning:
    """The first input's meaning, with the descriptive attributes that ``--attrs`` keeps.

    Parameters
    ----------
    described : sequence of InputMeaning
        Inputs whose format can store attributes; at least one.
    kept : {"first", "common", "none"}
        Which descriptive attributes: the first input's, those that all inputs share, or none.
    is_unpacked : bool
        The output's numbers are unpacked: attributes that describe packed numbers are left out.
    """
    first = described[0].meaning
    left_out = {*PACKING, *VALID, "missing_value"} if is_unpacked else set()
    attrs = {}
    for name, value in first.attrs.items():
        if name in left_out:
            continue
        if name in DEFINING or kept == "first" or (kept == "common" and _shared(name, described)):
            attrs[name] = value
    return Meaning(attrs, _dims(described), first.missing, borrowed=first.borrowed)


def _shared(name: str, described: Sequence[InputMeaning]) -> bool:
    value: Any = described[0].meaning.attrs[name]
    return all(
        name in one.meaning.attrs and same(one.meaning.attrs[name], value) for one in described[1:]
    )


def _dims(described: Sequence[InputMeaning]) -> tuple[str | None, ...] | None:
    """The dimension names: for each axis the first name that an input has for it.

    If that gives two axes the same name, the first input's names are taken as they are.
    """
    named = [one.meaning.dims for one in described if one.meaning.dims is not None]
    if not named:
        return None
    same_rank = [names for names in named if len(names) == len(named[0])]
    dims = tuple(
        next((name for name in column if name), None) for column in zip(*same_rank, strict=True)
    )
    known = [name for name in dims if name]
    return dims if len(set(known)) == len(known) else named[0]
