"""Chunks that move between Zarr arrays as they are stored, whatever their codecs are."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
import zarr.codecs as own
import zarr.codecs.numcodecs as foreign
from conformance.arrays import assert_same, make, stacked
from conformance.moves import behind_each_other, compare, cut, join, read, stored
from conformance.zarr_arrays import create, opened

import concatsplit_core as cs

warnings.filterwarnings("ignore", message="Numcodecs codecs are not in the Zarr version 3")
FLAT = np.dtype([("a", "<i2"), ("b", "<f8"), ("c", "S3")])
CHUNKS = (4, 3)

KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    # dtype and what zarr-python is told
    "v2": ("<i4", {"zarr_format": 2}),
    "v2 big endian": (">f8", {"zarr_format": 2}),
    "v2 order F": ("<i4", {"zarr_format": 2, "order": "F"}),
    "v2 structured": (FLAT, {"zarr_format": 2}),
    "v2 lzma": ("<i4", {"zarr_format": 2, "compressors": numcodecs.LZMA(preset=0)}),
    "v2 delta": ("<i4", {"zarr_format": 2, "filters": [numcodecs.Delta("<i4")]}),
    "v2 delta order F": (
        "<i4",
        {"zarr_format": 2, "filters": [numcodecs.Delta("<i4")], "order": "F"},
    ),
    "v2 crc32": ("<i4", {"zarr_format": 2, "compressors": numcodecs.CRC32()}),
    "v2 packed bits": ("?", {"zarr_format": 2, "filters": [numcodecs.PackBits()]}),
    "v2 keys with slashes": (
        "<i4",
        {"zarr_format": 2, "chunk_key_encoding": {"name": "v2", "separator": "/"}},
    ),
    "v2 no fill value": ("<i4", {"zarr_format": 2, "fill_value": None}),
    "v3": ("<f4", {}),
    "v3 gzip": ("<f4", {"compressors": own.GzipCodec(level=2)}),
    "v3 checked": ("<f4", {"compressors": [own.ZstdCodec(level=2), own.Crc32cCodec()]}),
    "v3 big endian": ("<f8", {"serializer": own.BytesCodec(endian="big")}),
    "v3 transposed": ("<i4", {"transposed": True}),
    "v3 structured": (FLAT, {}),
    "v3 text": ("<U4", {}),
    "v3 lz4": ("<i4", {"compressors": foreign.LZ4()}),
    "v3 lzma": ("<i4", {"compressors": foreign.LZMA(preset=0)}),
    "v3 delta": ("<i4", {"filters": [foreign.Delta(dtype="<i4")]}),
    "v3 adler32": ("<i4", {"compressors": foreign.Adler32()}),
    "v3 packed bits": ("?", {"filters": [foreign.PackBits()]}),
    "v3 keys of format 2": ("<i4", {"chunk_key_encoding": {"name": "v2", "separator": "."}}),
    "v3 fill value": ("<f4", {"fill_value": np.float32("nan")}),
}


def inputs(folder: Path, kind: str, shape: tuple[int, ...] = (8, 7)) -> list[str]:
    """Two arrays of a kind."""
    dtype, settings = KINDS[kind]
    refs = []
    for i in range(2):
        refs.append(str(folder / f"in{i}.zarr"))
        create(refs[-1], make(dtype, shape, i), **{"chunks": CHUNKS, **settings})
    return refs


@pytest.mark.parametrize("kind", KINDS)
def test_every_codec_moves_between_arrays_of_one_kind(tmp_path: Path, kind: str) -> None:
    refs = inputs(tmp_path, kind)
    result = join(refs, tmp_path, ".zarr")
    parts = [stored(ref) for ref in refs]
    assert stored(result.outputs[0].ref) == behind_each_other(parts, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_only_chunks_that_straddle_are_decoded(tmp_path: Path, kind: str) -> None:
    ref = inputs(tmp_path, kind)[0]
    itemsize = np.dtype(KINDS[kind][0]).itemsize
    cut(ref, tmp_path, ".zarr", [5], moved=4 * 7 * itemsize)


TRANSPOSED = ("v2 order F", "v2 delta", "v2 delta order F", "v3 transposed", "v3 delta")


@pytest.mark.parametrize("kind", ["v2", "v3", "v3 checked", "v2 structured", *TRANSPOSED])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_stack_and_unstack(tmp_path: Path, kind: str, axis: int) -> None:
    """What the order of the axes, or their number, is part of comes about anew."""
    refs = inputs(tmp_path, kind)
    arrays = [read(ref) for ref in refs]
    whole = stacked(arrays, axis)
    moved = 0 if kind in TRANSPOSED else None

    def stack(name: str, routes: str | None) -> cs.Result:
        out = str(tmp_path / f"{name}.zarr")
        return cs.stack(refs, out, axis=axis, routes=routes, sync=False)

    result = compare(stack, [whole], moved)

    def unstack(name: str, routes: str | None) -> cs.Result:
        out = str(tmp_path / f"{name}-{{index}}.zarr")
        return cs.unstack(result.outputs[0].ref, out, axis=axis, routes=routes, sync=False)

    compare(unstack, np.unstack(whole, axis=axis))


def test_pcodec(tmp_path: Path) -> None:
    pytest.importorskip("pcodec")
    refs = [str(tmp_path / f"{i}.zarr") for i in range(2)]
    for i, ref in enumerate(refs):
        create(ref, make("<i4", (8, 7), i), chunks=CHUNKS, serializer=foreign.PCodec())
    join(refs, tmp_path, ".zarr")


WORDS = np.array(["a", "", "ünï", "w" * 300, "z", "y", "x"], np.dtypes.StringDType())


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("fill", ["", "missing"])
def test_strings_of_any_length(tmp_path: Path, zarr_format: int, fill: str) -> None:
    """Chunks that are absent are the input's fill value, which is what an absent string is."""
    refs = [str(tmp_path / f"{name}.zarr") for name in "ab"]
    for ref in refs:
        array = zarr.create_array(
            ref,
            shape=(8,),
            chunks=(2,),
            dtype=WORDS.dtype,
            fill_value=fill,
            zarr_format=zarr_format,
        )
        array[:3] = WORDS[:3]
    expected = read(refs[0]).tolist()
    assert expected == [*WORDS[:3].tolist(), *[fill] * 5]
    for routes in (None, "decoded"):
        cs.concat(refs, str(tmp_path / "y.zarr"), routes=routes, force=True)
        assert read(tmp_path / "y.zarr").tolist() == expected * 2
    result = cs.concat(refs, str(tmp_path / "y.zarr"), dry_run=True, force=True)
    assert set(result.plan.routes) == {"encoded"}


