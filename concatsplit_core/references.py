"""Blob references: `PATH[::MEMBER]`, patterns and lists of them."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from concatsplit_core.errors import InputUnavailable, UsageError
from concatsplit_core.files import input_error

SEPARATOR = "::"


class BlobRef(NamedTuple):
    """A path and the member inside it, None where none was named."""

    path: Path
    member: str | None


def parse_input(ref: str) -> BlobRef:
    """Where an input lies.

    ``x.zarr/group/name`` is an array inside the store ``x.zarr``, like ``x.zarr::group/name``.
    """
    path, member = _divide(ref)
    if member is None and not os.path.exists(path):
        store, inner = split_store(path)
        if inner and store.is_dir():
            return BlobRef(store, inner)
    return BlobRef(path, member)


def parse_output(ref: str) -> BlobRef:
    """Where an output is to lie."""
    path, member = _divide(ref)
    store, inner = split_store(path)
    if inner:
        joined = "/".join(part for part in (inner, member) if part)
        return BlobRef(store, joined)
    return BlobRef(path, member)


def _divide(ref: str) -> BlobRef:
    if not ref:
        raise UsageError("an empty reference names no blob")
    if SEPARATOR not in ref or os.path.exists(ref):
        return BlobRef(Path(ref), None)
    path, _, member = ref.rpartition(SEPARATOR)
    if not os.path.exists(path):  # the member's own name may hold the separator
        head, _, tail = ref.partition(SEPARATOR)
        path, member = (head, tail) if os.path.exists(head) else (path, member)
    parts = [part for part in member.split("/") if part]
    if not path or not parts or any(part in {".", ".."} for part in parts):
        raise UsageError(f"'{ref}' is not PATH or PATH::MEMBER", ref=ref)
    return BlobRef(Path(path), "/".join(parts))


def split_store(path: Path) -> tuple[Path, str]:
    """The Zarr store that a path leads into, and the rest of it."""
    for parent in reversed(path.parents):
        if parent.suffix.lower() == ".zarr":
            return parent, path.relative_to(parent).as_posix()
    return path, ""


def natural_key(text: str) -> list[tuple[int, int | str]]:
    """Sorts ``part-2`` before ``part-10``."""
    return [
        (0, int(piece)) if piece.isdigit() else (1, piece)
        for piece in re.split(r"([0-9]+)", text)
        if piece
    ]


def expand(refs: Iterable[str], lists: tuple[str, ...] = ()) -> Iterator[str]:
    """Resolve ``@list`` files and patterns, in the order given.

    Parameters
    ----------
    refs : iterable of str
    lists : tuple of str
        Lists that are being read, which these references come from.

    Raises
    ------
    InputUnavailable
        A pattern matches nothing, or a list cannot be read.
    """
    for ref in refs:
        if ref.startswith("@") and not os.path.exists(ref):
            if ref in lists:
                raise UsageError(f"the list {ref} leads back to itself", ref=ref)
            yield from expand(read_list(ref[1:]), (*lists, ref))
        else:
            yield from _matches(ref)


def read_list(path: str | Path, null: bool = False) -> list[str]:
    """References from a file, one a line or ended by NUL; empty ones are passed over."""
    try:
        text = Path(path).read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise input_error(f"the list {path}", error) from error
    return [ref for ref in text.split("\0" if null else "\n") if ref.strip()]


def _matches(ref: str) -> Iterator[str]:
    path, mark, member = ref.partition(SEPARATOR)
    if not glob.has_magic(path) or os.path.exists(path) or os.path.exists(ref):
        yield ref
        return
    found = sorted(glob.glob(path), key=natural_key)
    if not found:
        raise InputUnavailable(f"{ref}: the pattern matches no file", ref=ref)
    for name in found:
        yield name + mark + member
