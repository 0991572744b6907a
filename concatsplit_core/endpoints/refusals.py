"""Refuses outputs that collide, that are inputs, or that exist and may not be replaced."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.endpoints.places import Place
from concatsplit_core.formats.base import Candidate, InputFormat
from concatsplit_core.formats.registry import detect, format_named
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.errors import (
    ConcatsplitError,
    IOFailure,
    NameCollision,
    NoSpace,
    OutputExists,
    OutputIsInput,
    OutputRefused,
    UsageError,
)
from concatsplit_core.foundation.paths import split_path
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.foundation.sizes import format_size
from concatsplit_core.stores.base import Location
from concatsplit_core.stores.folders import Folders
from concatsplit_core.stores.local import local

_LISTED = 8
"""Names that a message lists."""


def refuse_collisions(places: Sequence[Place]) -> None:
    """Refuse two outputs of one name, outputs inside each other, and names of a format's own."""
    seen: dict[tuple[Location, str], str] = {}
    for place in places:
        own = place.format.own_names
        if own and (own := own.intersection(place.member.split("/"))):
            raise NameCollision(
                f"output {place.ref}: '{min(own)}' is what {place.format.name} calls a file of its "
                "own; choose another name, or leave the array out with --members"
            )
        key = (place.container, place.member)
        if key in seen:
            raise NameCollision(
                f"outputs {seen[key]} and {place.ref} have the same name; give each its own, "
                "as {index} in a template does for parts"
            )
        seen[key] = place.ref
    for place in places:
        above = place.member if place.format.has_groups else ""
        while above:
            above = above.rpartition("/")[0]
            inside = seen.get((place.container, above))
            if inside is not None:
                raise NameCollision(
                    f"output {place.ref} would lie inside output {inside}, which is no group; "
                    "choose other names, or leave one out with --members"
                )


def refuse_inputs(places: Sequence[Place], sources: Iterable[Source]) -> None:
    """Refuse an output that is an input under whatever name.

    Another member of a container that is also read may be added: the container is rebuilt
    beside its place and replaced when all has been read.
    """
    places = [place for place in places if not place.is_stream]
    known = [
        one for source in sources for one in source.pieces or (source,) if one.place is not None
    ]
    there = [place for place in places if place.found is not None]
    if there:  # mostly nothing is: then inputs that are files need not be looked at again
        _refuse_same_files(there, known)
    folders = [place for place in there if place.final.kind == "folder"]
    stores = {name for name in {s.format for s in known} if format_named(name).is_folder}
    real = real_places(known if folders else [s for s in known if s.format in stores])
    if not real:
        return
    around: dict[Location, Source | None] = {}
    for place in places:
        for folder in (place.final, place.final.parent):
            if folder not in around:
                around[folder] = _input_around(folder, real)
            found = around[folder]
            if found is not None:
                raise _is_input(place, found)
    for place in folders:
        for where, source in real.items():
            if where.is_within(place.final):
                raise _is_input(place, source)


def _input_around(place: Location, real: dict[Location, Source]) -> Source | None:
    """The input that is a folder, and a place or one of the folders around it."""
    found = (real[folder] for folder in _and_above(place) if folder in real and _is_folder(folder))
    return next(found, None)


def _is_folder(place: Location) -> bool:
    return place.kind == "folder"


def real_places(sources: Sequence[Source]) -> dict[Location, Source]:
    """The sources by their places, with links followed."""
    found: dict[Location, Source] = {}
    above = Folders()
    for source in sources:
        path, place = source.path, source.place
        if path is not None:
            place = local(above.resolve(path))
        if place is not None:
            found[place] = source
    return found


def _and_above(place: Location) -> Iterator[Location]:
    """A place, and all folders that it lies in."""
    while True:
        yield place
        above = place.parent
        if above.key in {"", place.key}:
            return
        place = above


def _refuse_same_files(places: Sequence[Place], sources: Sequence[Source]) -> None:
    """Refuse outputs that exist and are inputs."""
    files: dict[tuple[int, int], list[Source]] = {}
    for source in sources:
        if source.path is not None:
            status = os.stat(source.path)
            files.setdefault((status.st_dev, status.st_ino), []).append(source)
    for place in places:
        path = place.container.path
        if path is None or place.format.is_folder or not os.path.exists(path):
            continue
        status = os.stat(path)
        for source in files.get((status.st_dev, status.st_ino), []):
            if place.base is None or source.member == place.member:
                raise _is_input(place, source)


def _is_input(place: Place, source: Any) -> OutputIsInput:
    return OutputIsInput(
        f"output {place.ref} is input {source.ref}, or holds it; write somewhere else",
        ref=place.ref,
    )


def refuse_existing(places: Sequence[Place], force: bool) -> None:
    """Refuse outputs that exist, unless they may be replaced and are of the kind to be replaced."""
    containers: dict[Location, _Members] = {}
    for place in places:
        if place.base is not None:
            _check_kind(place, "folder" if place.format.is_folder else "file")
            if place.base not in containers:
                containers[place.base] = _members(place)
            _check_member(place, containers[place.base], force)
        elif place.found is not None and not place.is_stream:
            if not force:
                if place.found.kind in {"file", "folder"}:
                    _check_kind(place, "folder" if place.format.is_folder else "file")
                raise OutputExists(_what_exists(place), ref=place.ref)
            _check_replaceable(place)


