"""What a group and its other arrays say about an array: names of axes, and units of bounds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from concatsplit_core.array.geometry import Shape
from concatsplit_core.foundation.records import replace
from concatsplit_core.meaning.bounds import may_be_bounds, neighbours, with_units
from concatsplit_core.meaning.model import Meaning
from concatsplit_core.meaning.multiscales import names_in_multiscales
from concatsplit_core.stores.base import Location


def with_neighbours(meaning: Meaning, folder: Location, shape: Shape) -> Meaning:
    """The meaning of an array, completed by what its group and the group's other arrays say."""
    if meaning.dims is None:
        names = names_in_multiscales(_attributes(folder.parent), folder.name)
        meaning = replace(meaning, dims=names if names and len(names) == len(shape) else None)
    if may_be_bounds(meaning.attrs, shape):
        above = folder.parent
        beside = neighbours((id(above.store), above.key), lambda: _beside(folder))
        attrs = with_units(meaning.attrs, folder.name, beside)
        borrowed = tuple(name for name in attrs if name not in meaning.attrs)
        meaning = replace(meaning, attrs=attrs, borrowed=borrowed)
    return meaning


def _attributes(folder: Location) -> dict[str, Any]:
    """Attributes of an array or group; empty if they cannot be read."""
    for name in (".zattrs", "zarr.json"):
        try:
            found = json.loads((folder / name).read())
        except (OSError, ValueError, RecursionError):
            continue
        attrs = found.get("attributes") if name != ".zattrs" and isinstance(found, dict) else found
        return attrs if isinstance(attrs, dict) else {}
    return {}


def _beside(folder: Location) -> Iterator[dict[str, Any]]:
    above = folder.parent
    folders = [above / entry.name for entry in above.entries() if entry.kind == "folder"]
    yield from map(_attributes, folders)
