"""Patterns of arrays in a container, as in ``x.h5::group/*``."""

from __future__ import annotations

import glob
from fnmatch import fnmatchcase

from concatsplit_core.endpoints.patterns import natural_key
from concatsplit_core.endpoints.references import SEPARATOR, parse_input
from concatsplit_core.formats.registry import format_of
from concatsplit_core.foundation.errors import InputUnavailable


def is_match(name: str, pattern: str) -> bool:
    """Whether a pattern stands for an array; a name always stands for itself."""
    return name == pattern or fnmatchcase(name, pattern)


def expand_members(ref: str) -> list[str]:
    """The arrays that a reference stands for, in natural order.

    A ``*`` stands for any letters, also for those between the names of groups.

    Raises
    ------
    InputUnavailable
        The pattern matches no array.
    """
    head, _, text = ref.partition(SEPARATOR)
    if not glob.has_magic(text):
        return [ref]
    place, member = parse_input(ref)
    form = format_of(place, member, ref)
    names = form.members(place, ref) if form.has_members else [text]
    if text in names:
        return [ref]
    found = sorted((name for name in names if fnmatchcase(name, text)), key=natural_key)
    if not found:
        raise InputUnavailable(
            f"{ref}: the pattern matches none of its arrays; it holds {', '.join(names) or 'none'}",
            ref=ref,
        )
    return [f"{head}{SEPARATOR}{name}" for name in found]
