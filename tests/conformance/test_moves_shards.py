"""Whole shards that move, chunks that move out of shards and into new ones, and shards of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
import zarr.codecs as own
from conformance.arrays import assert_same, concatenated, make, stacked
from conformance.moves import behind_each_other, compare, cut, join, read, stored
from conformance.zarr_arrays import create, opened

import concatsplit_core as cs
from concatsplit_core.array.layouts import Chunked, Sharded
from concatsplit_core.formats.zarr import ZarrFormat

CHUNKS = (4, 3)
SHARDS = (8, 6)
AT_START = {"shape": SHARDS, "index_location": "start"}
Wanted = Callable[[tuple[int, ...] | None], None]


@pytest.fixture
def wanted(monkeypatch: pytest.MonkeyPatch) -> Wanted:
    """Sets the shard shape of outputs, which else is that of the inputs."""
    original = ZarrFormat.layout

    def want(shards: tuple[int, ...] | None) -> None:
        def layout(form: ZarrFormat, spec: Any, inherited: Any, wish: Any, like: Any) -> Any:
            if like is not None:
                chunks = like.chunks
                lies = Chunked(chunks) if shards is None else Sharded(shards, chunks)
                like = replace(like, layout=lies)
            return original(form, spec, inherited, wish, like)

        monkeypatch.setattr(ZarrFormat, "layout", layout)

    return want


def inputs(folder: Path, *shapes: tuple[int, ...], **settings: Any) -> list[str]:
    """Arrays of numbers, in shards where nothing else is said."""
    refs = []
    for i, shape in enumerate(shapes):
        refs.append(str(folder / f"in{i}.zarr"))
        create(refs[-1], make("<i4", shape, i), **{"chunks": CHUNKS, "shards": SHARDS, **settings})
    return refs


def shards_of(result: cs.Result) -> set[Any]:
    return {opened(blob.ref).shards for blob in result.outputs}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"compressors": None},
        {"compressors": [own.ZstdCodec(), own.Crc32cCodec()]},
        {"shards": {"shape": SHARDS, "index_codecs": [own.BytesCodec()]}},
        {"fill_value": 9},
    ],
    ids=["zstd", "none", "checked", "index without a checksum", "fill value"],
)
def test_shards_move(tmp_path: Path, settings: dict[str, Any]) -> None:
    refs = inputs(tmp_path, (16, 13), (13, 13), **settings)
    result = join(refs, tmp_path, ".zarr")
    assert shards_of(result) == {SHARDS}
    if "index_codecs" not in settings.get("shards", ()):
        parts = [stored(ref) for ref in refs]
        assert stored(result.outputs[0].ref) == behind_each_other(parts, 2)
    cut(refs[0], tmp_path, ".zarr", [8])
    cut(refs[0], tmp_path, ".zarr", [6], axis=1, force=True)


def test_an_index_in_another_place_is_put_together_anew(tmp_path: Path) -> None:
    refs = inputs(tmp_path, (16, 13), (13, 13), shards=AT_START)
    result = join(refs, tmp_path, ".zarr")
    assert shards_of(result) == {SHARDS}
    assert stored(result.outputs[0].ref)[0, 0] != stored(refs[0])[0, 0]


OTHERS = {"fewer chunks": (4, 6), "more chunks": (16, 12), "across": (4, 12), "one each": (4, 3)}


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("here", [SHARDS, None, AT_START], ids=["sharded", "plain", "start"])
@pytest.mark.parametrize("axis", [0, 1])
def test_chunks_move_into_other_shards(
    tmp_path: Path, wanted: Wanted, kind: str, here: Any, axis: int
) -> None:
    shapes = [[12, 9], [12, 9]]
    shapes[1][axis] += 2
    refs = inputs(tmp_path, *map(tuple, shapes), shards=here)
    wanted(OTHERS[kind])
    result = join(refs, tmp_path, ".zarr", axis)
    assert shards_of(result) == {OTHERS[kind]}


@pytest.mark.parametrize("axis", [0, 1])
def test_chunks_move_out_of_shards(tmp_path: Path, wanted: Wanted, axis: int) -> None:
    refs = inputs(tmp_path, (8, 6), (10, 6) if axis == 0 else (8, 8))
    wanted(None)
    result = join(refs, tmp_path, ".zarr", axis)
    assert shards_of(result) == {None}


def test_shards_and_plain_chunks_join_in_plain_chunks(tmp_path: Path) -> None:
    refs = inputs(tmp_path, (8, 7))
    create(str(tmp_path / "plain.zarr"), make("<i4", (8, 7), 5), chunks=CHUNKS)
    result = join([*refs, str(tmp_path / "plain.zarr"), *refs], tmp_path, ".zarr")
    assert shards_of(result) == {None}
    assert {blob.chunks for blob in result.outputs} == {CHUNKS}


@pytest.mark.parametrize("memory", ["8KiB", "256MiB"])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_join_off_the_shards(tmp_path: Path, axis: int, memory: str) -> None:
    """The first input is no whole number of shards long, but of chunks."""
    shapes = ((20, 9), (12, 9), (13, 9)) if axis == 0 else ((9, 15), (9, 9), (9, 10))
    refs = inputs(tmp_path, *shapes)
    result = join(refs, tmp_path, ".zarr", axis, memory=memory)
    assert shards_of(result) == {SHARDS}


@pytest.mark.parametrize("memory", ["8KiB", "256MiB"])
@pytest.mark.parametrize("here", [SHARDS, None], ids=["sharded", "plain"])
def test_shards_of_chunks_that_move_and_chunks_that_do_not(
    tmp_path: Path, wanted: Wanted, memory: str, here: Any
) -> None:
    """The second input ends inside a chunk; the fourth lies on the grid again, inside a shard."""
    refs = inputs(tmp_path, (4, 9), (2, 9), (6, 9), (9, 9), shards=here)
    wanted(SHARDS)
    moved = (4 + 9) * 9 * 4
    result = join(refs, tmp_path, ".zarr", moved=moved, memory=memory)
    assert result.plan.routes["decoded"] == 8 * 9 * 4
    assert shards_of(result) == {SHARDS}
    assert any(task.copies and task.reads for task in result.plan.tasks())


@pytest.mark.parametrize("at", [[8], [4], [4, 8, 12], [2, 8], [5], [3, 4]], ids=str)
def test_cuts(tmp_path: Path, at: list[int]) -> None:
    """On shards, on chunks and through them."""
    (ref,) = inputs(tmp_path, (19, 9))
    edges = [0, *at, 19]
    moved = 0
    for a, b in pairwise(edges):
        if a % 4 == 0:
            moved += (b - a if b == 19 else (b - a) // 4 * 4) * 9 * 4
    cut(ref, tmp_path, ".zarr", at, moved=moved)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_stack_and_unstack(tmp_path: Path, axis: int) -> None:
    refs = inputs(tmp_path, (12, 9), (12, 9))
    whole = stacked([read(ref) for ref in refs], axis)

    def stack(name: str, routes: str | None) -> cs.Result:
        out = str(tmp_path / f"{name}.zarr")
        return cs.stack(refs, out, axis=axis, routes=routes, sync=False)

    result = compare(stack, [whole])

    def unstack(name: str, routes: str | None) -> cs.Result:
        out = str(tmp_path / f"{name}-{{index}}.zarr")
        return cs.unstack(result.outputs[0].ref, out, axis=axis, routes=routes, sync=False)

    compare(unstack, np.unstack(whole, axis=axis))


FILLS = {"agree": (7, 7), "differ": (0, 7), "are both others": (3, 7)}


@pytest.mark.parametrize("fills", FILLS)
@pytest.mark.parametrize("here", [SHARDS, AT_START, None], ids=["sharded", "start", "plain"])
@pytest.mark.parametrize("there", [SHARDS, (4, 6), None], ids=["as they are", "smaller", "none"])
def test_absent_chunks(tmp_path: Path, wanted: Wanted, fills: str, here: Any, there: Any) -> None:
    """Of three shards of each input one is whole, one holds one chunk, and one is absent."""
    refs = []
    for i, fill in enumerate(FILLS[fills]):
        refs.append(str(tmp_path / f"{i}.zarr"))
        array = np.full((24, 6), fill, "<i4")
        array[:8] = make("<i4", (8, 6), i)
        array[12:16, :3] = make("<i4", (4, 3), i)
        create(refs[-1], array, chunks=CHUNKS, shards=here, fill_value=fill)
    wanted(there)
    result = join(refs, tmp_path, ".zarr")
    kept = stored(result.outputs[0].ref)
    rows = {index[0] * (there or CHUNKS)[0] // 8 for index in kept}
    assert rows == ({0, 1, 3, 4} if fills == "agree" else _written(fills))
    assert_same(read(result.outputs[0].ref), concatenated([read(ref) for ref in refs], 0))


def _written(fills: str) -> set[int]:
    """Rows of shards that hold something; where fills differ the output's own is 0."""
    absent = {2} if FILLS[fills][0] == 0 else set()
    return set(range(6)) - absent


