"""Blob references: `PATH[::MEMBER]`, patterns and lists of them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from concatsplit_core.formats.registry import store_suffixes
from concatsplit_core.foundation.errors import InputUnavailable, UnsafeContent, UsageError
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.stores.base import Location
from concatsplit_core.stores.local import local

SEPARATOR = "::"
_URL = r"[A-Za-z][A-Za-z0-9+.-]+://"


class BlobRef(NamedTuple):
    """A file or folder and the member inside it, None where none was named."""

    place: Location
    member: str | None


class MemberOf(NamedTuple):
    """An array of a container that is written as a whole, with nothing that it held before.

    Parameters
    ----------
    container : str
        Name of the file or store.
    member : str
        Any name, which need not be part of a reference.
    """

    container: str
    member: str

    def __str__(self) -> str:
        return f"{self.container}{SEPARATOR}{self.member}"


def refuse_unsafe_name(name: str, ref: str) -> None:
    """Refuse the name of an array that would lead out of the folder or container it goes to.

    Raises
    ------
    UnsafeContent
        It is absolute, or a part of it is ``.``, ``..`` or empty.
    """
    if any(part in {"", ".", ".."} for part in name.split("/")) or not is_name(name):
        raise UnsafeContent(
            f"output {ref}: the array '{name}' of an input has a name that could lead out of it; "
            "rename the array, or leave it out with --members",
            ref=ref,
        )


def parse_input(ref: str) -> BlobRef:
    """Where an input lies.

    ``x.zarr/group/name`` is an array inside the store ``x.zarr``, like ``x.zarr::group/name``.

    Raises
    ------
    InputUnavailable
        No file can have that name.
    UsageError
        It is not a reference.
    """
    if not is_name(ref):
        raise InputUnavailable(f"'{ref}' names no file: it holds NUL or half a character", ref=ref)
    place, member = _divide(ref)
    if member is None and _has_store_suffix(ref) and not _is_there(place):
        store, inner = split_store(place)
        if inner and _is_there(store) and store.kind == "folder":
            return BlobRef(store, inner)
    return BlobRef(place, member)


def parse_output(ref: str) -> BlobRef:
    """Where an output is to lie."""
    if not is_name(ref):
        raise UsageError(f"'{ref}' names no file: it holds NUL or half a character", ref=ref)
    place, member = _divide(ref)
    if "://" in ref and place.store.has_paths and re.match(_URL, ref):  # else it makes folders
        raise UsageError(
            f"output {ref}: only files of this machine are written, and no URLs; give a path",
            ref=ref,
        )
    store, inner = split_store(place) if _has_store_suffix(place.key) else (place, "")
    if inner:
        joined = "/".join(part for part in (inner, member) if part)
        return BlobRef(store, joined)
    return BlobRef(place, member)


def location_named(name: str) -> Location:
    """The file or folder that a path names, or a URL if a store has its scheme."""
    return _in_other_store(name) or local(_normal(name))


def _normal(path: str) -> str:
    """A path as pathlib writes it; most paths are so already, and pathlib takes its time."""
    is_odd = "//" in path or "/." in path or path.startswith("./") or path.endswith("/")
    return str(Path(path)) if is_odd else path


def _in_other_store(name: str) -> Location | None:
    """Where a URL leads; None for a path."""
    if "://" not in name:
        return None
    from concatsplit_core.stores.schemes import location_of

    return location_of(name)


def is_path(name: str) -> bool:
    """Whether a reference names something on the local disk, and not in another store."""
    return _in_other_store(name) is None


def _is_there(place: Location) -> bool:
    """Whether there is something, as far as this user can see."""
    return os.path.exists(place.key) if place.store.has_paths else place.kind is not None


def is_name(ref: str) -> bool:
    """Whether a file can have this name: no shell passes on a name that cannot be."""
    try:
        return "\0" not in ref if ref.isascii() else b"\0" not in os.fsencode(ref)
    except UnicodeEncodeError:
        return False


def _divide(ref: str) -> BlobRef:
    if not ref:
        raise UsageError("an empty reference names nothing; a variable may not be set")
    if SEPARATOR not in ref or (is_path(ref) and os.path.exists(ref)):
        return BlobRef(location_named(ref), None)
    path, _, member = ref.rpartition(SEPARATOR)
    if is_path(ref) and not os.path.exists(path):  # the member's own name may hold the separator
        head, _, tail = ref.partition(SEPARATOR)
        path, member = (head, tail) if os.path.exists(head) else (path, member)
    parts = [part for part in member.split("/") if part]
    if not path or not parts or any(part in {".", ".."} for part in parts):
        hint = f"; leave out {SEPARATOR}, or name an array after it" if path and not parts else ""
        hint = hint or ("; leave out . and .. after ::" if path else "")
        raise UsageError(f"'{ref}' is not PATH or PATH::MEMBER{hint}", ref=ref)
    return BlobRef(location_named(path), "/".join(parts))


def _has_store_suffix(ref: str) -> bool:
    """Whether a path may lead into a store: less work than to look at every folder of it."""
    if ref.find(".", 0, ref.rfind("/") + 1) < 0:
        return False  # mostly no format need be imported to know it
    lower = ref.lower()
    return any(f"{suffix}/" in lower for suffix in store_suffixes())


def split_store(place: Location) -> tuple[Location, str]:
    """The store that a path leads into, by its suffix, and the rest of the path."""
    key = place.key
    end = key.find("/", 1)
    while end > 0:
        suffix = os.path.splitext(key[:end])[1]
        if suffix and suffix.lower() in store_suffixes():
            return Location(place.store, key[:end]), key[end + 1 :]
        end = key.find("/", end + 1)
    return place, ""