def test_strings_of_any_length_are_stored_as_they_were(tmp_path: Path) -> None:
    ref = str(tmp_path / "a.zarr")
    create(ref, WORDS, chunks=(2,))
    result = cs.concat([ref, str(tmp_path / "a.zarr")], str(tmp_path / "y.zarr"))
    assert set(result.plan.routes) == {"encoded", "decoded"}
    assert read(tmp_path / "y.zarr").tolist() == WORDS.tolist() * 2
    kept = stored(tmp_path / "y.zarr")
    assert {i: kept[i] for i in ((0,), (1,), (2,))} == {
        i: data for i, data in stored(ref).items() if i != (3,)
    }


def _memory(folder: Path) -> Any:
    return zarr.storage.MemoryStore()


def _zipped(folder: Path) -> Any:
    return zarr.storage.ZipStore(folder / "s.zip", mode="w")


def _local(folder: Path) -> Any:
    return zarr.storage.LocalStore(folder / "s.zarr")


@pytest.mark.parametrize("store", [_memory, _zipped, _local])
@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("path", ["", "group/x"])
@pytest.mark.parametrize("shards", [None, (8, 6)], ids=str)
def test_open_arrays_in_any_store(
    tmp_path: Path, store: Any, zarr_format: int, path: str, shards: Any
) -> None:
    """Shards move as files, chunks from files and memory; others are decoded."""
    if shards and zarr_format == 2:
        return
    array = make("<i4", (8, 7))
    settings = {"chunks": CHUNKS, "shards": shards, "zarr_format": zarr_format}
    place = store(tmp_path)
    made = zarr.create_array(place, name=path or None, data=array, **settings)
    moved = None if store is _local or (store is _memory and not shards) else 0
    join([made, made], tmp_path, ".zarr", arrays=[array, array], moved=moved)
    cut(made, tmp_path, ".zarr", [3], axis=1, array=array, moved=moved)
    place.close()


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_chunks_move_into_a_store_that_is_there(tmp_path: Path, zarr_format: int) -> None:
    store, array = str(tmp_path / "s.zarr"), make("<i4", (8, 7))
    zarr.create_group(store, zarr_format=zarr_format)
    create(f"{store}::x", array, zarr_format=zarr_format, chunks=CHUNKS)
    result = cs.split(f"{store}::x", f"{store}::part{{index}}", at=[4])
    assert set(result.plan.routes) == {"encoded"}
    for index, part in enumerate(np.split(array, [4])):
        assert_same(read(f"{store}::part{index}"), part)
    assert_same(read(f"{store}::x"), array)


