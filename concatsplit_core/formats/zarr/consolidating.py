"""Consolidated metadata: one document of a group that lists the metadata of all that it holds.

Arrays of types such as bfloat16 are left out: zarr-python, which lacks them, opens no group whose
list has one. Readers who know the type find the array at its path.

Format 2 keeps it in ``.zmetadata``, format 3 in the group's own ``zarr.json``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from concatsplit_core.formats.zarr import document_v2, document_v3
from concatsplit_core.formats.zarr.low_precision import dtype_in
from concatsplit_core.formats.zarr.schema import read_document
from concatsplit_core.foundation.errors import ConcatsplitError, MalformedInput
from concatsplit_core.stores.base import Location, join
from concatsplit_core.stores.publishing import Amendment

_V2, _V3 = ".zmetadata", document_v3.NAME
_ARRAY, _ATTRIBUTES, _GROUP = document_v2.ARRAY, document_v2.ATTRIBUTES, ".zgroup"
_NAMES_V2, _NAMES_V3 = (_GROUP, _ARRAY, _ATTRIBUTES), (_V3,)
_INLINE = {"kind": "inline", "must_understand": False}
_Node = dict[str, dict[str, Any]]
"""The documents of a group or an array, by their names."""


def consolidate(group: Location) -> None:
    """Write the consolidated metadata of a group, from the documents of all that it holds."""
    name, document = _consolidated(group, {})
    _write(group / name, document)


def consolidated_groups(store: Location, members: Iterable[str]) -> list[str]:
    """The groups above members, the root as "", whose metadata are consolidated."""
    above = {""}
    for member in members:
        parts = member.split("/")
        above |= {"/".join(parts[:depth]) for depth in range(1, len(parts))}
    return [group for group in sorted(above) if is_consolidated(store / group)]


def is_consolidated(group: Location) -> bool:
    """Whether a group has consolidated metadata."""
    if (group / _V2).kind == "file":
        return True
    try:
        found = json.loads((group / _V3).read())
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and bool(found.get("consolidated_metadata"))


def renewed(
    store: Location, groups: Sequence[str], added: Mapping[Location, Location], folder: Location
) -> Iterator[Amendment]:
    """The consolidated metadata of groups, with members that are going to be added.

    Parameters
    ----------
    store : Location
    groups : sequence of str
        Those whose metadata are consolidated; the root is "".
    added : mapping of Location to Location
        Folders of the store that are to appear, and where they are staged.
    folder : Location
        Where the new documents are written.

    Raises
    ------
    MalformedInput
        Metadata of another member cannot be read.
    """
    for group in groups:
        identities = {name: (store / group / name).identity for name in (_V2, _V3)}
        try:
            name, document = _consolidated(store / group, added)
        except OSError:
            raise
        except Exception as error:  # zarr-python may raise anything for another damaged member
            reason = error.message if isinstance(error, ConcatsplitError) else error
            raise MalformedInput(
                f"{store}: the consolidated metadata of '{group or '/'}' cannot be renewed: "
                f"{reason}; remove or repair what cannot be read, then run again",
                ref=str(store),
            ) from error
        identity = identities[name]
        if identity is not None:
            made = folder / group / name
            _write(made, document)
            yield Amendment((store / group / name).key, made.key, identity)


def _write(place: Location, document: Mapping[str, Any]) -> None:
    place.write(json.dumps(document, indent=2).encode())


def _consolidated(
    group: Location, added: Mapping[Location, Location]
) -> tuple[str, dict[str, Any]]:
    """The name and the content of the document that lists what a group holds."""
    is_v2 = (group / _GROUP).kind == "file"
    names = _NAMES_V2 if is_v2 else _NAMES_V3
    own = _documents(group, names)
    nodes = dict(_nodes("", group, added, (group.resolved,), names))
    paths = sorted(nodes, key=lambda path: (path.count("/"), path))
    if is_v2:
        listed = {"": own} | {path: nodes[path] for path in paths}
        found = {join(path, name): d for path, node in listed.items() for name, d in node.items()}
        return _V2, {"metadata": found, "zarr_consolidated_format": 1}
    inside = {"metadata": {path: _without_list(nodes[path][_V3]) for path in paths}}
    return _V3, own[_V3] | {"consolidated_metadata": _INLINE | inside}


def _without_list(document: dict[str, Any]) -> dict[str, Any]:
    """A document as it is listed: without its own list, since the outer one has all members."""
    if document["node_type"] == "array":
        return document
    return document | {"consolidated_metadata": _INLINE | {"metadata": {}}}


def _nodes(
    path: str,
    here: Location,
    added: Mapping[Location, Location],
    above: tuple[Location, ...],
    names: tuple[str, ...],
) -> Iterator[tuple[str, _Node]]:
    """The paths of all groups and arrays inside a group, and their documents."""
    inside = {name: here / name for name, kind in here.entries() if kind in {"folder", "link"}}
    inside |= {final.name: staged for final, staged in added.items() if final.parent == here}
    for name, folder in inside.items():
        node = _documents(folder, names)
        resolved = folder.resolved
        if not node or resolved in above:  # a link that leads back
            continue
        if dtype_in(node) is not None:  # listed, it would keep zarr-python from opening the group
            continue
        yield join(path, name), node
        if "shape" in node.get(_V3, node.get(_ARRAY, {})):
            _check_array(folder, node)
        else:
            yield from _nodes(join(path, name), folder, added, (*above, resolved), names)


def _documents(folder: Location, names: tuple[str, ...]) -> _Node:
    """The documents of a group or an array by their names; empty for another folder."""
    there = [name for name in names if (folder / name).kind == "file"]
    found = {name: read_document(folder, name, str(folder)) for name in there}
    if found and names != _NAMES_V3:
        found.setdefault(_ATTRIBUTES, {})
    return found


def _check_array(folder: Location, node: _Node) -> None:
    """Have zarr-python read an array unknown here: if it cannot, readers may not open the store."""
    if _V3 in node:
        facts = document_v3.facts_of(node[_V3])
    else:
        facts = document_v2.facts_of(node[_ARRAY], node[_ATTRIBUTES])
    if facts is None:
        from concatsplit_core.formats.zarr.library import open_by_library

        open_by_library(folder)
