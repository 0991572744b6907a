"""What a group and its other arrays say of a member: names of its axes, and units of its bounds."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from concatsplit_core.array.geometry import Shape
from concatsplit_core.formats.zarr.dialect import names_in_multiscales
from concatsplit_core.meaning.bounds import may_be_bounds, with_units
from concatsplit_core.meaning.model import Meaning


def with_neighbours(meaning: Meaning, folder: Path, shape: Shape) -> Meaning:
    """The meaning of an array, completed by what its group and the other arrays of it say."""
    if meaning.dims is None:
        names = names_in_multiscales(_attributes(folder.parent), folder.name)
        meaning = replace(meaning, dims=names if names and len(names) == len(shape) else None)
    if may_be_bounds(meaning.attrs, shape):
        attrs = with_units(meaning.attrs, folder.name, _beside(folder))
        borrowed = tuple(name for name in attrs if name not in meaning.attrs)
        meaning = replace(meaning, attrs=attrs, borrowed=borrowed)
    return meaning


def _attributes(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Attributes of an array or group; empty if they cannot be read."""
    for name in (".zattrs", "zarr.json"):
        try:
            found = json.loads(Path(folder, name).read_bytes())
        except (OSError, ValueError, RecursionError):
            continue
        attrs = found.get("attributes") if name != ".zattrs" and isinstance(found, dict) else found
        return attrs if isinstance(attrs, dict) else {}
    return {}


def _beside(folder: Path) -> Iterator[dict[str, Any]]:
    with os.scandir(folder.parent) as entries:
        folders = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    yield from map(_attributes, folders)
