"""Rectilinear grids as regions: complete, of whole chunks, those of the inputs where it can be."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from concatsplit_core.array.geometry import Interval, tile
from concatsplit_core.array.layouts import Chunked, Contiguous
from concatsplit_core.array.regions import is_regular, regions_of
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.array.tiling import Segment, Tiling

inputs = st.lists(
    st.tuples(st.integers(0, 30), st.one_of(st.none(), st.integers(1, 9))), min_size=1
)


def tiling(rows: list[tuple[int, int | None]]) -> Tiling:
    """Inputs of these lengths and chunk lengths along the only axis."""
    intervals = tile([length for length, _ in rows])
    segments = []
    for interval, (length, chunk) in zip(intervals, rows, strict=True):
        layout = Contiguous() if chunk is None else Chunked((chunk,))
        segments.append(Segment(interval, ArraySpec((length,), np.dtype("u1"), layout)))
    return Tiling(0, tuple(segments))


@given(inputs, st.integers(1, 9), st.data())
def test_regions_cover_an_output_with_whole_chunks(
    rows: list[tuple[int, int | None]], usual: int, data: st.DataObject
) -> None:
    total = sum(length for length, _ in rows)
    start, stop = sorted(data.draw(st.tuples(st.integers(0, total), st.integers(0, total))))
    regions = regions_of(Interval(start, stop), usual, tiling(rows))
    at = start
    for region in regions:
        assert region.interval.start == at
        assert region.interval.length > 0
        assert region.interval.length % region.chunk == 0
        at = region.interval.stop
    assert at == stop
    assert all(a.chunk != b.chunk for a, b in pairwise(regions))


@given(inputs, st.integers(1, 9))
def test_every_whole_chunk_of_an_input_is_a_chunk(
    rows: list[tuple[int, int | None]], usual: int
) -> None:
    sources = tiling(rows)
    total = sum(length for length, _ in rows)
    edges = {0}
    for region in regions_of(Interval(0, total), usual, sources):
        edges.update(range(region.interval.start, region.interval.stop + 1, region.chunk))
    for segment, (length, chunk) in zip(sources.segments, rows, strict=True):
        step = chunk or usual
        for first in range(0, length - step + 1, step):
            assert segment.interval.start + first in edges
            assert segment.interval.start + first + step in edges


@given(inputs, st.integers(1, 9))
def test_what_is_called_regular_is(rows: list[tuple[int, int | None]], usual: int) -> None:
    total = sum(length for length, _ in rows)
    regions = regions_of(Interval(0, total), usual, tiling(rows))
    lengths = [r.chunk for r in regions for _ in range(r.interval.length // r.chunk)]
    regular = len(set(lengths[:-1])) <= 1 and (not lengths or lengths[-1] <= lengths[0])
    assert is_regular(regions) == regular
