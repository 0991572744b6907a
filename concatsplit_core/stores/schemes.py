"""Which store a URL is in, by its scheme. One row for every kind of store beside the local disk."""

from __future__ import annotations

from collections.abc import Callable

from concatsplit_core.stores.base import Location

SCHEMES: dict[str, Callable[[str], Location]] = {}
"""How a URL becomes a location, by what stands before its ``://``."""


def location_of(url: str) -> Location | None:
    """The file or folder of a URL; None if no store has its scheme: then it may be a path."""
    found = SCHEMES.get(url.partition("://")[0])
    return None if found is None else found(url)
