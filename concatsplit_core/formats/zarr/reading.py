"""Reading Zarr: chunks of known codecs decoded in the calling thread, others by zarr-python."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.core.sync import sync
from zarr.storage import LocalStore

from concatsplit_core.codecs.chunks import decode
from concatsplit_core.errors import (
    AmbiguousContainer,
    ConcatsplitError,
    InputUnavailable,
    MalformedInput,
    OverBudget,
    UnsafeContent,
    UnsupportedDtype,
)
from concatsplit_core.files import input_error, open_input, read_exactly
from concatsplit_core.formats.base import Extent, Storage, Stored
from concatsplit_core.formats.descr import check_descr
from concatsplit_core.formats.grid import chunks_of, clip
from concatsplit_core.formats.zarr import codecs
from concatsplit_core.formats.zarr.codecs import ChunkForm, ShardForm
from concatsplit_core.formats.zarr.shards import Shard
from concatsplit_core.geometry import Box, Shape
from concatsplit_core.spec import ArraySpec

_METADATA_LIMIT = 64 << 20
_SLACK = 64 << 10


@dataclass(slots=True)
class ZarrSource:
    """One array."""

    path: Path | None
    ref: str
    array: Any
    spec: ArraySpec
    storage: Storage
    folder: Path | None
    form: ChunkForm | ShardForm | None
    extent: Extent | None = None
    format: str = "zarr"

    def read(self, box: Box) -> Iterator[tuple[Box, np.ndarray]]:
        """Decode chunk by chunk."""
        chunks = self.spec.chunks
        if chunks is None or self.form is None or self.folder is None:
            yield from self._through_zarr(box)
            return
        with ExitStack() as stack:
            shards: dict[Shape, Shard | None] = {}
            for index, chunk in chunks_of(box, chunks, self.spec.shape):
                if isinstance(self.form, ShardForm):
                    shard, at = self._shard_of(index, shards, stack)
                    data, form = None if shard is None else shard.chunk(at), self.form.inner
                else:
                    data, form = self._from_file(index), self.form
                yield clip(chunk, box, self._decode(index, data, form, chunks))

    def _through_zarr(self, box: Box) -> Iterator[tuple[Box, np.ndarray]]:
        unit = self.spec.chunks or tuple(max(1, n) for n in box.shape)
        for index, chunk in chunks_of(box, unit, self.spec.shape):
            common = chunk.intersect(box)
            if common is not None:
                try:
                    yield common, np.asarray(self.array[common.slices])
                except ConcatsplitError:
                    raise
                except Exception as error:  # any codec may raise anything for a damaged chunk
                    raise MalformedInput(
                        f"{self._at(index)}: cannot be decoded: {error}", ref=self.ref
                    ) from error

    def _from_file(self, index: Shape) -> bytearray | None:
        path = self._chunk_path(index)
        try:
            fd = open_input(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise input_error(f"{self.ref}: {path.name}", error) from error
        try:
            size = os.fstat(fd).st_size
            limit = 2 * prod(self.spec.chunks or ()) * self.spec.dtype.itemsize + _SLACK
            if size > limit:
                raise OverBudget(
                    f"{self._at(index)} is stored in {size} bytes, more than it can hold",
                    ref=self.ref,
                )
            data = bytearray(size)
            read_exactly(fd, memoryview(data), 0, path)
        finally:
            os.close(fd)
        return data

    def _chunk_path(self, index: Shape) -> Path:
        if self.folder is None:
            raise AssertionError("only a local array has chunk files")
        key: str = self.array.metadata.encode_chunk_key(index)
        return self.folder / key

    def _shard_of(
        self, index: Shape, opened: dict[Shape, Shard | None], stack: ExitStack
    ) -> tuple[Shard | None, Shape]:
        """The shard that holds a chunk, and where in the shard it is."""
        form = self.form
        if self.spec.shards is None or self.spec.chunks is None or not isinstance(form, ShardForm):
            raise AssertionError("not sharded")
        inner = tuple(s // c for s, c in zip(self.spec.shards, self.spec.chunks, strict=True))
        outer = tuple(i // n for i, n in zip(index, inner, strict=True))
        if outer not in opened:
            try:
                shard = Shard(self._chunk_path(outer), form, inner, self.ref)
                stack.callback(shard.close)
                opened[outer] = shard
            except FileNotFoundError:
                opened[outer] = None
        return opened[outer], tuple(i % n for i, n in zip(index, inner, strict=True))

    def _decode(
        self, index: Shape, data: bytearray | None, form: ChunkForm, chunks: Shape
    ) -> np.ndarray:
        if data is None:
            return np.broadcast_to(np.asarray(self.fill, self.spec.dtype), chunks)
        try:
            raw = decode(data, form.steps, prod(chunks) * form.dtype.itemsize)
        except (MalformedInput, OverBudget) as error:
            raise type(error)(f"{self._at(index)}: {error.message}", ref=self.ref) from error
        return form.to_array(raw, chunks)

    @property
    def fill(self) -> np.ndarray | None:
        """What an absent chunk stands for."""
        if self.spec.is_string:
            return None
        return np.asarray(self.storage.fill_value, self.spec.dtype)

    def stored(self, box: Box, shards: bool) -> Iterator[tuple[Box, Stored | None]]:
        """Chunks or shards that are files of their own, and chunks at their places in a shard."""
        unit = (self.spec.shards if shards else self.spec.chunks) or ()
        own_files = shards or self.spec.shards is None
        with ExitStack() as stack:
            opened: dict[Shape, Shard | None] = {}
            for index, chunk in chunks_of(box, unit, self.spec.shape):
                if own_files:
                    yield chunk, self._file(index, shards)
                else:
                    shard, at = self._shard_of(index, opened, stack)
                    yield chunk, None if shard is None else shard.stored(at)

    def _file(self, index: Shape, shard: bool) -> Stored | None:
        key = self.array.metadata.encode_chunk_key(index)
        if self.folder is None:
            data = _from_store(self.array, key)
            return None if data is None else Stored(len(data), data=data, shard=shard)
        path = f"{self.folder}/{key}"
        try:
            return Stored(os.stat(path).st_size, path, shard=shard)
        except FileNotFoundError:
            return None

    def _at(self, index: Shape) -> str:
        return f"{self.ref}: chunk {'.'.join(map(str, index)) or '0'}"

    def prepare(self, folder: Path) -> None:
        """Nothing to prepare."""

    def stored_bytes(self) -> int:
        if self.folder is None:
            return int(self.array.nbytes_stored())
        return sum(
            (Path(folder) / name).stat().st_size
            for folder, _, names in os.walk(self.folder)
            for name in names
        )

    def close(self) -> None:
        pass


def _from_store(array: Any, key: str) -> bytes | None:
    """A chunk as it is stored in a store that is no folder."""
    path = array.store_path / key
    found = sync(path.get())
    return None if found is None else found.to_bytes()


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
