"""What other arrays of a group say about an array: bounds have the units of their coordinate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from concatsplit_core.formats.hdf5.dimensions import identity, text_attribute
from concatsplit_core.formats.hdf5.library import h5py
from concatsplit_core.formats.hdf5.links import item_of, link_of, names_in
from concatsplit_core.meaning.bounds import BOUNDS
from concatsplit_core.meaning.model import TIME


def beside(dataset: Any, name: str, version: tuple[int, ...]) -> list[dict[str, Any]]:
    """Attributes about units and bounds of those arrays in the same group that have bounds.

    They are read for one array of a group only, as long as its file stays the same.

    Parameters
    ----------
    dataset : h5py.Dataset
    name : str
        Its name in the file.
    version : tuple of int
        The file and its state; empty if a program has opened it.
    """
    key = (version or identity(dataset.parent), name.rpartition("/")[0])
    found = _known_groups.get(key) if key[0] else None
    if found is None:
        found = list(_look_beside(dataset.parent))
        if key[0]:
            if len(_known_groups) >= _MOST_GROUPS:
                _known_groups.clear()
            _known_groups[key] = found
    return found


_MOST_GROUPS = 64
_known_groups: dict[tuple[tuple[int, ...] | None, str], list[dict[str, Any]]] = {}


def _look_beside(group: Any) -> Iterator[dict[str, Any]]:
    for name in names_in(group):
        try:
            is_hard = isinstance(link_of(group, name), h5py.HardLink)
            item = item_of(group, name) if is_hard else None
            if item is None or not h5py.h5a.get_num_attrs(item.id):  # most of thousands have none
                continue
        except Exception:  # a damaged neighbour makes h5py raise anything, and is left out
            continue
        found = {key: text_attribute(item, key) for key in BOUNDS}
        if any(value is not None for value in found.values()):
            found |= {key: text_attribute(item, key) for key in TIME}
            yield {key: value for key, value in found.items() if value is not None}