@pytest.mark.parametrize(
    ("option", "moved"),
    [
        ({"codec": "zstd:0"}, None),
        ({"codec": "zstd:1"}, 0),
        ({"codec": "none"}, 0),
        ({"chunks": (4, 3)}, None),
        ({"chunks": (8, 3)}, 0),
        ({"dtype": "<f8"}, 0),
        ({"zarr_format": 3}, None),
        ({"zarr_format": 2}, None),
        ({"memory": "4KiB"}, None),
    ],
    ids=str,
)
def test_what_is_asked_for_decides_whether_chunks_can_move(
    tmp_path: Path, option: dict[str, Any], moved: int | None
) -> None:
    ref, array = str(tmp_path / "a.zarr"), make("<f4", (8, 7))
    create(ref, array, chunks=CHUNKS)
    array = array.astype(option.get("dtype", array.dtype))
    result = join([ref], tmp_path, ".zarr", arrays=[array], moved=moved, **option)
    assert opened(result.outputs[0].ref).metadata.zarr_format == option.get("zarr_format", 3)
    assert bool(result.plan.reasons) == (moved == 0)


def test_a_payload_of_nan_that_metadata_cannot_keep(tmp_path: Path) -> None:
    """Absent chunks, and chunks absent from a shard, are written where their value is lost."""
    for name, shards in (("plain", None), ("sharded", (4, 4))):
        ref = str(tmp_path / f"{name}.zarr")
        array = zarr.create_array(
            ref, shape=(8, 8), chunks=(2, 2), shards=shards, dtype="<f4", fill_value=0.0
        )
        array[:2, :2] = 1
        document = Path(ref, "zarr.json")
        metadata = json.loads(document.read_bytes()) | {"fill_value": "0x7fc12345"}
        document.write_text(json.dumps(metadata))
        expected = read(ref)
        for routes in (None, "decoded"):
            cs.concat([ref], str(tmp_path / "y.zarr"), routes=routes, force=True)
            assert_same(read(tmp_path / "y.zarr"), expected)


ROUNDING = {
    "v2 scaled": (2, numcodecs.FixedScaleOffset(offset=0, scale=10, dtype="<f8", astype="u1")),
    "v2 digits": (2, numcodecs.Quantize(1, "<f8")),
    "v2 narrower": (2, numcodecs.AsType("<f4", "<f8")),
    "v2 differences": (2, numcodecs.Delta("<f8")),
    "v2 short differences": (2, numcodecs.Delta("<f8", astype="<f4")),
    "v3 bits": (3, foreign.BitRound(keepbits=4)),
}


@pytest.mark.parametrize("kind", ROUNDING)
def test_a_codec_that_rounds_gets_no_elements_to_encode(tmp_path: Path, kind: str) -> None:
    zarr_format, codec = ROUNDING[kind]
    rounded = zarr.create_array(
        tmp_path / "a.zarr",
        shape=8,
        chunks=4,
        dtype="<f8",
        filters=[codec],
        zarr_format=zarr_format,  # type: ignore[arg-type]
    )
    rounded[:] = np.arange(8) / 7
    other = np.array([3000.789, -5.55, 1 / 3])
    np.save(tmp_path / "b.npy", other)
    refs = [str(tmp_path / name) for name in ("a.zarr", "b.npy")]
    cs.concat(refs, str(tmp_path / "mixed.zarr"))
    np.testing.assert_array_equal(
        read(tmp_path / "mixed.zarr"), np.concatenate([rounded[:], other])
    )
    whole = cs.concat([refs[0]] * 2, str(tmp_path / "whole.zarr"))
    assert whole.to_dict()["routes"]["encoded"] == 128
    assert zarr.open_array(tmp_path / "whole.zarr").filters == rounded.filters
