"""The files outside the folder of an array that say what it means."""

from __future__ import annotations

import os
from collections.abc import Iterator

from concatsplit_core.formats.registry import format_named
from concatsplit_core.formats.sources import Source


def group_documents(source: Source, top: str) -> Iterator[str]:
    """The documents of the groups that an array is in, from the innermost to `top`.

    Parameters
    ----------
    source : Source
        An array that is a folder.
    top : str
        The folder of the outermost group.
    """
    above = source.path or ""
    while above != top and above.startswith(f"{top}/"):
        above = os.path.dirname(above)
        yield from _documents_in(source, above)


def documents_beside(source: Source) -> Iterator[str]:
    """Of bounds, the documents of the other arrays in the group; one is that of their coordinate.

    Bounds have the units of their coordinate, so that they change their meaning with it.
    """
    if not source.storage.meaning.borrowed:
        return
    path = source.path or ""
    with os.scandir(os.path.dirname(path)) as entries:
        folders = sorted(entry.path for entry in entries if entry.is_dir() and entry.path != path)
    for folder in folders:
        yield from _documents_in(source, folder)


def _documents_in(source: Source, folder: str) -> Iterator[str]:
    names = sorted(format_named(source.format).own_names)
    return filter(os.path.isfile, (os.path.join(folder, name) for name in names))
