"""Builds the consolidated metadata of groups anew, before new members of them appear."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from concatsplit_core.errors import MalformedInput
from concatsplit_core.formats.zarr import document_v3
from concatsplit_core.stores.amendment import Amendment
from concatsplit_core.stores.identity import Identity, identify
from concatsplit_core.stores.local import local

_NODES = (document_v3.NAME, ".zarray", ".zgroup")
_DOCUMENTS = (*_NODES, ".zattrs", ".zmetadata")
_CONSOLIDATED = (document_v3.NAME, ".zmetadata")


def consolidated(
    store: Path, groups: Sequence[str], added: Mapping[Path, Path], folder: Path
) -> Iterator[Amendment]:
    """The documents of groups whose metadata are consolidated, with members that are added.

    zarr-python writes them into a copy of the store that holds nothing but metadata.

    Parameters
    ----------
    store : Path
    groups : sequence of str
        Those whose metadata are consolidated; the root is "".
    added : mapping of Path to Path
        Folders of the store that are to appear, and where they are staged.
    folder : Path
        Where the copy is to be.

    Raises
    ------
    MalformedInput
        Metadata of another member cannot be read.
    """
    from concatsplit_core.formats.zarr.library import consolidate

    found = {
        path: identity
        for group in groups
        for path in (store / group / name for name in _CONSOLIDATED)
        if (identity := identify(path)) is not None
    }
    _copy_documents(store, folder, added)
    group = ""
    try:
        for group in sorted(groups, key=len, reverse=True):
            consolidate(local(folder), group)
    except OSError:
        raise
    except Exception as error:  # other members of the store may be damaged in any way
        raise MalformedInput(
            f"{store}: the consolidated metadata of '{group or '/'}' cannot be renewed: {error}; "
            "remove or repair them, then run again",
            ref=str(store),
        ) from error
    yield from _changed(store, folder, found)


def _changed(store: Path, folder: Path, found: Mapping[Path, Identity]) -> Iterator[Amendment]:
    for path, identity in found.items():
        made = folder / path.relative_to(store)
        if made.read_bytes() != path.read_bytes():
            yield Amendment(path, made, identity)


def _copy_documents(here: Path, there: Path, added: Mapping[Path, Path]) -> None:
    """Copy the documents of a node and of all that it holds."""
    there.mkdir(parents=True, exist_ok=True)
    for name in _DOCUMENTS:
        if (here / name).is_file():
            shutil.copyfile(here / name, there / name)
    for final, staged in added.items():
        if final.parent == here:
            _copy_documents(staged, there / final.name, {})
    with os.scandir(here) as entries:
        folders = [Path(entry.path) for entry in entries if entry.is_dir()]
    for path in folders:
        if path not in added and any((path / name).is_file() for name in _NODES):
            _copy_documents(path, there / path.name, added)
