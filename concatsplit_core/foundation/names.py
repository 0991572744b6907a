"""Names of files and arrays, as a program gives them."""

from __future__ import annotations

import os
from collections.abc import Collection
from itertools import islice
from typing import Any

from concatsplit_core.foundation.errors import UsageError

_LISTED = 8


def first_names(names: Collection[str]) -> str:
    """The first of many names, and how many more there are; ``none`` for none."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return (", ".join(islice(names, _LISTED)) or "none") + more


def printable(name: str) -> str:
    """A name that can be printed: bytes that are not UTF-8 are escaped."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def path(name: str, value: Any) -> str:
    """The name of a file or an array, given as text or as a path.

    Raises
    ------
    UsageError
        It is something else.
    """
    if isinstance(value, str | bytes | os.PathLike):
        return os.fsdecode(value)
    from concatsplit_core.foundation.given import quoted

    raise UsageError(f"{name}: {quoted(value)} is not a name; give text or a path")