def test_shards_that_are_all_absent(tmp_path: Path) -> None:
    for fill in (0, 5):
        ref = str(tmp_path / f"{fill}.zarr")
        zarr.create_array(
            ref, shape=(16, 9), chunks=CHUNKS, shards=SHARDS, dtype="<i4", fill_value=fill
        )
        result = join([ref, ref], tmp_path, ".zarr", force=True)
        assert stored(result.outputs[0].ref) == {}


@pytest.mark.parametrize("userblock", [0, 512])
@pytest.mark.parametrize("shards", [(8, 6), (4, 9)], ids=str)
def test_chunks_of_hdf5_move_into_shards(
    tmp_path: Path, wanted: Wanted, userblock: int, shards: tuple[int, int]
) -> None:
    """All but one, which skipped its filter, and those that are absent."""
    refs = []
    for i in range(2):
        refs.append(f"{tmp_path / f'{i}.h5'}::x")
        with h5py.File(tmp_path / f"{i}.h5", "w", userblock_size=userblock) as file:
            made = file.create_dataset("x", (12, 9), "<i4", chunks=CHUNKS, compression="gzip")
            made[:8] = make("<i4", (8, 9), i)
            made.id.write_direct_chunk((8, 3), make("<i4", CHUNKS, 7).tobytes(), 1)
    wanted(shards)
    result = join(refs, tmp_path, ".zarr", codec="zlib:4")
    assert shards_of(result) == {shards}
    with h5py.File(tmp_path / "0.h5") as file:
        inputs = {"arrays": [read(refs[0])], "codec": "zlib:4"}
        join([file["x"]], tmp_path, ".zarr", force=True, **inputs)
