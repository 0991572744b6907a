"""What a container holds beside its arrays: groups, their attributes, and links inside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


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
    notes : tuple of str
        What could not be read.
    """

    groups: Mapping[str, GroupInfo] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
