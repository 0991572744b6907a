"""Groups of a Zarr store: read with their attributes, and made in another store."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from concatsplit_core.foundation.jsonable import as_json
from concatsplit_core.stores.base import Location, join

if TYPE_CHECKING:
    from concatsplit_core.formats.structure import Structure

_V3 = "zarr.json"
_V2 = (".zgroup", ".zattrs")


def read_structure(store: Location) -> Structure:
    """The groups of a store, as far as they can be read."""
    from concatsplit_core.formats.structure import GroupInfo, Structure, keeper_of
    from concatsplit_core.formats.zarr.consolidating import is_consolidated

    groups: dict[str, GroupInfo] = {}
    notes: list[str] = []
    for path, folder in _walk(store):
        try:
            groups[path] = GroupInfo(_attributes(folder))
        except (OSError, ValueError, TypeError, RecursionError) as error:
            groups[path] = GroupInfo()
            notes.append(f"attributes of group '/{path}' are left out: {error}")
    return Structure(
        groups,
        is_consolidated=is_consolidated(store),
        notes=tuple(notes),
        kept_by=keeper_of(groups[""].attrs if groups else {}),
    )


def holds_images(store: Location) -> bool:
    """Whether the root describes an image of OME-Zarr."""
    try:
        if not _is_group(store):
            return False
        from concatsplit_core.meaning.multiscales import levels_of

        return bool(levels_of(_attributes(store)))
    except (OSError, ValueError, TypeError, RecursionError):
        return False


def _walk(store: Location) -> Iterator[tuple[str, Location]]:
    waiting = [("", store)]
    while waiting:
        path, folder = waiting.pop(0)
        if not _is_group(folder):
            continue
        yield path, folder
        inside = sorted(entry.name for entry in folder.entries() if entry.kind == "folder")
        waiting += [(join(path, name), folder / name) for name in inside]


def _is_group(folder: Location) -> bool:
    if (folder / _V2[0]).kind == "file":
        return True
    try:
        return bool(_document(folder / _V3).get("node_type") == "group")
    except (OSError, ValueError, TypeError, RecursionError):
        return False


def _document(place: Location) -> dict[str, Any]:
    found = json.loads(place.read())
    if not isinstance(found, dict):
        raise TypeError(f"{place.name} is not a JSON object")
    return found


def _attributes(folder: Location) -> Mapping[str, Any]:
    if (folder / _V2[0]).kind == "file":
        return _document(folder / _V2[1]) if (folder / _V2[1]).kind else {}
    attrs = _document(folder / _V3).get("attributes") or {}
    if not isinstance(attrs, dict):
        raise TypeError("attributes are not a JSON object")
    return attrs


def write_structure(store: Location, structure: Structure) -> list[str]:
    """Make the groups of a new store with their attributes; return what Zarr cannot hold."""
    zarr_format = 2 if (store / _V2[0]).kind else 3
    for path, info in structure.groups.items():
        folder = store / path
        attrs = as_json(dict(info.attrs))
        if zarr_format == 2:
            _write(folder / _V2[0], {"zarr_format": 2})
            _write(folder / _V2[1], attrs)
        else:
            _write(folder / _V3, {"attributes": attrs, "zarr_format": 3, "node_type": "group"})
    return [f"the link '{path}' is left out: Zarr has no links" for path in structure.links]


def _write(place: Location, document: Mapping[str, Any]) -> None:
    place.write(json.dumps(document, indent=2, allow_nan=False).encode())