def _what_exists(place: Place) -> str:
    """The message for an output that exists: what it holds, and what to do."""
    names: list[str] = []
    with suppress(ConcatsplitError, OSError):  # then it is not a container of the output's format
        names = _members_of(place) or []
    if names in ([], [""]):
        return f"output {place.ref} exists; give --force to replace it"
    listed = ", ".join(names[:_LISTED]) + (", ..." if len(names) > _LISTED else "")
    if place.is_new_container:
        return (
            f"output {place.asked_container} exists and holds {len(names)} "
            f"array{'s' * (len(names) != 1)} ({listed}); give --force to drop all and replace it"
        )
    count = f"{len(names)} array{'s' * (len(names) != 1)}"
    return (
        f"output {place.ref} exists and holds {count} ({listed}); name {place.ref}::NAME to "
        f"add to {'it' if len(names) == 1 else 'them'}, or give --force to drop all and replace it"
    )


def refuse_several_stores(
    places: Sequence[Place], sources: Iterable[Source], has_record: bool
) -> None:
    """Refuse outputs in several stores, which cannot appear together, and a manifest of such runs.

    A manifest names files relative to its own folder.
    """
    stores = {place.container.store for place in places}
    if len(stores) > 1:
        first = places[0].container.store
        other = next(place for place in places if place.container.store != first)
        raise UsageError(
            f"outputs {places[0].ref} and {other.ref} are in two stores, so that they cannot "
            "appear together; write them to one, or in two runs",
            ref=other.ref,
        )
    if has_record:
        elsewhere = [place.ref for place in places if not place.container.store.has_paths]
        elsewhere += [s.ref for s in sources if s.place and not s.place.store.has_paths]
        if elsewhere:
            raise UsageError(
                f"--manifest: {elsewhere[0]} is not on the local disk, and a manifest records only "
                "files that are; run without it",
                ref=elsewhere[0],
            )


def refuse_oversized(places: Sequence[Place], specs: Sequence[ArraySpec]) -> None:
    """Refuse contiguous outputs that the disk has no room for, before anything is planned.

    Raises
    ------
    NoSpace
        The outputs need more than is free. Chunked ones are not counted: they may compress.
    """
    by_folder: dict[str, int] = {}
    before, nbytes = None, 0
    for place, spec in zip(places, specs, strict=True):
        if spec is not before:  # outputs that are alike share one
            before, nbytes = spec, spec.nbytes if spec.is_contiguous else 0
        path = place.container.path if nbytes else None
        if path is not None:
            folder = split_path(path)[0]
            by_folder[folder] = by_folder.get(folder, 0) + nbytes
    wanted: dict[Path, int] = {}
    for name, nbytes in by_folder.items():
        existing = next(f for f in (Path(name), *Path(name).parents) if f.exists())
        wanted[existing] = wanted.get(existing, 0) + nbytes
    for existing, nbytes in wanted.items():
        status = os.statvfs(existing)
        free = status.f_bavail * status.f_frsize
        if nbytes > free:
            raise NoSpace(
                f"{places[0].ref}: needs {format_size(nbytes)}, but {existing} has "
                f"{format_size(free)} free",
                found=free,
                expected=nbytes,
            )


class _Members(NamedTuple):
    """What a container holds.

    Parameters
    ----------
    arrays : set of str
        Names of arrays; "" where it is one itself.
    inside : dict of str to str
        For each group, the name of one array in it.
    """

    arrays: set[str]
    inside: dict[str, str]


def _members_of(place: Place) -> list[str] | None:
    """Names of the arrays in a container; None where it is of another format than the output."""
    form, found = place.format, detect(place.container, place.ref)
    is_same = isinstance(form, InputFormat) and form is found
    return found.members(place.container, place.ref) if is_same else None


def _members(place: Place) -> _Members:
    """What the container of an output holds already."""
    try:
        names = _members_of(place)
    except IOFailure as error:
        raise IOFailure(f"output {error.message}", ref=place.ref) from error
    except ConcatsplitError as error:
        raise OutputRefused(f"output {error.message}", ref=place.ref) from error
    if names is None:
        raise OutputRefused(
            f"output {place.ref}: {place.container.name} is not a container of this format",
            ref=place.ref,
        )
    return _Members(set(names), {group: name for name in names for group in _groups_above(name)})


def _groups_above(member: str) -> Iterator[str]:
    while member:
        member = member.rpartition("/")[0]
        yield member


def _check_member(place: Place, members: _Members, force: bool) -> None:
    """Refuse a member whose name is taken by an array, or by a group that holds one."""
    arrays, inside = members
    way = inside.get(
        place.member, next((a for a in _groups_above(place.member) if a in arrays), None)
    )
    if way is not None:
        what = f"'{way}'" if way else "an array, not a group,"
        raise OutputRefused(
            f"output {place.ref}: {what} is in the way; choose another name", ref=place.ref
        )
    if place.member in arrays and not force:
        raise OutputExists(f"output {place.ref} exists; give --force to replace it", ref=place.ref)


def _check_kind(place: Place, wanted: str) -> None:
    if place.found is None or place.found.kind == wanted:
        return
    what = {
        "file": "not a folder",
        "folder": "a folder",
        "link": "a link to nowhere, or in a circle",
        "other": "no regular file",
    }[place.found.kind]
    raise OutputRefused(
        f"output {place.ref}: {place.final} is {what}; it is not replaced", ref=place.ref
    )


def _check_replaceable(place: Place) -> None:
    """Refuse to replace anything but a regular file, or a store that is a folder."""
    wanted = "folder" if place.format.is_folder else "file"
    _check_kind(place, wanted)

    is_store = place.format.sniff(Candidate(place.final))
    if wanted == "folder" and not is_store and any(place.final.entries()):
        raise OutputRefused(
            f"output {place.ref}: {place.final} is a folder and not a Zarr array; "
            "it is not replaced",
            ref=place.ref,
        )
