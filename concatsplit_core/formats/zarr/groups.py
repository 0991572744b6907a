"""Creates the groups that the arrays of a new store are in."""

from __future__ import annotations

import json

from concatsplit_core.stores.base import Location

_GROUPS: dict[int, dict[str, dict[str, object]]] = {
    2: {".zgroup": {"zarr_format": 2}, ".zattrs": {}},
    3: {"zarr.json": {"attributes": {}, "zarr_format": 3, "node_type": "group"}},
}


def create_groups(store: Location, member: str, zarr_format: int) -> None:
    """Create the groups that a member is in, unless they exist.

    Parameters
    ----------
    store : Location
    member : str
        Empty where the store itself is the array.
    zarr_format : int
    """
    documents = _GROUPS[zarr_format]
    while member:
        member = member.rpartition("/")[0]
        folder = store / member
        if not any((folder / name).kind for name in documents):
            for name, content in documents.items():
                (folder / name).write(json.dumps(content, indent=2).encode())
