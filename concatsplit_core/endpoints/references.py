"""Blob references: `PATH[::MEMBER]`, patterns and lists of them."""

from __future__ import annotations

import glob
import os
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator
from pathlib import Path

from concatsplit_core.formats.registry import store_suffixes
from concatsplit_core.foundation.errors import InputUnavailable, UnsafeContent, UsageError
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.stores.base import Location
from concatsplit_core.stores.files import input_error
from concatsplit_core.stores.local import local

SEPARATOR = "::"
MOST_FROM_LISTS = 1 << 20
"""How many more references lists may stand for than they hold, since lists can name lists."""
_DEEPEST = 100
_ANY_DIGIT = str.maketrans("123456789", "000000000")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
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
        raise UsageError("an empty reference names no blob")
    if SEPARATOR not in ref or (is_path(ref) and os.path.exists(ref)):
        return BlobRef(location_named(ref), None)
    path, _, member = ref.rpartition(SEPARATOR)
    if is_path(ref) and not os.path.exists(path):  # the member's own name may hold the separator
        head, _, tail = ref.partition(SEPARATOR)
        path, member = (head, tail) if os.path.exists(head) else (path, member)
    parts = [part for part in member.split("/") if part]
    if not path or not parts or any(part in {".", ".."} for part in parts):
        raise UsageError(f"'{ref}' is not PATH or PATH::MEMBER", ref=ref)
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


def natural_key(text: str) -> list[tuple[int, int | str]]:
    """Sorts ``part-2`` before ``part-10``."""
    return [
        (0, int(piece)) if piece.isdigit() else (1, piece)
        for piece in re.split(r"([0-9]+)", text)
        if piece
    ]


def naturally_sorted(names: Iterable[str]) -> list[str]:
    """Names in natural order: ``part-2`` before ``part-10``."""
    names = sorted(names)
    shapes = "\n".join(names).translate(_ANY_DIGIT).split("\n")  # at once: one table for all
    if len(shapes) == len(names) and len(set(shapes)) == 1:
        return names  # numbers of the same number of digits, which sort as they are
    return sorted(names, key=natural_key)


def expand(refs: Iterable[str]) -> Iterator[str]:
    """Resolve ``@list`` files and patterns, in the order given.

    Raises
    ------
    InputUnavailable
        A pattern matches nothing, or a list cannot be read.
    UsageError
        A list leads back to itself, or lists of lists stand for far more than they hold.
    """
    lists: dict[str, list[str]] = {}
    for ref in refs:
        if _is_list(ref):
            _read_all(ref, lists)
            yield from _flattened(ref, lists)
        else:
            yield from _matches(ref)


def lists_in(refs: Iterable[str]) -> list[str]:
    """The files of all ``@list`` references, and of the lists that these name."""
    lists: dict[str, list[str]] = {}
    for ref in refs:
        if _is_list(ref):
            _read_all(ref, lists)
    return [ref[1:] for ref in lists]


def _is_list(ref: str) -> bool:
    return ref.startswith("@") and not os.path.exists(ref)


def _read_all(ref: str, lists: dict[str, list[str]]) -> None:
    """Read a list and all lists that it names, each once, and count the references."""
    counts: dict[str, int] = {}
    _count(ref, lists, counts, ())
    held = sum(map(len, lists.values()))
    if counts[ref] > MOST_FROM_LISTS + held:
        raise UsageError(
            f"the list {ref} stands for {counts[ref]} references by way of other lists, though "
            f"they hold {held}; name each input once",
            ref=ref,
            found=counts[ref],
            expected=MOST_FROM_LISTS,
        )


def _count(
    ref: str, lists: dict[str, list[str]], counts: dict[str, int], above: tuple[str, ...]
) -> int:
    """How many entries a list stands for, itself included."""
    if ref in above:
        raise UsageError(f"the list {ref} leads back to itself", ref=ref)
    if len(above) > _DEEPEST:
        raise UsageError(f"the list {ref}: lists name lists more than {_DEEPEST} deep", ref=ref)
    if ref not in counts:
        entries = lists[ref] if ref in lists else lists.setdefault(ref, read_list(ref[1:]))
        counts[ref] = 1 + sum(
            _count(entry, lists, counts, (*above, ref)) if _is_list(entry) else 1
            for entry in entries
        )
    return counts[ref]


def _flattened(ref: str, lists: dict[str, list[str]]) -> Iterator[str]:
    for entry in lists[ref]:
        if entry in lists:
            yield from _flattened(entry, lists)
        else:
            yield from _matches(entry)


def read_list(path: str | Path, null: bool = False) -> list[str]:
    """References from a file; see `parse_list`."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise input_error(f"the list {path}", error) from error
    return parse_list(data, null, str(path))


def parse_list(data: bytes, null: bool = False, name: str = "stdin") -> list[str]:
    """References out of a list.

    Parameters
    ----------
    data : bytes
        One reference a line. Lines may end as on Windows, and a byte order mark may come first;
        blank lines and those that start with ``#`` are skipped. A file whose name starts with it
        is written ``./#name``.
    null : bool
        The references end in NUL instead, and are taken as they are.
    name : str
        Where the list comes from, for messages.

    Raises
    ------
    InputUnavailable
        It is no list, or its names end in the other way.
    """
    if null:
        text = data.decode("utf-8", "surrogateescape")
        if "\0" not in text and "\n" in text:
            raise InputUnavailable(f"the list {name}: its names end with the line; leave out -0")
        return [ref for ref in text.split("\0") if ref]
    try:
        if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):  # PowerShell writes its lists so
            text = data.decode("utf-16")
        else:
            text = data.removeprefix(_BYTE_ORDER_MARK).decode("utf-8", "surrogateescape")
        first, nul, _ = text.partition("\0")
        if nul:
            raise ValueError("it holds NUL bytes" if first.isprintable() else "it is not text")
    except ValueError as error:
        raise InputUnavailable(
            f"the list {name}: {error}; a list has one name a line, or names that end in NUL with "
            "--files-from and -0"
        ) from error
    lines = (line.removesuffix("\r") for line in text.split("\n"))
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _matches(ref: str) -> Iterator[str]:
    path, mark, member = ref.partition(SEPARATOR)
    if not is_path(ref):
        yield ref
        return
    if not glob.has_magic(path) or not is_name(ref) or os.path.exists(path) or os.path.exists(ref):
        yield ref
        return
    found = naturally_sorted(glob.glob(path))
    if not found:
        from concatsplit_core.formats.misnamed import no_match

        raise no_match(ref, path)
    for name in found:
        yield name + mark + member
