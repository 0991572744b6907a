"""Where outputs go: their names checked, what is there already heeded, inputs left alone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from concatsplit_core.errors import (
    ConcatsplitError,
    NameCollision,
    NoSpace,
    OutputExists,
    OutputIsInput,
    OutputRefused,
)
from concatsplit_core.formats.base import Format, Source
from concatsplit_core.formats.registry import detect, format_by_suffix, format_named, is_zarr
from concatsplit_core.references import parse_output
from concatsplit_core.sizes import format_size
from concatsplit_core.spec import ArraySpec

DEFAULT_MEMBER = "data"
STREAM = "-"
_LISTED = 8
"""Names that a message lists."""


class Place(NamedTuple):
    """Where one output goes.

    Parameters
    ----------
    ref : str
        As it was asked for.
    format : Format
    path : Path
        The file or store.
    member : str
        Empty where the file, or the store's root, is the array.
    final : Path
        The file or folder that appears, or is replaced, as one.
    inner : str
        The member, seen from `final`.
    base : Path, optional
        The container that is added to.
    """

    ref: str
    format: Format
    path: Path
    member: str
    final: Path
    inner: str
    base: Path | None = None

    @property
    def is_stream(self) -> bool:
        """Whether it is stdout, where nothing can be replaced."""
        return self.ref == STREAM

    @property
    def staged_beside(self) -> Path:
        """The folder that the staged file or folder is built in."""
        return self.path.parent


def find_place(ref: str) -> Place:
    """Resolve the name of an output.

    A name without a member stands for the whole file; one with a member leaves the container's
    other members as they are.

    Raises
    ------
    UsageError
        The suffix says no format.
    """
    if ref == STREAM:
        return Place(ref, format_named("stream"), Path(ref), "", Path(ref), "")
    path, member = parse_output(ref)
    kind = format_by_suffix(path.name, ref)
    form = format_named(kind)
    path = Path(os.path.realpath(path))
    if kind == "npy":
        if member:
            raise NameCollision(f"output {ref}: an .npy file holds one array and has no members")
        return Place(ref, form, path, "", path, "")
    if kind == "zarr":
        return _zarr_place(ref, form, path, member or "")
    base = path if member and path.exists() else None
    chosen = member or DEFAULT_MEMBER
    return Place(ref, form, path, chosen, path, chosen, base)


def _zarr_place(ref: str, form: Format, path: Path, member: str) -> Place:
    """In a store that exists only the topmost folder that is missing appears."""
    if not member or not is_zarr(path):
        return Place(ref, form, path, member, path, member)
    final, parts = path, member.split("/")
    while parts:
        final /= parts.pop(0)
        if not final.exists():
            break
    return Place(ref, form, path, member, final, "/".join(parts), path)


def refuse_collisions(places: Sequence[Place]) -> None:
    """Refuse two outputs of one name, and outputs inside each other."""
    seen: dict[tuple[Path, str], str] = {}
    for place in places:
        key = (place.path, place.member)
        if key in seen:
            raise NameCollision(f"outputs {seen[key]} and {place.ref} have the same name")
        seen[key] = place.ref
    for place in places:
        above = place.member
        while above:
            above = above.rpartition("/")[0]
            inside = seen.get((place.path, above))
            if inside is not None:
                raise NameCollision(f"output {place.ref} would lie inside output {inside}")


def refuse_inputs(places: Sequence[Place], sources: Iterable[Source]) -> None:
    """Refuse an output that is an input under whatever name.

    Another member of a container that is also read may be added: the container is rebuilt
    beside its place and replaced when all has been read.
    """
    files: dict[tuple[int, int], list[Source]] = {}
    folders: dict[Path, Source] = {}
    for source in sources:
        if source.path is None:
            continue
        status = source.path.stat()
        files.setdefault((status.st_dev, status.st_ino), []).append(source)
        folders[Path(os.path.realpath(source.path))] = source
    for place in places:
        if place.is_stream:
            continue
        _refuse_same_file(place, files)
        for folder in (place.final, *place.final.parents):
            if folder in folders and folders[folder].format == "zarr":
                raise _is_input(place, folders[folder])
        if place.final.is_dir():
            for folder, source in folders.items():
                if folder.is_relative_to(place.final):
                    raise _is_input(place, source)


def _refuse_same_file(place: Place, files: dict[tuple[int, int], list[Source]]) -> None:
    if not place.path.exists() or place.format.name == "zarr":
        return
    status = place.path.stat()
    for source in files.get((status.st_dev, status.st_ino), []):
        if place.base is None or getattr(source, "member", None) == place.member:
            raise _is_input(place, source)


def _is_input(place: Place, source: Any) -> OutputIsInput:
    return OutputIsInput(
        f"output {place.ref} is input {source.ref}, or holds it; write somewhere else",
        ref=place.ref,
    )


def refuse_existing(places: Sequence[Place], force: bool) -> None:
    """Refuse outputs that exist, unless they may be replaced and are what they seem."""
    for place in places:
        if place.base is not None:
            _check_member(place, force)
        elif os.path.lexists(place.final) and not place.is_stream:
            if not force:
                raise OutputExists(_what_exists(place), ref=place.ref)
            _check_replaceable(place)


def _what_exists(place: Place) -> str:
    """What is in the way of an output, and what to do."""
    names: list[str] = []
    with suppress(ConcatsplitError, OSError):  # then it is no container of the output's format
        if detect(place.path, place.ref) == place.format.name:
            names = place.format.members(place.path, place.ref)
    if names in ([], [""]):
        return f"output {place.ref} exists; give --force to replace it"
    listed = ", ".join(names[:_LISTED]) + (", ..." if len(names) > _LISTED else "")
    count = f"{len(names)} array{'s' * (len(names) != 1)}"
    return (
        f"output {place.ref} exists and holds {count} ({listed}); name {place.ref}::NAME to "
        f"add to {'it' if len(names) == 1 else 'them'}, or give --force to drop all and replace it"
    )


def refuse_record(path: Path, places: Sequence[Place], force: bool) -> None:
    """Refuse a manifest that is an output, or that exists."""
    if any(path == place.path or place.path in path.parents for place in places):
        raise NameCollision(f"manifest {path} is an output, or lies in one")
    if os.path.lexists(path) and not force:
        raise OutputExists(f"manifest {path} exists; give --force to replace it", ref=str(path))
    if path.is_dir():
        raise OutputRefused(f"manifest {path} is a folder", ref=str(path))


def refuse_oversized(places: Sequence[Place], specs: Sequence[ArraySpec]) -> None:
    """Refuse contiguous outputs that the disk has no room for, before anything is planned.

    Raises
    ------
    NoSpace
        Chunked outputs may compress: only writing them tells.
    """
    wanted: dict[Path, int] = {}
    for place, spec in zip(places, specs, strict=True):
        if spec.contiguous:
            folder = next(f for f in place.path.parents if f.exists())
            wanted[folder] = wanted.get(folder, 0) + spec.nbytes
    for folder, nbytes in wanted.items():
        status = os.statvfs(folder)
        free = status.f_bavail * status.f_frsize
        if nbytes > free:
            raise NoSpace(
                f"{places[0].ref}: needs {format_size(nbytes)}, but {folder} has "
                f"{format_size(free)} free",
                found=free,
                expected=nbytes,
            )


def _check_member(place: Place, force: bool) -> None:
    """A member of a container, which keeps its other members."""
    try:
        kind = detect(place.path, place.ref)
        names = place.format.members(place.path, place.ref) if kind == place.format.name else None
    except ConcatsplitError as error:
        raise OutputRefused(f"output {error.message}", ref=place.ref) from error
    if names is None:
        raise OutputRefused(
            f"output {place.ref}: {place.path.name} is not a container of this format",
            ref=place.ref,
        )
    inside = [name for name in names if name.startswith(f"{place.member}/")]
    above = [name for name in names if not name or place.member.startswith(f"{name}/")]
    if inside or above:
        way = f"'{(inside or above)[0]}'" if (inside or above)[0] else "an array, not a group,"
        raise OutputRefused(f"output {place.ref}: {way} is in the way", ref=place.ref)
    if place.member in names and not force:
        raise OutputExists(f"output {place.ref} exists; give --force to replace it", ref=place.ref)


def _check_replaceable(place: Place) -> None:
    """Never replace a folder by a file, nor a folder that is not a Zarr array or group."""
    zarr = place.format.name == "zarr"
    if place.final.is_dir() != zarr:
        what = "a folder" if place.final.is_dir() else "not a folder"
        raise OutputRefused(f"output {place.ref}: {place.final} is {what}", ref=place.ref)
    if zarr and not is_zarr(place.final) and any(place.final.iterdir()):
        raise OutputRefused(
            f"output {place.ref}: {place.final} is a folder and not a Zarr array; "
            "it is not replaced",
            ref=place.ref,
        )
