"""Pictures of the chunks that arrays are stored in."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from concatsplit_core.array.descr import dtype_label
from concatsplit_core.array.geometry import Box, Shape
from concatsplit_core.endpoints.fingerprints import Fingerprints
from concatsplit_core.endpoints.inputs import STREAM, close_all, open_member, resolve
from concatsplit_core.formats.sources import ChunkedSource, Source
from concatsplit_core.foundation.errors import ConcatsplitError, UsageError
from concatsplit_core.operators.describing import arrays_named, expect
from concatsplit_core.pictures.chunk_map import ChunkMap
from concatsplit_core.pictures.chunk_picture import PicturedArray, picture_of_chunks
from concatsplit_core.run.options import Options
from concatsplit_core.run.picture_files import refuse_name, write_picture

MOST_ARRAYS = 12
"""Arrays that are drawn, the largest ones; the others are counted."""

MOST_CHUNKS = 1 << 20
"""Chunks of an array that are looked at one by one."""


def draw_chunks(
    refs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    picture: str | os.PathLike[str],
    *,
    force: bool = False,
    raw: str | None = None,
    offset: int = 0,
    follow_links: bool = False,
) -> None:
    """Draw the chunk grids of arrays, with absent chunks, and stored sizes as a heat map.

    Parameters
    ----------
    refs : str, path or sequence of them
        References; a container means all of its arrays.
    picture : path
        The .svg file to write.
    force : bool
        Replace it.
    raw, offset, follow_links
        As in `Options`.

    Raises
    ------
    UsageError
        There is nothing to draw, or the name is not one for a picture.
    ConcatsplitError
        An array cannot be read, or the picture must not be written there.
    """
    refuse_name(picture)
    description = Options(raw=raw, offset=offset).raw_description
    sources: list[Source] = []
    try:
        for ref in [refs] if isinstance(refs, str | os.PathLike) else refs:
            for name in resolve(ref, None, description):
                sources.extend(_opened(name))
        if not sources:
            raise UsageError("--picture: there is no array to draw")
        largest = sorted(range(len(sources)), key=lambda i: -sources[i].spec.nbytes)[:MOST_ARRAYS]
        chosen = [sources[i] for i in sorted(largest)]
        Fingerprints(chosen, follow_links)  # refuses links out of a store
        drawn = [_pictured(source) for source in chosen]
        svg = picture_of_chunks(drawn, len(sources) - len(drawn))
        write_picture(picture, svg, places=(), sources=sources, force=force)
    finally:
        close_all(sources)


def _opened(ref: str) -> Iterator[Source]:
    """The arrays that a reference names; one of many that cannot be read is left out."""
    if ref == STREAM:
        raise UsageError("--picture: a stream has no chunks to draw; give a file")
    form, members = arrays_named(ref)
    expect(form, members)
    for member in members:
        try:
            yield open_member(form, *member)
        except ConcatsplitError:
            if len(members) == 1:
                raise


def _pictured(source: Source) -> PicturedArray:
    spec, codec = source.spec, source.storage.codec
    facts = PicturedArray(
        ref=source.ref,
        dtype=dtype_label(spec.dtype),
        codec="other" if codec is None else str(codec),
        shape=spec.shape,
        nbytes=spec.nbytes,
        stored_bytes=source.stored_bytes(),
        dims=source.storage.meaning.dims or (),
    )
    if spec.chunks is None or not isinstance(source, ChunkedSource):
        return facts
    is_sharded = spec.shards is not None and spec.encoding is None
    unit = spec.shards or spec.chunks if is_sharded else spec.chunks
    facts = facts._replace(chunks=unit, is_sharded=is_sharded)
    found = ChunkMap(spec.shape, unit)
    if found.count > MOST_CHUNKS:
        return facts
    found.add(_stored_sizes(source, is_sharded))
    return facts._replace(chunk_map=found)


def _stored_sizes(source: ChunkedSource, shards: bool) -> Iterator[tuple[Shape, int]]:
    for box, stored in source.stored(Box.whole(source.spec.shape), shards):
        if stored is not None:
            yield box.start, stored.nbytes
