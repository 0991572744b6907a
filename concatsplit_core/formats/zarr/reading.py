"""Reading Zarr: chunks of known codecs decoded in the calling thread, others by zarr-python."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from concatsplit_core.array.geometry import Box, Shape
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.codecs.checksums import is_guarded
from concatsplit_core.codecs.chunks import check_guard, decode, decode_most
from concatsplit_core.errors import (
    ConcatsplitError,
    MalformedInput,
    OverBudget,
)
from concatsplit_core.formats.base import Extent, Storage
from concatsplit_core.formats.grid import chunks_of, clip, place_of
from concatsplit_core.formats.stored import Check, Stored, copy_summed, load_unseen
from concatsplit_core.formats.zarr.codecs import ChunkForm, ShardForm
from concatsplit_core.formats.zarr.dialect import absent
from concatsplit_core.formats.zarr.shards import Shard
from concatsplit_core.formats.zarr.sparse import Listing, files_below, stored_chunks
from concatsplit_core.stores.files import input_error, open_input, read_exactly

_SLACK = 64 << 10
_LARGE, _LARGE_SHARD = 64 << 10, 512 << 10
"""Bytes of a chunk in a shard, and of a shard, that take longer to copy than to be looked for."""


@dataclass(slots=True)
class ZarrSource:
    """One array."""

    path: Path | None
    ref: str
    array: Any
    """As zarr-python has it; None where nothing of it is needed."""
    key: Callable[[Shape], str]
    spec: ArraySpec
    storage: Storage
    folder: Path | None
    form: ChunkForm | ShardForm | None
    listing: Listing | None = None
    """What is stored of a large grid."""
    extent: Extent | None = None
    format: str = "zarr"
    root: Path | None = None

    def read(self, box: Box) -> Iterator[tuple[Box, np.ndarray]]:
        """Decode chunk by chunk."""
        chunks = self.spec.chunks
        if chunks is None or self.form is None or self.folder is None:
            yield from self._through_zarr(box)
            return
        with ExitStack() as stack:
            shards: dict[Shape, Shard | None] = {}
            found = chunks_of(box, chunks, self.spec.shape)
            if (
                self.listing is not None
                and self.listing.places is not None
                and self.fill is not None
            ):
                yield box, np.broadcast_to(self.fill, box.shape)  # what is stored comes over it
                found = stored_chunks(self.listing, box, chunks, self.spec.shards, self.spec.shape)
            for index, chunk in found:
                if isinstance(self.form, ShardForm):
                    shard, at = self._shard_of(index, shards, stack)
                    data, form = None if shard is None else shard.chunk(at), self.form.inner
                else:
                    data, form = self._from_file(index), self.form
                common = chunk.intersect(box)
                if data is None and self.spec.is_string and common is not None:
                    yield from self._through_zarr(common)  # which knows the text to fill it with
                else:
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
            if size > self._most:
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
        return self.folder / self.key(index)

    def _shard_of(
        self, index: Shape, opened: dict[Shape, Shard | None], stack: ExitStack
    ) -> tuple[Shard | None, Shape]:
        """The shard that holds a chunk, and where in the shard it is."""
        form = self.form
        if self.spec.shards is None or self.spec.chunks is None or not isinstance(form, ShardForm):
            raise AssertionError("not sharded")
        inner = tuple(s // c for s, c in zip(self.spec.shards, self.spec.chunks, strict=True))
        outer = tuple(i // n for i, n in zip(index, inner, strict=True))
        if outer not in opened and self._is_absent(outer):
            opened[outer] = None
        if outer not in opened:
            try:
                shard = Shard(self._chunk_path(outer), form, inner, self.ref)
                stack.callback(shard.close)
                opened[outer] = shard
            except FileNotFoundError:
                opened[outer] = None
        return opened[outer], tuple(i % n for i, n in zip(index, inner, strict=True))

    def _is_absent(self, index: Shape) -> bool:
        """Whether the listing knows that a chunk, or a shard, has no file."""
        listing = self.listing
        return listing is not None and listing.places is not None and index not in listing.places

    def _decode(
        self, index: Shape, data: bytearray | None, form: ChunkForm, chunks: Shape
    ) -> np.ndarray:
        if data is None:
            return np.broadcast_to(np.asarray(self.fill, self.spec.dtype), chunks)
        try:
            if self.spec.is_string:
                most = prod(chunks) * self.spec.memory_itemsize
                return form.to_array(decode_most(data, form.steps, most), chunks)
            raw = decode(data, form.steps, prod(chunks) * form.dtype.itemsize)
            return form.to_array(raw, chunks)
        except (MalformedInput, OverBudget) as error:
            raise type(error)(f"{self._at(index)}: {error.message}", ref=self.ref) from error

    @property
    def fill(self) -> np.ndarray | None:
        """What an absent chunk stands for."""
        if self.spec.is_string:
            return None
        return np.asarray(absent(self.storage.fill_value, self.spec.dtype), self.spec.dtype)

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

    def guarded(self, box: Box, stored: Stored, full: bool) -> Stored:
        """With a look at a chunk, or at every chunk of a shard and at the shard's index."""
        form = self.form
        summed = form is not None and is_guarded(self._inner.steps)
        if stored.shard and isinstance(form, ShardForm):
            if not (full or self._is_worth_a_look(self.spec.shards, _LARGE_SHARD)):
                return stored
            index = self._index(box, self.spec.shards)
            if not (full or (summed and self._is_worth_a_look(self.spec.chunks, _LARGE))):
                with closing(self._open_shard(index, form)) as shard:
                    shard.refuse_astray()
                return stored
            return stored._replace(check=Check(partial(self._shard_pieces, index, form)))
        if not (full or summed):
            return stored
        copy = None
        if summed and not stored.fetch and self._inner.steps[-1].name == "crc32c":
            copy = partial(copy_summed, stored, partial(self._at_box, box), not full)
        return stored._replace(check=Check(partial(self._chunk_piece, box, stored), copy))

    def _at_box(self, box: Box) -> str:
        return self._at(self._index(box, self.spec.chunks))

    @staticmethod
    def _index(box: Box, unit: Shape | None) -> Shape:
        """The place in its grid of a chunk, or shard, that covers a box."""
        return tuple(a // u for a, u in zip(box.start, unit or (), strict=True))

    def _is_worth_a_look(self, unit: Shape | None, least: int) -> bool:
        """Whether to look takes little more than to copy."""
        return prod(unit or ()) * self.spec.memory_itemsize >= least

    @property
    def _inner(self) -> ChunkForm:
        form = self.form.inner if isinstance(self.form, ShardForm) else self.form
        if form is None:
            raise AssertionError("zarr-python decodes it")
        return form

    def _chunk_piece(self, box: Box, stored: Stored) -> Iterator[tuple[int, Any]]:
        data = load_unseen(stored)
        if self.form is None:
            for _ in self.read(box):
                pass
        else:
            self._check(self._index(box, self.spec.chunks), data)
        yield 0, data

    def _check(self, index: Shape, data: Any) -> None:
        """Compare the checksum of what is stored, or decode what has none."""
        if not is_guarded(self._inner.steps):
            self._decode(index, data, self._inner, self.spec.chunks or ())
            return
        try:
            check_guard(data, self._inner.steps)
        except MalformedInput as error:
            raise MalformedInput(f"{self._at(index)}: {error.message}", ref=self.ref) from error

    def _shard_pieces(self, outer: Shape, form: ShardForm) -> Iterator[tuple[int, Any]]:
        with closing(self._open_shard(outer, form)) as shard:
            inner = shard.index.shape[:-1]

            def check(at: Shape, data: Any) -> None:
                index = tuple(o * n + i for o, n, i in zip(outer, inner, at, strict=True))
                self._check(index, data)

            yield from shard.pieces(check, self._most)

    def _open_shard(self, outer: Shape, form: ShardForm) -> Shard:
        """A shard whose index is sound."""
        chunks, shards = self.spec.chunks or (), self.spec.shards or ()
        inner = tuple(s // c for s, c in zip(shards, chunks, strict=True))
        return Shard(self._chunk_path(outer), form, inner, self.ref)

    @property
    def _most(self) -> int:
        """Bytes that a chunk may be stored in."""
        return 2 * prod(self.spec.chunks or ()) * self.spec.memory_itemsize + _SLACK

    def _file(self, index: Shape, shard: bool) -> Stored | None:
        if self._is_absent(index):
            return None
        key = self.key(index)
        if self.folder is None:
            from concatsplit_core.formats.zarr.library import from_store

            data = from_store(self.array, key)
            if data is None:
                return None
            return Stored(len(data), fetch=partial(bytes, data), shard=shard, ref=self.ref)
        path = f"{self.folder}/{key}"
        try:
            return Stored(os.stat(path).st_size, path, shard=shard, ref=self.ref)
        except FileNotFoundError:
            return None

    def _at(self, index: Shape) -> str:
        return f"{self.ref}: {place_of(index, self.spec.chunks, self.spec.shape)}"

    def prepare(self, folder: Path, check: bool = False) -> None:
        """Nothing to prepare."""

    def check(self) -> None:
        """Every reader finds chunks by their names."""

    def stored_bytes(self) -> int:
        if self.folder is None:
            return int(self.array.nbytes_stored())
        try:
            return sum(os.stat(path).st_size for path in files_below(self.folder))
        except OSError as error:
            raise input_error(self.ref, error) from error

    def close(self) -> None:
        pass
