"""Reads Zarr arrays: decodes chunks of known codecs here, and leaves others to zarr-python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from concatsplit_core.array.geometry import Box, Shape
from concatsplit_core.codecs.bounds import most_stored
from concatsplit_core.codecs.checksums import is_guarded
from concatsplit_core.codecs.chunks import check_guard, decode, decode_most
from concatsplit_core.formats.grid import chunk_label, chunks_of, clip, space_for
from concatsplit_core.formats.sources import ChunkedSource, FindSpace
from concatsplit_core.formats.stored import Check, Stored, copy_summed, read_unchecked, stored_in
from concatsplit_core.formats.zarr.decoded import ZarrDecoded
from concatsplit_core.formats.zarr.dialect import absent
from concatsplit_core.formats.zarr.forms import ChunkForm, ShardForm
from concatsplit_core.formats.zarr.sparse import Listing, stored_chunks
from concatsplit_core.foundation.errors import MalformedInput, OverBudget
from concatsplit_core.foundation.records import dataclass
from concatsplit_core.stores.base import Location, join
from concatsplit_core.stores.files import input_error

if TYPE_CHECKING:
    from concatsplit_core.formats.zarr.shards import Shard

_LARGE, _LARGE_SHARD = 64 << 10, 512 << 10
"""Bytes from which on a chunk in a shard, or a shard, is checked faster than it is copied."""


@dataclass(slots=True, eq=False, kw_only=True)
class ZarrSource(ChunkedSource, ZarrDecoded):
    """An array in chunks of one shape.

    Parameters
    ----------
    key : callable
        From a chunk's index in the grid to its name in the store.
    form : ChunkForm or ShardForm, optional
        How chunks are decoded here; None where zarr-python has to.
    listing : Listing, optional
        What is stored of a large grid.
    """

    key: Callable[[Shape], str]
    form: ChunkForm | ShardForm | None
    listing: Listing | None = None

    def read_to(self, box: Box, find_space: FindSpace | None) -> Iterator[tuple[Box, np.ndarray]]:
        """Decode chunk by chunk."""
        form, folder, chunks = self.form, self.folder, self.spec.chunks or ()
        if form is None or folder is None:
            yield from self._through_zarr(box)
            return
        found = chunks_of(box, chunks, self.spec.shape)
        listing, fill = self.listing, self.fill
        if listing is not None and listing.places is not None and fill is not None:
            yield box, np.broadcast_to(fill, box.shape)  # stored chunks come later
            found = stored_chunks(listing, box, chunks, self.spec.shards, self.spec.shape)
        inner = form.inner if isinstance(form, ShardForm) else form
        with ExitStack() as stack:
            shards: dict[Shape, Shard | None] = {}
            for index, chunk in found:
                if isinstance(form, ShardForm):
                    shard, at = self._shard_of(index, form, folder, shards, stack)
                    data = None if shard is None else shard.chunk(at)
                else:
                    data = self._from_file(folder, index)
                common = chunk.intersect(box)
                if data is None and self.spec.is_string and common is not None:
                    yield from self._through_zarr(common)  # it knows the fill value of texts
                else:
                    space = space_for(chunk, box, chunks, find_space)
                    yield clip(chunk, box, self._decode(index, data, inner, chunks, space))

    def file_of(self, element: Shape) -> Location | None:
        """The file of the chunk or the shard that the element is in."""
        if self.folder is None or self.folder.store.file is not None:
            return None
        unit = self.spec.shards or self.spec.chunks or ()
        return self.folder / self.key(tuple(i // n for i, n in zip(element, unit, strict=True)))

    def _through_zarr(self, box: Box) -> Iterator[tuple[Box, np.ndarray]]:
        for index, chunk in chunks_of(box, self.spec.chunks or (), self.spec.shape):
            common = chunk.intersect(box)
            if common is not None:
                yield common, self._decoded_by_library(common, self._at(index))

    def _from_file(self, folder: Location, index: Shape) -> bytearray | None:
        store, key = folder / self.key(index)
        try:
            file = store.open(key)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise input_error(f"{self.ref}: {key.rpartition('/')[2]}", error) from error
        with closing(file):
            if file.size > self._most:
                raise OverBudget(
                    f"{self._at(index)} is stored in {file.size} bytes, more than it can hold",
                    ref=self.ref,
                )
            return file.read(0, file.size)

    def _shard_of(
        self,
        index: Shape,
        form: ShardForm,
        folder: Location,
        opened: dict[Shape, Shard | None],
        stack: ExitStack,
    ) -> tuple[Shard | None, Shape]:
        """The shard that holds a chunk, and where in the shard it is."""
        inner = self._per_shard
        outer = tuple(i // n for i, n in zip(index, inner, strict=True))
        if outer not in opened and self._is_absent(outer):
            opened[outer] = None
        if outer not in opened:
            from concatsplit_core.formats.zarr.shards import Shard

            try:
                shard = Shard(folder / self.key(outer), form, inner, self.ref)
                stack.callback(shard.close)
                opened[outer] = shard
            except FileNotFoundError:
                opened[outer] = None
        return opened[outer], tuple(i % n for i, n in zip(index, inner, strict=True))

    @property
    def _per_shard(self) -> Shape:
        """How many chunks a shard has along each axis."""
        chunks, shards = self.spec.chunks or (), self.spec.shards or ()
        return tuple(s // c for s, c in zip(shards, chunks, strict=True))

    def _is_absent(self, index: Shape) -> bool:
        """Whether the listing knows that a chunk, or a shard, has no file."""
        listing = self.listing
        return listing is not None and listing.places is not None and index not in listing.places

    def _decode(
        self,
        index: Shape,
        data: bytearray | None,
        form: ChunkForm,
        chunks: Shape,
        space: memoryview | None = None,
    ) -> np.ndarray:
        if data is None:
            return np.broadcast_to(np.asarray(self.fill, self.spec.dtype), chunks)
        try:
            if self.spec.is_string:
                most = prod(chunks) * self.spec.memory_itemsize
                return form.to_array(decode_most(data, form.steps, most), chunks)
            nbytes = prod(chunks) * form.dtype.itemsize
            raw = decode(
                data, form.steps, nbytes, space if form.is_plain(self.spec.dtype) else None
            )
            return form.to_array(raw, chunks)
        except (MalformedInput, OverBudget) as error:
            raise type(error)(f"{self._at(index)}: {error.message}", ref=self.ref) from error

    @property
    def fill(self) -> np.ndarray | None:
        """The element that an absent chunk is full of; None for texts."""
        if self.spec.is_string:
            return None
        return np.asarray(absent(self.storage.fill_value, self.spec.dtype), self.spec.dtype)

    def stored(self, box: Box, shards: bool) -> Iterator[tuple[Box, Stored | None]]:
        """Chunks or shards that are files, or chunks at their places in shards."""
        unit = (self.spec.shards if shards else self.spec.chunks) or ()
        units = chunks_of(box, unit, self.spec.shape)
        form, folder = self.form, self.folder
        if shards or not isinstance(form, ShardForm) or folder is None:
            for index, chunk in units:
                yield chunk, self._file(index, shards)
            return
        with ExitStack() as stack:
            opened: dict[Shape, Shard | None] = {}
            for index, chunk in units:
                shard, at = self._shard_of(index, form, folder, opened, stack)
                yield chunk, None if shard is None else shard.stored(at)

    def unit_paths(self, shards: bool, compares: bool) -> Callable[[Shape], str] | None:
        """The paths of chunks, or shards, in a folder that is not sparse."""
        folder, form, listing = self.folder, self.form, self.listing
        is_sparse = listing is not None and listing.places is not None
        looks = compares and (shards or (isinstance(form, ChunkForm) and is_guarded(form.steps)))
        inside = self.spec.shards is not None and not shards
        if folder is None or not folder.store.has_paths or inside or looks or is_sparse:
            return None
        return lambda index: join(folder.key, self.key(index))

    def checked(self, box: Box, stored: Stored, full: bool) -> Stored:
        """The same chunk, or shard with its index and all its chunks, to be checked when read."""
        form, folder = self.form, self.folder
        inner = form.inner if isinstance(form, ShardForm) else form
        summed = inner is not None and is_guarded(inner.steps)
        if stored.shard and isinstance(form, ShardForm) and folder is not None:
            if not (full or self._is_worth_a_look(self.spec.shards, _LARGE_SHARD)):
                return stored
            index = self._index(box, self.spec.shards)
            from concatsplit_core.formats.zarr.shards import Shard

            opened = partial(Shard, folder / self.key(index), form, self._per_shard, self.ref)
            if not (full or (summed and self._is_worth_a_look(self.spec.chunks, _LARGE))):
                with closing(opened()) as shard:
                    shard.refuse_outside()
                return stored
            return stored._replace(check=Check(partial(self._shard_pieces, index, form, opened)))
        if not (full or summed):
            return stored
        copy = None
        if inner is not None and summed and not stored.fetch and inner.steps[-1].name == "crc32c":
            copy = partial(copy_summed, stored, partial(self._at_box, box), not full)
        return stored._replace(check=Check(partial(self._chunk_piece, box, stored), copy))

    def _at_box(self, box: Box) -> str:
        return self._at(self._index(box, self.spec.chunks))

    @staticmethod
    def _index(box: Box, unit: Shape | None) -> Shape:
        """The grid index of the chunk, or shard, that covers a box."""
        return tuple(a // u for a, u in zip(box.start, unit or (), strict=True))

    def _is_worth_a_look(self, unit: Shape | None, least: int) -> bool:
        """Whether a check takes little more time than a copy."""
        return prod(unit or ()) * self.spec.memory_itemsize >= least

    def _chunk_piece(self, box: Box, stored: Stored) -> Iterator[tuple[int, Any]]:
        data = read_unchecked(stored)
        if isinstance(self.form, ChunkForm):
            self._check_chunk(self._index(box, self.spec.chunks), data, self.form)
        elif self.form is None:
            for _ in self.read(box):
                pass
        else:
            self._check_chunk(self._index(box, self.spec.chunks), data, self.form.inner)
        yield 0, data

    def _check_chunk(self, index: Shape, data: Any, form: ChunkForm) -> None:
        """Compare the checksum of what is stored, or decode what has none."""
        if not is_guarded(form.steps):
            self._decode(index, data, form, self.spec.chunks or ())
            return
        try:
            check_guard(data, form.steps)
        except MalformedInput as error:
            raise MalformedInput(f"{self._at(index)}: {error.message}", ref=self.ref) from error

    def _shard_pieces(
        self, outer: Shape, form: ShardForm, opened: Callable[[], Shard]
    ) -> Iterator[tuple[int, Any]]:
        with closing(opened()) as shard:
            inner = shard.index.shape[:-1]

            def check(at: Shape, data: Any) -> None:
                index = tuple(o * n + i for o, n, i in zip(outer, inner, at, strict=True))
                self._check_chunk(index, data, form.inner)

            yield from shard.pieces(check, self._most)

    def files(self, box: Box) -> Iterator[str] | None:
        """The files of the chunks, or shards, that a box overlaps."""
        if self.folder is None or self.folder.store.file is not None:
            return None
        unit, listing = self.spec.write_unit or (), self.listing or Listing(0, None)
        found = stored_chunks(listing, box, unit, None, self.spec.shape)
        return (self.key(index) for index, _ in found)

    @property
    def _most(self) -> int:
        """The most bytes that a chunk may be stored in."""
        return most_stored(prod(self.spec.chunks or ()) * self.spec.memory_itemsize)

    def _file(self, index: Shape, shard: bool) -> Stored | None:
        if self._is_absent(index):
            return None
        key = self.key(index)
        if self.folder is None:
            from concatsplit_core.formats.zarr.library import from_store

            data = from_store(self.in_store, key)
            if data is None:
                return None
            return Stored(len(data), fetch=partial(bytes, data), shard=shard, ref=self.ref)
        store, folder = self.folder
        where = join(folder, key)
        try:
            return stored_in(store, where, store.size(where), 0, self.ref, shard)
        except FileNotFoundError:
            return None

    def _at(self, index: Shape) -> str:
        return f"{self.ref}: {chunk_label(index, self.spec.chunks, self.spec.shape)}"
