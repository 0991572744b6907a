"""Gathers elements of a joined array from its inputs, which stay where they lie."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from math import prod
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from concatsplit_core.array.geometry import Box, Shape
from concatsplit_core.array.indexing import Picks, crossings, grouped, shifted
from concatsplit_core.array.layouts import InMemory
from concatsplit_core.array.tiling import Tiling
from concatsplit_core.endpoints.hollow import refuse_hollow
from concatsplit_core.formats.sources import ContiguousSource, DecodedSource, Source
from concatsplit_core.foundation.errors import ConcatsplitError, InputChanged, OverBudget
from concatsplit_core.foundation.sizes import format_size
from concatsplit_core.routes.blocks import in_small_boxes
from concatsplit_core.routes.buffers import Buffers
from concatsplit_core.routes.elements import copy_elements
from concatsplit_core.routes.extents import read_windows
from concatsplit_core.run.cells import PIECE, Part, cells, piece_shape, wanted_of
from concatsplit_core.run.chunk_cache import ChunkCache
from concatsplit_core.stores.base import Location
from concatsplit_core.stores.files import ReadingInput, open_input
from concatsplit_core.stores.local import LOCAL
from concatsplit_core.stores.maps import Maps, pool_of_maps, refuse_shorter

if TYPE_CHECKING:
    from concatsplit_core.meaning.conversions import Conversion
    from concatsplit_core.meaning.model import Meaning

Check = Callable[[Source, Sequence[Location]], None]

_UNMAPPABLE = {errno.ENODEV, errno.ENOMEM, errno.EACCES, errno.EPERM}
"""What the system says where a file can only be read, or no more can be mapped."""


class Joined(NamedTuple):
    """A joined array, described: it can be pickled if its inputs can.

    Parameters
    ----------
    sources : sequence of Source
    tiling : Tiling
        How they tile the array.
    shape : tuple of int
    dtype : numpy.dtype
    meaning : Meaning
        The one that all sources have, or are converted to.
    conversions : sequence of Conversion or None
        One per source; empty where the elements of none change.
    """

    sources: Sequence[Source]
    tiling: Tiling
    shape: Shape
    dtype: np.dtype
    meaning: Meaning
    conversions: Sequence[Conversion | None]


class Gatherer:
    """Reads blocks of a joined array; several threads may share it.

    Parameters
    ----------
    joined : Joined
    memory : int
        Bytes of decoded chunks that are kept, and the most that one chunk may have.
    check : callable
        Called with each source whose file was mapped or read, and with the files that were read
        if it is a folder; raises if that is not what was opened, or has changed since.
    """

    def __init__(self, joined: Joined, memory: int, check: Check) -> None:
        self._joined, self._memory, self._check = joined, memory, check
        self._maps: Maps = pool_of_maps(lambda path: check(self._of_path[path], ()))
        self._of_path: dict[str, Source] = {}
        self._unmappable: set[str] = set()
        self._are_files: dict[int, bool] = {}
        self._chunks = ChunkCache(memory)
        self._ends = [segment.interval.stop for segment in joined.tiling.segments]

    def block(self, picks: Sequence[Picks]) -> np.ndarray:
        """The elements whose index along every axis of the joined array is among those picked.

        Raises
        ------
        InputChanged
            A file is not the one that was opened, or was cut short.
        OverBudget
            A chunk is larger than the memory.
        """
        joined, axis = self._joined, self._joined.tiling.axis
        shape = tuple(map(len, picks))
        groups = list(grouped(picks[axis], self._ends)) if 0 not in shape else []
        nbytes = prod(shape) * joined.dtype.itemsize
        if nbytes > self._memory:
            refuse_hollow([joined.sources[group.number] for group in groups])
        block = np.empty(shape, joined.dtype)
        whole = (slice(None),) * axis
        for group in groups:
            start = joined.tiling.segments[group.number].interval.start
            if joined.tiling.new_axis:
                own = [*picks[:axis], *picks[axis + 1 :]]
                space = block[(*whole, group.place.start, ...)]
            else:
                own = [*picks[:axis], shifted(group.picks, start), *picks[axis + 1 :]]
                space = block[(*whole, group.place)]
            self._gather_from(group.number, own, space, nbytes <= self._memory // 2)
        return block

    def close(self) -> None:
        """Unmap the files, and forget all chunks."""
        self._maps.close()
        self._chunks = ChunkCache(0)

    def _gather_from(
        self, number: int, picks: Sequence[Picks], space: np.ndarray, keeps: bool
    ) -> None:
        """Fill the part of a block that is of one source; `keeps` its chunks for later."""
        source = self._joined.sources[number]
        conversion = self._joined.conversions[number] if self._joined.conversions else None
        starts: list[Shape] = []
        try:
            parts_of_it = self._parts(number, source, picks, keeps, starts)
            with ReadingInput(source.ref), closing(parts_of_it) as parts:
                for place, part in parts:
                    if conversion is None:
                        copy_elements(space[place], part)
                        continue
                    whole = Box.whole(part.shape)
                    for few in in_small_boxes(whole, part.itemsize):
                        copy_elements(space[place][few.slices], conversion(part[few.slices]))
        except InputChanged:
            raise
        except ConcatsplitError:
            self._check_files(number, source, starts)  # damaged, since another program writes to it
            raise
        self._check_files(number, source, starts)

    def _check_files(self, number: int, source: Source, starts: Sequence[Shape]) -> None:
        """Check the file that was read, or those of a folder in which chunks start at elements.

        A whole folder, or an object store, would take too long.
        """
        is_file = self._are_files.get(number)
        if is_file is None:
            place = source.place
            is_file = place is not None and place.store is LOCAL and os.path.isfile(place.key)
            self._are_files[number] = is_file
        if is_file:
            self._check(source, ())
            return
        files = [file for file in map(source.file_of, starts) if file is not None]
        if files:
            self._check(source, files)

    def _parts(
        self,
        number: int,
        source: Source,
        picks: Sequence[Picks],
        keeps: bool,
        starts: list[Shape],
    ) -> Generator[Part]:
        """What is wanted of a source; notes where the chunks start that hold it."""
        if isinstance(source, ContiguousSource):
            yield from self._mapped(source, picks)
        elif isinstance(source.spec.layout, InMemory):
            for box, part in source.read(Box.whole(source.spec.shape)):
                yield (...,), part[crossings(picks, box.start)]
        elif source.spec.chunks:
            yield from self._from_chunks(number, source, picks, keeps, starts)
        else:
            for cell in cells(source.spec.shape, piece_shape(source.spec), picks):
                yield from wanted_of(source.read(cell.needed), cell)

    def _mapped(self, source: ContiguousSource, picks: Sequence[Picks]) -> Iterator[Part]:
        """From the file's memory map; a file that cannot be mapped is read in pieces."""
        spec, extent = source.spec, source.extent
        if not spec.dtype.itemsize:
            yield (...,), np.zeros(tuple(map(len, picks)), spec.dtype)
            return
        self._of_path[extent.path] = source
        if extent.path not in self._unmappable:
            try:
                with self._maps.use(extent.path) as mapped:
                    refuse_shorter(mapped, extent.offset + spec.nbytes, source.ref)
                    whole: np.ndarray = np.ndarray(
                        spec.shape, spec.dtype, mapped, extent.offset, order=spec.order
                    )
                    yield (...,), whole[crossings(picks, (0,) * spec.ndim)]
                    return
            except OSError as error:
                if error.errno not in _UNMAPPABLE:
                    raise
                self._unmappable.add(extent.path)
        fd = open_input(extent.path)
        try:
            self._check(source, ())
            for cell in cells(spec.shape, piece_shape(spec), picks):
                parts = read_windows(fd, extent, spec, cell.needed, Buffers(), PIECE)
                yield from wanted_of(parts, cell)
        finally:
            os.close(fd)

    def _from_chunks(
        self,
        number: int,
        source: DecodedSource,
        picks: Sequence[Picks],
        keeps: bool,
        starts: list[Shape],
    ) -> Iterator[Part]:
        spec, unit = source.spec, source.spec.chunks or ()
        nbytes = prod(unit) * spec.memory_itemsize
        if nbytes > self._memory:
            raise OverBudget(
                f"{source.ref}: its chunks have {format_size(nbytes)} each, more than memory="
                f"{format_size(self._memory)!r}; give memory={format_size(nbytes, up=True)!r}",
                ref=source.ref,
                found=nbytes,
                expected=self._memory,
            )
        for cell in cells(spec.shape, unit, picks):
            starts.append(cell.box.start)
            chunk = self._chunks.find((number, cell.number))
            if chunk is None and cell.is_whole and not keeps:
                yield from wanted_of(source.read(cell.box), cell)
                continue
            if chunk is None:
                chunk = _decoded(source, cell.box)
                size = cell.box.size * spec.memory_itemsize
                self._chunks.keep((number, cell.number), chunk, size)
            yield from wanted_of([(cell.box, chunk)], cell)


def _decoded(source: DecodedSource, box: Box) -> np.ndarray:
    """All of a chunk."""
    chunk = np.empty(box.shape, source.spec.dtype)
    for common, part in source.read(box):
        copy_elements(chunk[common.within(box)], part)
    return chunk
