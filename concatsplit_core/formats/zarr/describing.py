"""Opens a Zarr array: finds it in its store, checks its metadata, and describes it as a source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from concatsplit_core.array.layouts import ArrayLayout, Chunked, Opaque, Sharded
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.codecs.chunks import announce_libraries
from concatsplit_core.formats.sources import Source
from concatsplit_core.formats.storage import Storage
from concatsplit_core.formats.zarr import codecs, document_v3
from concatsplit_core.formats.zarr.decoded import ZarrDecoded
from concatsplit_core.formats.zarr.dialect import meaning_of
from concatsplit_core.formats.zarr.facts import Facts
from concatsplit_core.formats.zarr.forms import ShardForm
from concatsplit_core.formats.zarr.reading import ZarrSource
from concatsplit_core.formats.zarr.sparse import list_chunks
from concatsplit_core.foundation.errors import (
    ConcatsplitError,
    MalformedInput,
    UnsupportedDtype,
)
from concatsplit_core.meaning.missing import fill_value_notes
from concatsplit_core.stores.base import Location, join
from concatsplit_core.stores.files import input_error


def open_member(place: Location, member: str | None, ref: str) -> Source:
    """Describe an array of a store; without a name, the only one there is."""
    if member is None:
        names = list_members(place, ref)
        if len(names) != 1:
            from concatsplit_core.formats.misnamed import not_one_array

            raise not_one_array(ref, names)
        member = names[0]
    elif not _is_array(place / member if member else place):
        from concatsplit_core.formats.misnamed import no_member

        raise no_member(ref, member, list_members(place, ref), "array")
    folder = place / member if member else place
    found = _documents(folder, ref)
    facts = _facts_of(found)
    if facts is not None:
        return describe(facts, None, folder, ref, place)
    from concatsplit_core.formats.zarr.low_precision import refuse_unread

    refuse_unread(found, ref)
    from concatsplit_core.formats.zarr import library

    try:
        array = library.open_by_library(folder)
        return describe(library.facts_of(array), array, folder, ref, place)
    except ConcatsplitError:
        raise
    except Exception as error:  # metadata may be wrong in any way
        raise MalformedInput(
            f"{ref}: its Zarr metadata cannot be read: {error}", ref=ref
        ) from error


def _facts_of(found: Mapping[str, dict[str, Any]]) -> Facts | None:
    """What the documents of an array say; None if zarr-python has to read them."""
    if document_v3.NAME in found:
        return document_v3.facts_of(found[document_v3.NAME])
    if ".zarray" in found:
        from concatsplit_core.formats.zarr import document_v2

        attrs = found.get(document_v2.ATTRIBUTES, {})
        return document_v2.facts_of(found[document_v2.ARRAY], attrs)
    return None


def _is_array(folder: Location) -> bool:
    if (folder / ".zarray").kind:
        return True
    try:
        document = json.loads((folder / "zarr.json").read())
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (IsADirectoryError, ValueError, RecursionError):
        return (folder / "zarr.json").kind == "file"
    return not isinstance(document, dict) or document.get("node_type") != "group"


def _documents(folder: Location, ref: str) -> dict[str, dict[str, Any]]:
    """The documents of an array by their names, checked before zarr-python sees them."""
    from concatsplit_core.formats.zarr.schema import read_document

    found: dict[str, dict[str, Any]] = {}
    for name in (document_v3.NAME, ".zarray", ".zattrs"):
        with suppress(FileNotFoundError, NotADirectoryError):
            found[name] = read_document(folder, name, ref)
    return found


def list_members(place: Location, ref: str) -> list[str]:
    """Names of all arrays of a store; ``[""]`` where the store is an array."""
    if _is_array(place):
        return [""]
    found, ahead = [], [""]
    while ahead:
        member = ahead.pop()
        folder = place / member
        try:
            entries = dict(folder.entries())
        except OSError as error:
            raise input_error(ref, error) from error
        if {"zarr.json", ".zarray"}.intersection(entries) and _is_array(folder):
            found.append(member)
            continue
        names = (name for name, kind in entries.items() if kind == "folder")
        ahead += [join(member, name) for name in names if not name.startswith(".concatsplit-")]
    return sorted(found)


def describe(
    facts: Facts, array: Any, folder: Location | None, ref: str, store: Location | None = None
) -> Source:
    """An array as a source; its group and the group's other arrays may say more about it."""
    from concatsplit_core.formats.zarr.schema import check_facts

    check_facts(facts, ref)
    dtype, form = facts.dtype, facts.form
    if dtype.hasobject and dtype.kind != "T":
        raise UnsupportedDtype(
            f"{ref}: holds Python objects; save it with a fixed-size dtype", ref=ref
        )
    if facts.neutral is not None:
        announce_libraries(facts.neutral.steps)
    reachable = facts.chunks is not None and _are_chunks_reachable(facts, array, folder)
    listing = None if folder is None else list_chunks(facts, folder)
    layout = _layout(facts, reachable, None if listing is None else listing.most)
    texts = _string_bytes(facts, folder, ref)
    spec = ArraySpec(facts.shape, dtype, layout, string_bytes=texts)
    meaning = meaning_of(
        facts.zarr_format,
        facts.attrs,
        facts.dimension_names,
        facts.fill_value,
        dtype,
        len(facts.shape),
    )
    if store is not None and folder is not None and folder != store:
        from concatsplit_core.formats.zarr.neighbours import with_neighbours

        meaning = with_neighbours(meaning, folder, facts.shape)
    storage = Storage(
        codec=facts.neutral,
        native=facts.native,
        fill_value=facts.fill_value,
        meaning=meaning,
        dialect=f"zarr{facts.zarr_format}",
        key_encoding=facts.key_encoding,
        notes=tuple(fill_value_notes(facts.attrs, meaning.missing, dtype)),
    )
    in_store = array if folder is None else None
    path = None if folder is None else (folder.store.file or folder).path
    root = path if store is None else store.path
    if facts.chunks is None:
        source = ZarrDecoded(path, ref, spec, storage, folder, in_store, root=root)
    else:
        source = ZarrSource(
            path,
            ref,
            spec,
            storage,
            folder,
            in_store,
            key=facts.key,
            form=form,
            listing=listing,
            root=root,
        )
    source.opened = None if folder is None else array
    return source


