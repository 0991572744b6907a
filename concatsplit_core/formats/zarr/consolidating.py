"""Builds the consolidated metadata of groups anew, before new members of them appear."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from concatsplit_core.errors import MalformedInput
from concatsplit_core.formats.zarr import document_v3
from concatsplit_core.stores.base import Location
from concatsplit_core.stores.identity import Identity
from concatsplit_core.stores.publishing import Amendment

_NODES = (document_v3.NAME, ".zarray", ".zgroup")
_DOCUMENTS = (*_NODES, ".zattrs", ".zmetadata")
_CONSOLIDATED = (document_v3.NAME, ".zmetadata")


def consolidated(
    store: Location, groups: Sequence[str], added: Mapping[Location, Location], folder: Location
) -> Iterator[Amendment]:
    """The documents of groups whose metadata are consolidated, with members that are added.

    zarr-python writes them into a copy of the store that holds nothing but metadata.

    Parameters
    ----------
    store : Location
    groups : sequence of str
        Those whose metadata are consolidated; the root is "".
    added : mapping of Location to Location
        Folders of the store that are to appear, and where they are staged.
    folder : Location
        Where the copy is to be.

    Raises
    ------
    MalformedInput
        Metadata of another member cannot be read.
    """
    from concatsplit_core.formats.zarr.library import consolidate

    found = {
        place: identity
        for group in groups
        for place in (store / group / name for name in _CONSOLIDATED)
        if (identity := place.identity) is not None
    }
    _copy_documents(store, folder, added)
    group = ""
    try:
        for group in sorted(groups, key=len, reverse=True):
            consolidate(folder, group)
    except OSError:
        raise
    except Exception as error:  # other members of the store may be damaged in any way
        raise MalformedInput(
            f"{store}: the consolidated metadata of '{group or '/'}' cannot be renewed: {error}; "
            "remove or repair them, then run again",
            ref=str(store),
        ) from error
    yield from _changed(store, folder, found)


def _changed(
    store: Location, folder: Location, found: Mapping[Location, Identity]
) -> Iterator[Amendment]:
    for place, identity in found.items():
        made = folder / place.below(store)
        if made.read() != place.read():
            yield Amendment(place.key, made.key, identity)


def _copy_documents(here: Location, there: Location, added: Mapping[Location, Location]) -> None:
    """Copy the documents of a node and of all that it holds."""
    for name in _DOCUMENTS:
        if (here / name).kind == "file":
            (there / name).write((here / name).read())
    for final, staged in added.items():
        if final.parent == here:
            _copy_documents(staged, there / final.name, {})
    for name, kind in here.entries():
        folder = here / name
        if kind not in {"folder", "link"} or folder in added:
            continue
        if any((folder / document).kind == "file" for document in _NODES):
            _copy_documents(folder, there / name, added)
