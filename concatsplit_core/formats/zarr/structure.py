"""Groups of a Zarr store: read with their attributes, and made in another store."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from concatsplit_core.formats.structure import GroupInfo, Structure
from concatsplit_core.meaning.jsonable import as_json

_V3 = "zarr.json"
_V2 = (".zgroup", ".zattrs")


def read_structure(store: Path) -> Structure:
    """The groups of a store, as far as they can be read."""
    groups: dict[str, GroupInfo] = {}
    notes: list[str] = []
    for path, folder in _walk(store):
        try:
            groups[path] = GroupInfo(_attributes(folder))
        except (OSError, ValueError, TypeError, RecursionError) as error:
            groups[path] = GroupInfo()
            notes.append(f"attributes of group '/{path}' are left out: {error}")
    return Structure(groups, is_consolidated=_is_consolidated(store), notes=tuple(notes))


def _walk(store: Path) -> Iterator[tuple[str, Path]]:
    waiting = [("", store)]
    while waiting:
        path, folder = waiting.pop(0)
        if not _is_group(folder):
            continue
        yield path, folder
        with os.scandir(folder) as entries:
            inside = sorted(e.name for e in entries if e.is_dir(follow_symlinks=False))
        waiting += [(f"{path}/{name}" if path else name, folder / name) for name in inside]


def _is_group(folder: Path) -> bool:
    if (folder / _V2[0]).is_file():
        return True
    try:
        return bool(_document(folder / _V3).get("node_type") == "group")
    except (OSError, ValueError, TypeError, RecursionError):
        return False


def _document(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_bytes())
    if not isinstance(found, dict):
        raise TypeError(f"{path.name} is no JSON object")
    return found


def _attributes(folder: Path) -> Mapping[str, Any]:
    if (folder / _V2[0]).is_file():
        return _document(folder / _V2[1]) if (folder / _V2[1]).exists() else {}
    attrs = _document(folder / _V3).get("attributes") or {}
    if not isinstance(attrs, dict):
        raise TypeError("attributes are no JSON object")
    return attrs


def _is_consolidated(store: Path) -> bool:
    if (store / ".zmetadata").is_file():
        return True
    try:
        return _document(store / _V3).get("consolidated_metadata") is not None
    except (OSError, ValueError, TypeError, RecursionError):
        return False


def write_structure(store: Path, structure: Structure) -> list[str]:
    """Make the groups of a new store with their attributes; return what Zarr cannot hold."""
    zarr_format = 2 if (store / _V2[0]).exists() else 3
    for path, info in structure.groups.items():
        folder = store / path
        folder.mkdir(parents=True, exist_ok=True)
        attrs = as_json(dict(info.attrs))
        if zarr_format == 2:
            _write(folder / _V2[0], {"zarr_format": 2})
            _write(folder / _V2[1], attrs)
        else:
            _write(folder / _V3, {"attributes": attrs, "zarr_format": 3, "node_type": "group"})
    return [f"the link '{path}' is left out: Zarr has no links" for path in structure.links]


def _write(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2, allow_nan=False))
