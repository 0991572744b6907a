"""What a Zarr array is: found in its store, its metadata checked, and put in our terms."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.storage import LocalStore

from concatsplit_core.errors import (
    AmbiguousContainer,
    ConcatsplitError,
    InputUnavailable,
    MalformedInput,
    UnsafeContent,
    UnsupportedDtype,
)
from concatsplit_core.formats.base import Storage
from concatsplit_core.formats.descr import check_descr
from concatsplit_core.formats.zarr import codecs
from concatsplit_core.formats.zarr.codecs import ChunkForm, ShardForm
from concatsplit_core.formats.zarr.reading import ZarrSource
from concatsplit_core.spec import ArraySpec

_METADATA_LIMIT = 64 << 20


def open_member(path: Path, member: str | None, ref: str) -> ZarrSource:
    """Describe an array of a store; the only one where none is named."""
    if member is None and not _is_array(path):
        names = list_members(path, ref)
        if len(names) != 1:
            listed = ", ".join(names) or "none"
            raise AmbiguousContainer(
                f"{ref}: holds {len(names)} arrays ({listed}); name one as {ref}::MEMBER", ref=ref
            )
        member = names[0]
    folder = path / member if member else path
    if not _is_array(folder):
        listed = ", ".join(list_members(path, ref)) or "none"
        raise InputUnavailable(f"{ref}: has no array '{member}'; it holds {listed}", ref=ref)
    _check_metadata(folder, ref)
    try:
        with codecs.quiet():
            array = zarr.open_array(store=LocalStore(folder, read_only=True), mode="r")
        return describe(array, folder, ref)
    except ConcatsplitError:
        raise
    except Exception as error:  # metadata may be wrong in any way
        raise MalformedInput(
            f"{ref}: its Zarr metadata cannot be read: {error}", ref=ref
        ) from error


def _is_array(folder: Path) -> bool:
    if (folder / ".zarray").exists():
        return True
    try:
        document = json.loads((folder / "zarr.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return (folder / "zarr.json").is_file()
    return not isinstance(document, dict) or document.get("node_type") != "group"


def _check_metadata(folder: Path, ref: str) -> None:
    """Refuse what would have to be unpickled, and documents too large to be metadata."""
    for name in ("zarr.json", ".zarray"):
        path = folder / name
        if not path.exists():
            continue
        if path.stat().st_size > _METADATA_LIMIT:
            raise MalformedInput(f"{ref}: {name} is too large to be metadata", ref=ref)
        try:
            document = json.loads(path.read_bytes())
            text = json.dumps(document)
            if name == ".zarray":
                check_descr(document["dtype"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise MalformedInput(f"{ref}: {name} is no metadata: {error}", ref=ref) from error
        if '"pickle"' in text:
            raise UnsafeContent(
                f"{ref}: holds pickled objects, which are not read; save it with a plain dtype",
                ref=ref,
            )


def list_members(path: Path, ref: str) -> list[str]:
    """Names of all arrays of a store; ``[""]`` where the store is an array."""
    if _is_array(path):
        return [""]
    found = []
    for folder, folders, names in os.walk(path):
        if {"zarr.json", ".zarray"}.intersection(names) and _is_array(Path(folder)):
            found.append(Path(folder).relative_to(path).as_posix())
            folders.clear()
        else:
            folders[:] = [name for name in folders if not name.startswith(".concatsplit-")]
    return sorted(found)


def describe(array: Any, folder: Path | None, ref: str) -> ZarrSource:
    """An opened array as a source."""
    with codecs.quiet():
        metadata = array.metadata.to_dict()
    dtype = np.dtype(array.dtype)
    if dtype.hasobject and dtype.kind != "T":
        raise UnsupportedDtype(
            f"{ref}: holds Python objects, which no format here carries", ref=ref
        )
    ndim = len(array.shape)
    form: ChunkForm | ShardForm | None
    native: tuple[str, Any]
    if array.metadata.zarr_format == 2:
        form = codecs.form_v2(metadata, dtype, ndim)
        configs = [c for c in (*(metadata["filters"] or ()), metadata["compressor"]) if c]
        neutral = codecs.neutral_v2([dict(c) for c in configs])
        native = ("zarr2", {key: metadata[key] for key in ("order", "filters", "compressor")})
        regular = True
    else:
        form = codecs.form_v3(list(metadata["codecs"]), dtype, ndim)
        regular = metadata["chunk_grid"]["name"] == "regular"
        parts = [[dict(c.to_dict()) for c in group] for group in _codec_groups(array)]
        neutral = codecs.neutral_v3(parts[2])
        native = ("zarr3", dict(zip(("filters", "serializer", "compressors"), parts, strict=True)))
    fill = _fill_value(array, dtype)
    chunked = regular and (folder is not None or array.shards is None)
    spec = ArraySpec(
        tuple(array.shape),
        dtype,
        contiguous=False,
        chunks=tuple(array.chunks) if regular else None,
        shards=tuple(array.shards) if regular and array.shards is not None else None,
        encoding=codecs.encoding(dtype, ndim, neutral, native, array.shards is not None)
        if chunked
        else None,
        packing=codecs.packing(form.index_at_end, form.index_has_checksum, fill, dtype)
        if isinstance(form, ShardForm)
        else None,
    )
    storage = Storage(
        codec=neutral,
        native=native,
        fill_value=fill,
        attrs=dict(array.attrs),
        dimension_names=getattr(array.metadata, "dimension_names", None),
        dialect=f"zarr{array.metadata.zarr_format}",
    )
    usable = form if regular else None
    return ZarrSource(folder, ref, array, spec, storage, folder, usable)


def _codec_groups(array: Any) -> tuple[Any, Any, Any]:
    return array.filters, (array.serializer,), array.compressors


def _fill_value(array: Any, dtype: np.dtype) -> Any:
    if dtype.kind == "T":
        return None
    value = array.fill_value
    return np.zeros((), dtype)[()] if value is None else np.asarray(value, dtype)[()]


def wrap(array: Any) -> ZarrSource:
    """An array that is open in this process; its chunks are read as files where they are files."""
    store = array.store_path.store
    folder = Path(store.root) / array.store_path.path if isinstance(store, LocalStore) else None
    return describe(array, folder, str(array.store_path))
