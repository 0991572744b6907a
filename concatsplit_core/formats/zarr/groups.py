"""Creates the groups that the arrays of a new store are in."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

_GROUPS: dict[int, dict[str, dict[str, object]]] = {
    2: {".zgroup": {"zarr_format": 2}, ".zattrs": {}},
    3: {"zarr.json": {"attributes": {}, "zarr_format": 3, "node_type": "group"}},
}


def create_groups(store: Path, member: str, zarr_format: int) -> None:
    """Create the groups that a member is in, unless they exist.

    Parameters
    ----------
    store : Path
    member : str
        Empty where the store itself is the array.
    zarr_format : int
    """
    documents = _GROUPS[zarr_format]
    for above in PurePosixPath(member).parents if member else ():
        folder = store / above
        if not any((folder / name).exists() for name in documents):
            folder.mkdir(parents=True, exist_ok=True)
            for name, content in documents.items():
                (folder / name).write_text(json.dumps(content, indent=2))
