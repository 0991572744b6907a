"""What a container holds beside its arrays: groups, their attributes, and links inside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from concatsplit_core.meaning.agreement import KeptAttributes
from concatsplit_core.meaning.model import same


@dataclass(frozen=True, slots=True)
class GroupInfo:
    """What is said of one group.

    Parameters
    ----------
    attrs : mapping
        Attributes by name, in neutral terms.
    own : mapping
        The same attributes as their format stores them, for an output of the same format.
    """

    attrs: Mapping[str, Any] = field(default_factory=dict)
    own: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Structure:
    """The groups of a container.

    Parameters
    ----------
    groups : mapping of str to GroupInfo
        By path, the root as "", every group behind the one that it is in; empty groups too.
    links : mapping of str to str
        Soft links by path, and what each leads to.
    is_consolidated : bool
        The root lists the metadata of all members.
    notes : tuple of str
        What could not be read.
    user_block : bytes
        What comes first in the file and is not the format's own; no more than a format keeps.
    kept_by : str
        What keeps the arrays of the container consistent with each other, if nothing else can.
    """

    groups: Mapping[str, GroupInfo] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    is_consolidated: bool = False
    notes: tuple[str, ...] = ()
    user_block: bytes = b""
    kept_by: str = ""


def agreed(structures: Sequence[Structure], attrs: KeptAttributes) -> Structure:
    """The structure of an output that is made of several containers.

    Parameters
    ----------
    structures : sequence of Structure
        One an input.
    attrs : {"first", "common", "none"}
        Which attributes its groups have: the first input's, those that all inputs share, or none.
    """
    first = structures[0]
    groups = dict(first.groups)
    for path, info in first.groups.items():
        if attrs == "none":
            groups[path] = GroupInfo()
        elif attrs == "common":
            others = [other.groups.get(path, GroupInfo()).attrs for other in structures[1:]]
            kept = {
                name: value
                for name, value in info.attrs.items()
                if all(name in other and same(other[name], value) for other in others)
            }
            groups[path] = replace(info, attrs=kept)
    return replace(first, groups=groups)
