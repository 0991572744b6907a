"""Finding data sets in an HDF5 file without ever leaving it."""

from __future__ import annotations

from typing import Any

import h5py

from concatsplit_core.errors import (
    AmbiguousContainer,
    InputUnavailable,
    MalformedInput,
    UnsafeContent,
)
from concatsplit_core.formats.hdf5.dimensions import is_dimension_only


def walk(root: Any) -> list[str]:
    """Names of all data sets below a group that hard links lead to."""
    found, seen, waiting = [], set(), [("", root)]
    while waiting:
        prefix, group = waiting.pop()
        address = h5py.h5o.get_info(group.id).addr
        if address in seen:
            continue
        seen.add(address)
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue
            item = group[name]
            if isinstance(item, h5py.Group):
                waiting.append((f"{prefix}{name}/", item))
            elif isinstance(item, h5py.Dataset) and not is_dimension_only(item):
                found.append(f"{prefix}{name}")
    return sorted(found)


def only_member(file: Any, ref: str) -> str:
    """The name of the one data set of a file."""
    names = walk(file)
    if len(names) != 1:
        listed = ", ".join(names) or "none"
        raise AmbiguousContainer(
            f"{ref}: holds {len(names)} arrays ({listed}); name one as {ref}::MEMBER", ref=ref
        )
    return names[0]


def follow(file: Any, member: str, ref: str) -> Any:
    """Go to a data set link by link, within the file."""
    here = file
    for part in member.split("/"):
        link = here.get(part, getlink=True) if isinstance(here, h5py.Group) else None
        if link is None:
            names = ", ".join(walk(file)) or "none"
            raise InputUnavailable(f"{ref}: has no member '{member}'; it holds {names}", ref=ref)
        if isinstance(link, h5py.ExternalLink):
            raise UnsafeContent(
                f"{ref}: '{part}' is a link out of the file, to {link.filename}; "
                "name that file itself",
                ref=ref,
            )
        if isinstance(link, h5py.SoftLink):
            here = _follow_soft(file, here, link.path, ref)
        else:
            here = here[part]
    if not isinstance(here, h5py.Dataset):
        raise InputUnavailable(f"{ref}: '{member}' is a group, not an array", ref=ref)
    return here


def _follow_soft(file: Any, here: Any, target: str, ref: str, depth: int = 0) -> Any:
    """The object behind a soft link, none of whose steps may leave the file."""
    if depth > 16:
        raise MalformedInput(f"{ref}: its soft links go round in circles", ref=ref)
    at = file if target.startswith("/") else here
    for part in [p for p in target.split("/") if p and p != "."]:
        link = at.get(part, getlink=True) if isinstance(at, h5py.Group) else None
        if isinstance(link, h5py.ExternalLink):
            raise UnsafeContent(
                f"{ref}: leads over a link out of the file, to {link.filename}", ref=ref
            )
        if link is None:
            raise InputUnavailable(f"{ref}: is a link to '{target}', which is not there", ref=ref)
        if isinstance(link, h5py.SoftLink):
            at = _follow_soft(file, at, link.path, ref, depth + 1)
        else:
            at = at[part]
    return at
