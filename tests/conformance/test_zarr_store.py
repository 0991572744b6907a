"""Zarr beyond one array: fill values, groups, dimension names, metadata, and what is inherited."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numcodecs
import numpy as np
import pytest
import zarr
import zarr.codecs as own
from conformance.arrays import SUBARRAY, assert_same, concatenated, make, tree_bytes
from conformance.zarr_arrays import create, opened, read

import concatsplit_core as cs
from concatsplit_core.foundation.errors import (
    AmbiguousContainer,
    InputUnavailable,
    UnsupportedDtype,
    UsageError,
)

NAN = np.array(0x7FC12345, "<u4").view("<f4")[()]
FILLS = [np.float32("nan"), NAN, np.float32("-0.0"), np.float32("inf"), np.float32(2.5)]
FILL_NAMES = ["nan", "nan-payload", "negative-zero", "inf", "2.5"]
KINDS = [{"zarr_format": 2}, {"zarr_format": 3}, {"zarr_format": 3, "shards": (8, 6)}]
KIND_NAMES = ["v2", "v3", "sharded"]


@pytest.mark.parametrize("kind", KINDS, ids=KIND_NAMES)
@pytest.mark.parametrize("fill", FILLS, ids=FILL_NAMES)
def test_absent_chunks(tmp_path: Path, fill: np.float32, kind: dict) -> None:
    refs = []
    for name in ("a", "b"):
        refs.append(str(tmp_path / f"{name}.zarr"))
        create(refs[-1], np.empty((0, 7), "<f4"), fill_value=fill, chunks=(4, 3), **kind)
        array = zarr.open_array(refs[-1], mode="a")
        array.resize((13, 7))
        array[4:8, 3:6] = make("<f4", (4, 3))
    expected = concatenated([read(ref) for ref in refs], 1)
    out = str(tmp_path / "out.zarr")
    cs.concat(refs, out, axis=1)
    assert_same(read(out), expected)
    cs.concat(refs, str(tmp_path / "out.npy"), axis=1)
    assert_same(np.load(tmp_path / "out.npy"), expected)


@pytest.mark.parametrize("kind", KINDS, ids=KIND_NAMES)
@pytest.mark.parametrize("value", FILLS, ids=FILL_NAMES)
def test_values_next_to_the_fill_value(tmp_path: Path, value: np.float32, kind: dict) -> None:
    """A chunk is left out only where its very bytes are those the metadata stand for."""
    for fill in FILLS:
        ref = str(tmp_path / f"{FILLS.index(fill)}.zarr")
        create(ref, make("<f4", (8, 6)), fill_value=fill, chunks=(4, 3), **kind)
        whole = np.full((8, 6), value, "<f4")
        out = tmp_path / f"out{FILLS.index(fill)}.zarr"
        cs.concat([whole], str(tmp_path / "in.npy"), force=True)
        cs.concat([ref, str(tmp_path / "in.npy")], str(out))
        assert_same(read(out), concatenated([read(ref), whole], 0))


def files_of(path: Path) -> set[str]:
    return {name for name in tree_bytes(path) if not name.endswith((".json", ".zarray", ".zattrs"))}


@pytest.mark.parametrize("kind", KINDS, ids=KIND_NAMES)
def test_absent_chunks_stay_absent(tmp_path: Path, kind: dict) -> None:
    ref = str(tmp_path / "a.zarr")
    array = np.zeros((16, 12), "<i2")
    array[0, 0] = 1
    create(ref, array, chunks=(4, 3), **kind)
    cs.concat([ref, ref], str(tmp_path / "out.zarr"))
    assert len(files_of(tmp_path / "out.zarr")) == 2


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_fill_value_is_inherited_where_inputs_agree(tmp_path: Path, zarr_format: int) -> None:
    for name, fill in (("a", -1.5), ("b", -1.5), ("c", 4.0)):
        create(
            str(tmp_path / f"{name}.zarr"),
            make("<f4", (8, 6)),
            fill_value=fill,
            chunks=(4, 3),
            zarr_format=zarr_format,
        )
    paths = [str(tmp_path / f"{name}.zarr") for name in "abc"]
    cs.concat(paths[:2], str(tmp_path / "same.zarr"))
    assert opened(tmp_path / "same.zarr").fill_value == -1.5
    cs.concat(paths, str(tmp_path / "differ.zarr"))
    assert opened(tmp_path / "differ.zarr").fill_value == (None if zarr_format == 2 else 0)


def test_dimension_names(tmp_path: Path) -> None:
    refs = [str(tmp_path / f"{name}.zarr") for name in "ab"]
    for ref in refs:
        create(ref, make("<f4", (4, 3)), dimension_names=["time", None])
    for operator, axis, expected in (
        (cs.concat, 0, ("time", None)),
        (cs.stack, 1, ("time", None, None)),
        (cs.stack, 0, (None, "time", None)),
    ):
        operator(refs, str(tmp_path / "out.zarr"), axis=axis, force=True)
        assert opened(tmp_path / "out.zarr").metadata.dimension_names == expected
    result = cs.unstack(refs[0], str(tmp_path / "part{index}.zarr"), axis=1)
    assert [opened(b.ref).metadata.dimension_names for b in result.outputs] == [("time",)] * 3


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("consolidated", [False, True])
def test_nested_groups(tmp_path: Path, zarr_format: int, consolidated: bool) -> None:
    store = str(tmp_path / "a.zarr")
    arrays = {"x": make("<f4", (4, 3), 1), "g/h/y": make("<f4", (5, 3), 2)}
    zarr.create_group(store=store, zarr_format=zarr_format)
    for name, array in arrays.items():
        create(f"{store}::{name}", array, zarr_format=zarr_format)
    if consolidated:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            zarr.consolidate_metadata(store)
    cs.concat([f"{store}::x", f"{store}/g/h/y"], str(tmp_path / "out.npy"))
    assert_same(np.load(tmp_path / "out.npy"), concatenated(list(arrays.values()), 0))
    with pytest.raises(AmbiguousContainer, match=r"g/h/y.*x"):
        cs.concat([store], str(tmp_path / "no.npy"))
    with pytest.raises(InputUnavailable, match=r"no array 'g/z'"):
        cs.concat([f"{store}::g/z"], str(tmp_path / "no.npy"))
    assert [blob.ref for blob in cs.info(store)] == [f"{store}::g/h/y", f"{store}::x"]


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("style", ["::", "/"])
def test_members_as_outputs(tmp_path: Path, zarr_format: int, style: str) -> None:
    array = make("<i4", (6, 4))
    store = tmp_path / "new.zarr"
    cs.split(
        array, f"{store}{style}train/part{{index}}", parts=3, zarr_format=zarr_format, chunks=(2, 2)
    )
    group = zarr.open_group(str(store), mode="r")
    assert group.metadata.zarr_format == zarr_format
    assert sorted(group["train"].array_keys()) == ["part0", "part1", "part2"]
    cs.concat([array], f"{store}{style}later/whole")
    assert_same(read(f"{store}::later/whole"), array)
    assert_same(read(f"{store}::train/part2"), array[4:])


def test_consolidated_store_knows_a_member_added_later(tmp_path: Path) -> None:
    store = str(tmp_path / "a.zarr")
    zarr.create_group(store=store, zarr_format=2)
    create(f"{store}::x", make("<f4", (4, 3)), zarr_format=2)
    zarr.consolidate_metadata(store)
    cs.concat([f"{store}::x"] * 2, f"{store}::y")
    assert sorted(zarr.open_group(store, mode="r").array_keys()) == ["x", "y"]


AGREE = {"chunks": (4, 3), "compressors": own.GzipCodec(level=6)}


@pytest.mark.parametrize(
    ("kinds", "wanted"),
    [
        ([AGREE, AGREE], {"chunks": (4, 3), "shards": None, "codec": ["bytes", "gzip"]}),
        ([{**AGREE, "shards": (8, 6)}] * 2, {"chunks": (4, 3), "shards": (8, 6)}),
        ([{"chunks": (4, 3), "compressors": None}] * 2, {"codec": ["bytes"]}),
        ([AGREE, {"chunks": (5, 2), "compressors": own.GzipCodec(level=6)}], {"shards": None}),
        ([AGREE, {"chunks": (4, 3)}], {"chunks": (4, 3)}),
        (
            [{"chunks": (4, 3), "serializer": own.BytesCodec(endian="big")}] * 2,
            {"codec": ["bytes", "zstd"]},
        ),
    ],
    ids=["gzip", "sharded", "stored", "chunks differ", "codecs differ", "big endian"],
)
def test_layout_is_the_inputs(tmp_path: Path, kinds: list, wanted: dict) -> None:
    refs = []
    for i, kind in enumerate(kinds):
        refs.append(str(tmp_path / f"{i}.zarr"))
        create(refs[-1], make("<i4", (8, 9), i), **kind)
    out = tmp_path / "out.zarr"
    cs.concat(refs, str(out))
    found = opened(out)
    codecs = json.loads((out / "zarr.json").read_text())["codecs"]
    facts = {
        "chunks": found.chunks,
        "shards": found.shards,
        "codec": [codec["name"] for codec in codecs],
    }
    assert {key: facts[key] for key in wanted} == wanted
    assert_same(read(out), concatenated([read(ref) for ref in refs], 0))


@pytest.mark.parametrize(
    ("option", "wanted"),
    [
        ({"zarr_format": 2}, {"chunks": (4, 3), "format": 2}),
        ({"chunks": (2, 9)}, {"chunks": (2, 9), "format": 3}),
        ({"chunks": "auto"}, {"chunks": (4, 3)}),
        ({"codec": "none"}, {"compressors": 0}),
        ({"codec": "zstd:5"}, {"compressors": 1}),
        ({"codec": "zstd:5+crc32c"}, {"compressors": 2}),
        ({"codec": "gzip:1", "zarr_format": 2}, {"compressors": 1}),
        ({"codec": "lz4"}, {"compressors": 1}),
        ({"codec": "bz2:1", "zarr_format": 2}, {"compressors": 1}),
        ({"codec": "blosc:zstd:5:bitshuffle"}, {"compressors": 1}),
        ({"codec": "shuffle+gzip"}, {"compressors": 2}),
        ({"codec": "shuffle+zlib:2", "zarr_format": 2}, {"compressors": 1}),
    ],
    ids=str,
)
def test_options(tmp_path: Path, option: dict, wanted: dict) -> None:
    ref, out = str(tmp_path / "a.zarr"), tmp_path / "out.zarr"
    array = make("<i4", (8, 9))
    create(ref, array, chunks=(4, 3))
    cs.concat([ref], str(out), **option)
    found = opened(out)
    facts = {
        "chunks": found.chunks,
        "format": found.metadata.zarr_format,
        "compressors": len(found.compressors),
    }
    assert {key: facts[key] for key in wanted} == wanted
    assert_same(read(out), array)


@pytest.mark.parametrize(
    "option",
    [
        {"chunks": "none"},
        {"chunks": (3,)},
        {"codec": "lzf"},
        {"checksum": "fletcher32", "zarr_format": 3},
        {"zarr_format": 4},
    ],
    ids=str,
)
def test_options_that_do_not_fit(tmp_path: Path, option: dict) -> None:
    with pytest.raises(UsageError):
        cs.concat([make("<i4", (8, 9))], str(tmp_path / "out.zarr"), **option)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_subarray_dtype_is_refused(tmp_path: Path, zarr_format: int) -> None:
    with pytest.raises(UnsupportedDtype):
        cs.concat([make(SUBARRAY, (4,))], str(tmp_path / "out.zarr"), zarr_format=zarr_format)
    assert list(tmp_path.iterdir()) == []


def test_open_arrays_as_inputs(tmp_path: Path) -> None:
    array = make("<f4", (9, 8))
    create(str(tmp_path / "a.zarr"), array)
    memory = zarr.create_array(store=zarr.storage.MemoryStore(), data=array, chunks=(4, 4))
    cs.concat([opened(tmp_path / "a.zarr"), memory], str(tmp_path / "out.npy"), axis=1, jobs=2)
    assert_same(np.load(tmp_path / "out.npy"), concatenated([array, array], 1))


@pytest.mark.parametrize("kind", KINDS, ids=KIND_NAMES)
def test_strings_of_any_length(tmp_path: Path, kind: dict) -> None:
    words = np.array(["", "ünï", "a\nb", "w" * 300, "z"] * 3, np.dtypes.StringDType())
    ref = str(tmp_path / "a.zarr")
    settings = {k: v[:1] if k == "shards" else v for k, v in kind.items()}
    create(ref, words, chunks=(4,), **settings)
    cs.concat([ref, ref], str(tmp_path / "out.zarr"), memory="64KiB")
    assert read(tmp_path / "out.zarr").tolist() == words.tolist() * 2
    cs.stack([ref, ref], str(tmp_path / "out.h5"), axis=1)
    cs.unstack(str(tmp_path / "out.h5"), str(tmp_path / "col{index}.zarr"), axis=1)
    assert read(tmp_path / "col1.zarr").tolist() == words.tolist()
    with pytest.raises(UnsupportedDtype, match="variable-length strings"):
        cs.concat([ref], str(tmp_path / "out.npy"))
    assert not (tmp_path / "out.npy").exists()


def test_filters_of_format_2_become_those_of_format_3(tmp_path: Path) -> None:
    ref = str(tmp_path / "a.zarr")
    array = make("<i4", (8, 9))
    create(ref, array, zarr_format=2, filters=[numcodecs.Shuffle(4)], compressors=numcodecs.Zlib(2))
    cs.concat([ref], str(tmp_path / "out.zarr"), zarr_format=3)
    assert_same(read(tmp_path / "out.zarr"), array)
    cs.concat([ref], str(tmp_path / "out.h5"))
    cs.concat([str(tmp_path / "out.h5")], str(tmp_path / "back.zarr"), zarr_format=2)
    assert_same(read(tmp_path / "back.zarr"), array)
