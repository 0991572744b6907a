"""The HDF5 format against h5py: layouts, filters, types, fill values, attributes, strings."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import h5py
import hdf5plugin
import numpy as np
import pytest
from conformance.arrays import (
    BYTES,
    NESTED,
    NUMBERS,
    PADDED,
    SUBARRAY,
    SWAPPED,
    TIMES,
    Row,
    assert_same,
    concatenated,
    make,
)
from conformance.base import FormatConformance
from conformance.dumped import check_with_h5dump

import concatsplit_core as cs
from concatsplit_core.foundation.errors import UnsupportedDtype, UsageError

SHUFFLED_GZIP = {"compression": "gzip", "compression_opts": 6, "shuffle": True}


def create(
    ref: str,
    array: np.ndarray,
    *,
    compact: bool = False,
    attributes: dict | None = None,
    **settings: object,
) -> None:
    """Create a dataset; zero-length chunks are not allowed, so chunks are clipped."""
    path, _, member = ref.partition("::")
    dtype = h5py.opaque_dtype(array.dtype) if array.dtype.kind in "mM" else array.dtype
    chunks = settings.get("chunks")
    if chunks is not None:
        clipped = zip(chunks, array.shape, strict=False)
        settings["chunks"] = tuple(min(c, max(1, n)) for c, n in clipped)
        settings.setdefault("maxshape", (None,) * array.ndim)
        if array.ndim == 0 or (not array.size and settings["maxshape"] is None):
            settings = {}
    with h5py.File(path, "a") as file:
        if compact and array.ndim and array.nbytes < 60000:
            dcpl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            dcpl.set_layout(h5py.h5d.COMPACT)
            space = h5py.h5s.create_simple(array.shape)
            parent, _, name = member.rpartition("/")
            group = file.require_group(parent or "/")
            kind = h5py.h5t.py_create(dtype, logical=True)
            dataset = h5py.Dataset(h5py.h5d.create(group.id, name.encode(), kind, space, dcpl))
        else:
            dataset = file.create_dataset(member, array.shape, dtype, **settings)
        if array.size:
            dataset[...] = array.view(dtype)  # a copy would lose what lies between fields
        dataset.attrs.update(attributes or {})


def read(ref: str) -> np.ndarray:
    path, _, member = ref.partition("::")
    with h5py.File(path) as file:
        return np.asarray(file[member or "data"][...])


class TestHdf5(FormatConformance):
    """Written and read by h5py."""

    output = ".h5"
    member = "data"
    attributes = True
    dtypes: ClassVar[tuple] = (
        *NUMBERS,
        *SWAPPED,
        *TIMES,
        *BYTES,
        NESTED,
        SUBARRAY,
        PADDED,
        "S1",
        "V7",
    )
    layouts: ClassVar[tuple] = (
        Row("contiguous"),
        Row("compact", compact=True),
        Row("chunked", chunks=(4, 4, 3)),
        Row("short chunks", chunks=(1, 1, 9)),
        Row("large chunks", chunks=(12, 12, 9)),
        Row("gzip", chunks=(4, 5, 3), compression="gzip"),
        Row("shuffle+gzip big endian", ">i4", chunks=(4, 4, 3), **SHUFFLED_GZIP),
        Row("lzf", "<i8", chunks=(4, 4, 3), compression="lzf", shuffle=True),
        Row("fletcher32", "<i2", chunks=(4, 4, 3), fletcher32=True),
        Row("fletcher32 odd", "u1", chunks=(3, 5, 1), fletcher32=True),
        Row("all built in", chunks=(4, 4, 3), fletcher32=True, **SHUFFLED_GZIP),
        Row("scale-offset", "<i4", chunks=(4, 4, 3), scaleoffset=0),
        Row("structured gzip", NESTED, chunks=(4, 4, 3), **SHUFFLED_GZIP),
        Row("boolean gzip", "?", chunks=(4, 4, 3), compression="gzip"),
        Row("complex gzip", "<c16", chunks=(4, 4, 3), compression="gzip"),
        Row("bytes gzip", "S5", chunks=(4, 4, 3), compression="gzip"),
        Row("zstd", chunks=(4, 4, 3), compression=hdf5plugin.Zstd(clevel=3)),
        Row("lz4", chunks=(4, 4, 3), compression=hdf5plugin.LZ4()),
        Row("bitshuffle", chunks=(4, 4, 3), compression=hdf5plugin.Bitshuffle()),
        Row(
            "bitshuffle zstd",
            chunks=(4, 4, 3),
            compression=hdf5plugin.Bitshuffle(cname="zstd"),
        ),
        Row("blosc", chunks=(4, 4, 3), compression=hdf5plugin.Blosc()),
        Row(
            "blosc zstd bitshuffle",
            "<u2",
            chunks=(4, 4, 3),
            compression=hdf5plugin.Blosc("zstd", 7, hdf5plugin.Blosc.BITSHUFFLE),
        ),
        Row("blosc2", chunks=(4, 4, 3), compression=hdf5plugin.Blosc2()),
        Row("bzip2", chunks=(4, 4, 3), compression=hdf5plugin.BZip2()),
        Row("fixed shape", chunks=(4, 4, 3), maxshape=None),
        Row("fill value", chunks=(4, 4, 3), fillvalue=-1.5),
    )

    def write(self, path: Path, array: np.ndarray, layout: Row) -> str:
        ref = f"{path.with_suffix('.h5')}::/group/deep/x"
        create(ref, array, **layout.settings)
        return ref

    def read(self, ref: str) -> np.ndarray:
        array = read(ref)
        if Path(ref).name in {"out.h5", "first.h5"}:  # a process each: not for every part
            check_with_h5dump(ref, "data", array)
        return array

    def read_attributes(self, ref: str) -> dict:
        path, _, member = ref.partition("::")
        with h5py.File(path) as file:
            attrs = file[member or "data"].attrs
            return {k: v.tolist() if hasattr(v, "tolist") else v for k, v in attrs.items()}


def dataset_of(path: Path, member: str = "data") -> dict:
    """What h5py says of how a dataset is kept."""
    with h5py.File(path) as file:
        found = file[member]
        return {
            "chunks": found.chunks,
            "compression": found.compression,
            "opts": found.compression_opts,
            "shuffle": found.shuffle,
            "fletcher32": found.fletcher32,
            "filters": [
                found.id.get_create_plist().get_filter(i)[0]
                for i in range(found.id.get_create_plist().get_nfilters())
            ],
            "fill": np.asarray(found.fillvalue).tobytes() if found.dtype.kind != "O" else None,
            "stored": found.id.get_storage_size(),
        }


SPECIAL = np.array([0x7FC12345], "<u4").view("<f4")[0]


@pytest.mark.parametrize("fill", [SPECIAL, np.float32("-0.0"), np.float32(2.5)], ids=str)
@pytest.mark.parametrize("suffix", [".h5", ".npy", ".zarr"])
def test_unallocated_chunks(tmp_path: Path, fill: np.float32, suffix: str) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        for name in ("x", "y"):
            made = file.create_dataset(
                name, (10, 7), "<f4", chunks=(4, 3), fillvalue=fill, compression="gzip"
            )
            made[4:8, 3:6] = make("<f4", (4, 3))
        expected = concatenated([file["x"][()], file["y"][()]], 0)
    out = tmp_path / f"out{suffix}"
    cs.concat([f"{path}::x", f"{path}::y"], str(out))
    back = tmp_path / "back.npy"
    cs.concat([str(out)], str(back))
    assert_same(np.load(back), expected)
    if suffix == ".h5":
        assert dataset_of(out)["fill"] == fill.tobytes()


def test_unallocated_contiguous(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", (5, 4), "<i4", fillvalue=7)
    cs.concat([str(tmp_path / "a.h5")] * 2, str(tmp_path / "out.npy"), axis=1)
    assert_same(np.load(tmp_path / "out.npy"), np.full((5, 8), 7, "<i4"))


def test_fill_chunks_stay_unallocated(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        made = file.create_dataset("x", (100, 100), "<f4", chunks=(10, 10), fillvalue=3)
        made[0:10, 0:10] = 1
    cs.concat([str(path)] * 2, str(tmp_path / "out.h5"))
    assert dataset_of(tmp_path / "out.h5")["stored"] == 2 * 400


def test_enum_travels(tmp_path: Path) -> None:
    kind = h5py.enum_dtype({"RED": 0, "GREEN": 1, "BLUE": 42}, "i2")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=np.array([0, 42, 1], "i2"), dtype=kind)
    cs.concat([str(tmp_path / "a.h5")] * 2, str(tmp_path / "out.h5"))
    with h5py.File(tmp_path / "out.h5") as file:
        assert_same(file["data"][()], np.array([0, 42, 1] * 2, "i2"))
        assert h5py.check_enum_dtype(file["data"].dtype) == {"RED": 0, "GREEN": 1, "BLUE": 42}


def words(count: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["", "ünï", "a\nb"] + ["w" * int(n) for n in rng.integers(0, 40, count - 3)]


@pytest.mark.parametrize("target", [".h5", ".zarr"])
@pytest.mark.parametrize("chunks", [None, (4,)], ids=str)
def test_strings_of_any_length(tmp_path: Path, target: str, chunks: tuple | None) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        for name, seed in (("x", 1), ("y", 2)):
            file.create_dataset(
                name, data=words(11, seed), dtype=h5py.string_dtype(), chunks=chunks
            )
    out = tmp_path / f"out{target}"
    cs.concat([f"{path}::x", f"{path}::y"], str(out))
    cs.concat([str(out)], str(tmp_path / "back.h5"))
    with h5py.File(tmp_path / "back.h5") as file:
        assert file["data"].asstr()[()].tolist() == words(11, 1) + words(11, 2)
    result = cs.split(str(out), str(tmp_path / f"part{{index}}{target}"), lengths=[5, 0, 17])
    assert [blob.shape for blob in result.outputs] == [(5,), (0,), (17,)]
    cs.concat([blob.ref for blob in result.outputs], str(tmp_path / "again.h5"))
    with h5py.File(tmp_path / "again.h5") as file:
        assert file["data"].asstr()[()].tolist() == words(11, 1) + words(11, 2)


def test_strings_of_any_length_have_no_place_in_npy(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=words(5), dtype=h5py.string_dtype())
    with pytest.raises(UnsupportedDtype, match="variable-length strings"):
        cs.concat([str(tmp_path / "a.h5")], str(tmp_path / "out.npy"))
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_strings_of_one_length(tmp_path: Path, encoding: str) -> None:
    kind = h5py.string_dtype(encoding, 6)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=np.array([b"ab", b"", b"abcdef"], kind))
    cs.stack([str(tmp_path / "a.h5")] * 2, str(tmp_path / "out.h5"), axis=1)
    with h5py.File(tmp_path / "out.h5") as file:
        assert_same(file["data"][()], np.array([[b"ab"] * 2, [b""] * 2, [b"abcdef"] * 2], "S6"))
        assert h5py.check_string_dtype(file["data"].dtype).encoding == encoding


AGREE = {"chunks": (4, 3), **SHUFFLED_GZIP}


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ([AGREE, AGREE], {"chunks": (4, 3), "compression": "gzip", "opts": 6, "shuffle": True}),
        ([{}, {}], {"chunks": None, "compression": None}),
        ([{"chunks": (4, 3)}] * 2, {"chunks": (4, 3), "compression": None}),
        ([{"chunks": (4, 3), "compression": "lzf"}] * 2, {"compression": "lzf"}),
        ([{"chunks": (4, 3), "fletcher32": True}] * 2, {"fletcher32": True}),
        ([AGREE, {}], {"compression": "gzip"}),
        ([{"chunks": (4, 3), "compression": hdf5plugin.Zstd(clevel=7)}] * 2, {"filters": [32015]}),
    ],
    ids=str,
)
def test_layout_is_the_inputs(tmp_path: Path, settings: list, wanted: dict) -> None:
    refs = []
    for i, row in enumerate(settings):
        refs.append(f"{tmp_path / f'{i}.h5'}::x")
        create(refs[-1], make("<i4", (8, 9), i), **dict(row))
    cs.concat(refs, str(tmp_path / "out.h5"))
    found = dataset_of(tmp_path / "out.h5")
    assert {key: found[key] for key in wanted} == wanted
    assert found["chunks"] is not None or "compression" in wanted


@pytest.mark.parametrize(
    ("option", "wanted"),
    [
        ({"chunks": (2, 5)}, {"chunks": (2, 5)}),
        ({"codec": "gzip:9"}, {"compression": "gzip", "opts": 9}),
        ({"codec": "shuffle+gzip:1+fletcher32"}, {"filters": [2, 1, 3]}),
        ({"codec": "lzf"}, {"compression": "lzf"}),
        ({"codec": "zstd:5"}, {"filters": [32015]}),
        ({"codec": "lz4"}, {"filters": [32004]}),
        ({"codec": "bz2:2"}, {"filters": [307]}),
        ({"codec": "blosc:lz4:5:shuffle"}, {"filters": [32001]}),
        ({"codec": "none", "chunks": "none"}, {"chunks": None, "filters": []}),
        ({"chunks": "auto"}, {"chunks": (8, 9)}),
    ],
    ids=str,
)
def test_options(tmp_path: Path, option: dict, wanted: dict) -> None:
    ref = f"{tmp_path / 'a.h5'}::x"
    array = make("<i4", (8, 9))
    create(ref, array)
    cs.concat([ref], str(tmp_path / "out.h5"), **option)
    found = dataset_of(tmp_path / "out.h5")
    assert {key: found[key] for key in wanted} == wanted
    assert_same(read(str(tmp_path / "out.h5")), array)


@pytest.mark.parametrize(
    "option",
    [{"chunks": (2,)}, {"chunks": (0, 2)}, {"codec": "crc32c"}, {"chunks": "none", "codec": "lzf"}],
    ids=str,
)
def test_options_that_do_not_fit(tmp_path: Path, option: dict) -> None:
    with pytest.raises(UsageError):
        cs.concat([make("<i4", (8, 9))], str(tmp_path / "out.h5"), **option)
    assert list(tmp_path.iterdir()) == []


def test_open_datasets_as_inputs(tmp_path: Path) -> None:
    array = make("<f4", (9, 8))
    create(f"{tmp_path / 'a.h5'}::x", array, chunks=(4, 3), compression="gzip")
    create(f"{tmp_path / 'a.h5'}::y", array)
    with h5py.File(tmp_path / "a.h5") as file:
        cs.concat([file["x"], file["y"]], str(tmp_path / "out.npy"), axis=1, jobs=2)
        assert_same(file["x"][()], array)
    assert_same(np.load(tmp_path / "out.npy"), concatenated([array, array], 1))


@pytest.mark.parametrize("suffix", [".hdf5", ".hdf", ".he5", ".nc", ".nc4", ".H5"])
def test_other_suffixes(tmp_path: Path, suffix: str) -> None:
    array = make("<f4", (4, 3))
    cs.concat([array, array], str(tmp_path / f"out{suffix}::a/b"))
    assert_same(read(f"{tmp_path / f'out{suffix}'}::a/b"), concatenated([array, array], 0))