def _are_chunks_reachable(facts: Facts, array: Any, folder: Location | None) -> bool:
    """Whether chunks can be read as they are stored."""
    if facts.shards is not None:
        return isinstance(facts.form, ShardForm) and folder is not None
    if folder is not None:
        return True
    from concatsplit_core.formats.zarr.library import gives_chunks

    return gives_chunks(array)


def _layout(facts: Facts, reachable: bool, stored_chunks: int | None) -> ArrayLayout:
    """How the array lies in its store; zarr-python reads chunks that differ in length."""
    if facts.chunks is None:
        return Opaque()
    encoding, dtype, form = None, facts.dtype, facts.form
    if reachable:
        sharded = facts.shards is not None
        encoding = codecs.encoding(dtype, len(facts.shape), facts.neutral, facts.native, sharded)
    if facts.shards is None:
        return Chunked(facts.chunks, encoding, stored_chunks)
    packing = None
    if isinstance(form, ShardForm) and dtype.kind != "T":
        at_end, summed = form.index_at_end, form.index_has_checksum
        packing = codecs.packing(at_end, summed, facts.fill_value, dtype)
    return Sharded(facts.shards, facts.chunks, encoding, packing, stored_chunks)


def _string_bytes(facts: Facts, folder: Location | None, ref: str) -> int | None:
    """Bytes that a text takes in memory; None for numbers."""
    if facts.dtype.kind != "T" or facts.form is None or facts.chunks is None or folder is None:
        return None
    from concatsplit_core.formats.zarr.strings import measured

    return measured(folder, facts.form, facts.chunks, facts.shards, ref)


def wrap(array: Any) -> Source:
    """An array that is open in this process; its chunks are read as files where they are files."""
    from concatsplit_core.formats.zarr import library

    folder = library.folder_of(array)
    return describe(library.facts_of(array), array, folder, str(array.store_path))
