"""What the other arrays of a group say of an array: bounds have the units of their coordinate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from concatsplit_core.formats.hdf5.dimensions import identity, text_attribute
from concatsplit_core.formats.hdf5.library import h5py
from concatsplit_core.meaning.bounds import BOUNDS
from concatsplit_core.meaning.model import TIME


def beside(dataset: Any) -> list[dict[str, Any]]:
    """Attributes about units and bounds of those arrays in the same group that have bounds.

    They are read for one array of a group only, as long as its file stays the same.
    """
    group = dataset.parent
    key = identity(group)
    found = None if key is None else _known_groups.get(key)
    if found is None:
        found = list(_look_beside(group))
        if key is not None:
            if len(_known_groups) >= _MOST_GROUPS:
                _known_groups.clear()
            _known_groups[key] = found
    return found


_MOST_GROUPS = 64
_known_groups: dict[tuple[int, ...], list[dict[str, Any]]] = {}


def _look_beside(group: Any) -> Iterator[dict[str, Any]]:
    for name in group:
        try:
            item = group[name] if isinstance(group.get(name, getlink=True), h5py.HardLink) else None
        except Exception:  # a damaged neighbour makes h5py raise anything, and is left out
            continue
        if item is not None:
            found = {key: text_attribute(item, key) for key in BOUNDS}
            if any(value is not None for value in found.values()):
                found |= {key: text_attribute(item, key) for key in TIME}
                yield {key: value for key, value in found.items() if value is not None}
