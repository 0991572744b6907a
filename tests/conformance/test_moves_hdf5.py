"""Chunks that move out of HDF5 and into it as they are stored, however they are kept there."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest
from conformance.arrays import NESTED, assert_same, concatenated, make, stacked
from conformance.moves import behind_each_other, compare, cut, join, read, stored
from numcodecs import Fletcher32, Shuffle

import concatsplit_core as cs

CHUNKS = (4, 3)
FILTERS = {"compression": "gzip", "compression_opts": 4, "shuffle": True, "fletcher32": True}


def write(path: Path, array: np.ndarray, file: dict[str, Any] | None = None, **settings) -> str:
    """A dataset in chunks, the first one of its file."""
    with h5py.File(path, "w", **(file or {})) as opened:
        opened.create_dataset("x", data=array, **{"chunks": CHUNKS, **settings})
    return f"{path}::x"


def masks(ref: str, member: str = "data") -> dict[tuple, int]:
    """Which filters the chunks skipped."""
    with h5py.File(ref) as file:
        found = file[member]
        places = [found.id.get_chunk_info(i) for i in range(found.id.get_num_chunks())]
    return {place.chunk_offset: place.filter_mask for place in places}


def _with_skipping(path: Path, array: np.ndarray) -> str:
    """Each chunk skips other ones of shuffle, deflate and fletcher32; two skip none."""
    steps = (Shuffle(4).encode, lambda data: zlib.compress(data, 4), Fletcher32().encode)
    with h5py.File(path, "w") as file:
        made = file.create_dataset("x", array.shape, array.dtype, chunks=CHUNKS, **FILTERS)
        grid = [-(-n // c) for n, c in zip(array.shape, CHUNKS, strict=True)]
        for number, at in enumerate(np.ndindex(*grid)):
            start = tuple(i * c for i, c in zip(at, CHUNKS, strict=True))
            part = array[tuple(slice(a, a + c) for a, c in zip(start, CHUNKS, strict=True))]
            whole = np.zeros(CHUNKS, array.dtype)
            whole[: part.shape[0], : part.shape[1]] = part
            data: Any = whole.tobytes()
            for bit, step in enumerate(steps):
                if not number >> bit & 1:
                    data = bytes(step(data))
            made.id.write_direct_chunk(start, data, number % 8)
    return f"{path}::x"


@pytest.mark.parametrize("suffix", [".h5", ".zarr"])
def test_chunks_that_skipped_filters(tmp_path: Path, suffix: str) -> None:
    """To HDF5 they move with the note of it; in Zarr there is none, so they are encoded anew."""
    arrays = [make("<i4", (12, 9), 1), make("<i4", (10, 8), 1)[:, :7]]
    refs = [_with_skipping(tmp_path / f"{i}.h5", a) for i, a in enumerate(arrays)]
    assert set(masks(str(tmp_path / "0.h5"), "x").values()) == set(range(8))
    options = {} if suffix == ".h5" else {"zarr_format": 2}
    for ref in refs:
        result = join([ref], tmp_path, suffix, force=True, **options)
        out = result.outputs[0].ref
        if suffix == ".h5":
            assert masks(out) == masks(ref.partition("::")[0], "x")
            assert stored(out) == stored(ref)


USERBLOCK = {"userblock_size": 1024}


@pytest.mark.parametrize("suffix", [".h5", ".zarr"])
def test_behind_a_user_block(tmp_path: Path, suffix: str) -> None:
    arrays = [make("<f8", (8, 7), i) for i in range(2)]
    refs = [
        write(tmp_path / f"{i}.h5", a, USERBLOCK, compression="gzip") for i, a in enumerate(arrays)
    ]
    result = join(refs, tmp_path, suffix)
    parts = [stored(ref) for ref in refs]
    assert stored(result.outputs[0].ref) == behind_each_other(parts, 2)


INDEXES: dict[str, dict[str, Any]] = {
    "B-tree of old": {"libver": "earliest"},
    "single chunk": {"libver": "latest", "chunks": (8, 7), "compression": None},
    "implicit": {"libver": "latest", "compression": None, "early": True},
    "fixed array": {"libver": "latest"},
    "extensible array": {"libver": "latest", "maxshape": (None, 7)},
    "B-tree of version 2": {"libver": "latest", "maxshape": (None, None)},
}


@pytest.mark.parametrize("index", INDEXES)
@pytest.mark.parametrize("suffix", [".h5", ".zarr"])
def test_every_kind_of_chunk_index(tmp_path: Path, index: str, suffix: str) -> None:
    settings = {"chunks": CHUNKS, "compression": "gzip", **INDEXES[index]}
    libver, early = settings.pop("libver"), settings.pop("early", False)
    refs = []
    for i in range(2):
        with h5py.File(tmp_path / f"{i}.h5", "w", libver=libver) as file:
            if early:
                dcpl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                dcpl.set_chunk(CHUNKS)
                dcpl.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
                space, kind = h5py.h5s.create_simple((8, 7)), h5py.h5t.NATIVE_INT32
                made = h5py.Dataset(h5py.h5d.create(file.id, b"x", kind, space, dcpl))
            else:
                made = file.create_dataset("x", (8, 7), "<i4", **settings)
            made[...] = make("<i4", (8, 7), i)
        refs.append(f"{tmp_path / f'{i}.h5'}::x")
    join(refs, tmp_path, suffix)
    cut(refs[0], tmp_path, suffix, [5], moved=0 if "single" in index else 7 * 4 * 4)


GZIP, SHUFFLE, PLAIN_BITSHUFFLE, BITSHUFFLE = (1, (4,)), (2, ()), (32008, ()), (32008, (0, 2))


@pytest.mark.parametrize("userblock", [0, 512])
@pytest.mark.parametrize(
    "filters", [(GZIP,), (SHUFFLE,), (SHUFFLE, GZIP), (PLAIN_BITSHUFFLE,), (BITSHUFFLE,)]
)
def test_edge_chunks_that_are_kept_without_their_filters(
    tmp_path: Path, filters: tuple[Any, ...], userblock: int
) -> None:
    """HDF5 has an option for it, which leaves no note at the chunk."""
    with open("/proc/self/maps") as maps:
        names = {line.split()[-1] for line in maps if "libhdf5" in line and "_hl" not in line}
    array = np.arange(49, dtype="<i4").reshape(7, 7) * 1001
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest", userblock_size=userblock) as file:
        dcpl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        dcpl.set_chunk(CHUNKS)
        for code, values in filters:
            dcpl.set_filter(code, 0, values)
        library = ctypes.CDLL(min(names))
        if library.H5Pset_chunk_opts(ctypes.c_int64(dcpl.id), ctypes.c_uint(2)) < 0:
            pytest.skip("this HDF5 has not the option")
        space = h5py.h5s.create_simple((7, 7))
        h5py.h5d.create(file.id, b"x", h5py.h5t.STD_I32LE, space, dcpl).write(space, space, array)
    assert_same(cs.fetch(f"{path}::x"), array)
    for suffix in (".h5", ".zarr"):
        cs.concat([f"{path}::x"], str(tmp_path / f"y{suffix}"))
        assert_same(read(tmp_path / f"y{suffix}"), array)
    with h5py.File(path) as file:
        cs.concat([file["x"]], str(tmp_path / "z.h5"))
    assert_same(read(tmp_path / "z.h5"), array)


@pytest.mark.parametrize("suffix", [".h5", ".zarr"])
@pytest.mark.parametrize("kind", ["r", "r+", "core", "userblock"])
def test_open_data_sets(tmp_path: Path, kind: str, suffix: str) -> None:
    """What was written to them and not yet to the disk is there too."""
    array = make("<i4", (8, 7))
    write(tmp_path / "a.h5", array, USERBLOCK if kind == "userblock" else None, compression="gzip")
    driver = {"driver": "core", "backing_store": False} if kind == "core" else {}
    mode = "r+" if kind in {"r+", "core"} else "r"
    with h5py.File(tmp_path / "a.h5", mode, **driver) as file:
        if mode == "r+":
            array[5:, :5] = file["x"][5:, :5] = make("<i4", (3, 5), 7)
        join([file["x"], file["x"]], tmp_path, suffix, arrays=[array, array])
        cut(file["x"], tmp_path, suffix, [4], array=array)
        assert_same(file["x"][...], array)


def _chunked(path: Path, array: np.ndarray, **settings: Any) -> str:
    return write(path, array, **{"chunks": (4, 3)[: array.ndim], **settings})


HDF5_ONLY = {
    "lzf": ({"compression": "lzf"}, None),
    "lzf, shuffle and fletcher32": (
        {"compression": "lzf", "shuffle": True, "fletcher32": True},
        None,
    ),
    "zstd": ({"compression": hdf5plugin.Zstd(clevel=7)}, None),
    "bitshuffle": ({"compression": hdf5plugin.Bitshuffle()}, None),
    "bitshuffle without a compressor": ({"compression": hdf5plugin.Bitshuffle(cname="none")}, None),
    "blosc2": ({"compression": hdf5plugin.Blosc2()}, None),
    "blosc with snappy": ({"compression": hdf5plugin.Blosc(cname="snappy")}, None),
    "lz4": ({"compression": hdf5plugin.LZ4()}, None),
    "zfp": ({"compression": hdf5plugin.Zfp(reversible=True)}, None),
    "szip": ({"compression": "szip"}, None),
    "scale-offset": ({"scaleoffset": 0}, None),
}


@pytest.mark.parametrize("codec", HDF5_ONLY)
def test_filters_of_hdf5(tmp_path: Path, codec: str) -> None:
    settings, moved = HDF5_ONLY[codec]
    arrays = [make("<i4", (8, 7), i) for i in range(2)]
    refs = [_chunked(tmp_path / f"{i}.h5", a, **settings) for i, a in enumerate(arrays)]
    out = join(refs, tmp_path, ".h5", moved=moved).outputs[0].ref
    own = filters_of(refs[0].partition("::")[0], "x")
    assert filters_of(out) == own or codec == "lz4"  # whose block size is the same by default
    assert stored(out) == behind_each_other([stored(ref) for ref in refs], 2)


def filters_of(path: str, member: str = "data") -> list[tuple]:
    """Codes and parameters of the filters of a dataset."""
    with h5py.File(path) as file:
        dcpl = file[member].id.get_create_plist()
        return [dcpl.get_filter(i)[::2] for i in range(dcpl.get_nfilters())]


LOSSY = {"zfp": hdf5plugin.Zfp(accuracy=0.5), "scale-offset": {"scaleoffset": 1}}


@pytest.mark.parametrize("codec", LOSSY)
def test_filters_that_lose_something_lose_it_once(tmp_path: Path, codec: str) -> None:
    """Chunks move as they are stored, or what was read of them is stored as it was read."""
    array = np.random.default_rng(0).random((8, 6)) * 100
    settings = {"compression": LOSSY[codec]} if codec == "zfp" else LOSSY[codec]
    ref = _chunked(tmp_path / "a.h5", array, **settings)
    seen = read(ref)
    for count, routes in ((1, None), (2, None), (1, "decoded")):
        out = str(tmp_path / "y.h5")
        cs.concat([ref] * count, out, force=True, routes=routes)
        assert_same(read(out), np.concatenate([seen] * count))
        assert filters_of(out) == filters_of(str(tmp_path / "a.h5"), "x")
    cs.concat([ref, ref], str(tmp_path / "z.h5"), axis=1)  # chunks of 3 columns: 6 are two of them
    cs.split(ref, str(tmp_path / "p{index}.h5"), at=[3])
    assert_same(read(str(tmp_path / "p1.h5")), seen[3:])
    assert filters_of(str(tmp_path / "p1.h5")) != filters_of(str(tmp_path / "a.h5"), "x")


def test_absent_chunks_beside_those_of_another_fill_value(tmp_path: Path) -> None:
    """What is encoded after all goes in without the filters, which HDF5 notes at the chunk."""
    arrays = [np.full((8, 6), i + 1, "<i4") for i in range(2)]
    refs = []
    for i, array in enumerate(arrays):
        with h5py.File(tmp_path / f"{i}.h5", "w") as file:
            settings = {"chunks": CHUNKS, "fillvalue": i + 1, **hdf5plugin.Bitshuffle()}
            file.create_dataset("x", (8, 6), "<i4", **settings)[:4, :3] = array[:4, :3] = 7
        refs.append(f"{tmp_path / f'{i}.h5'}::x")
    out = str(tmp_path / "y.h5")
    cs.concat(refs, out)
    assert_same(read(out), np.concatenate(arrays))
    assert sorted(set(masks(out).values())) == [0, 1]


_WITHOUT_PLUGINS = """
import sys
sys.modules["hdf5plugin"] = None
import concatsplit_core as cs
from concatsplit_core.foundation.errors import UnsafeContent
print(cs.info("a.h5")[0].codec)
print(cs.concat(["a.h5", "a.h5"], "y.h5").plan.routes)
try:
    cs.concat(["a.h5"], "y.npy")
except UnsafeContent as error:
    print(error.message)
"""


@pytest.mark.parametrize("codec", ["bitshuffle", "blosc2", "zfp"])
def test_a_copy_needs_no_plugin(tmp_path: Path, codec: str) -> None:
    array = make("<i4", (8, 7))
    _chunked(tmp_path / "a.h5", array, **HDF5_ONLY[codec][0])
    command = [sys.executable, "-c", _WITHOUT_PLUGINS]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    kind, routes, refused = done.stdout.splitlines()
    assert kind == "other"
    assert routes == f"{{'encoded': {2 * array.nbytes}}}"
    assert "needs the HDF5 filter" in refused
    assert_same(read(f"{tmp_path / 'y.h5'}"), np.concatenate([array, array]))


@pytest.mark.parametrize("dtype", [NESTED, "?", "<c8", ">f8", "S5", "V7"], ids=str)
@pytest.mark.parametrize("axis", [0, 1])
def test_items_that_only_hdf5_has(tmp_path: Path, dtype: Any, axis: int) -> None:
    arrays = [make(dtype, (8, 6), i) for i in range(2)]
    refs = [_chunked(tmp_path / f"{i}.h5", a, **FILTERS) for i, a in enumerate(arrays)]
    join(refs, tmp_path, ".h5", axis=axis)


def test_enumerations_keep_their_names(tmp_path: Path) -> None:
    kind = h5py.enum_dtype({"RED": 0, "GREEN": 1}, "i2")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=np.array([0, 1, 1, 0], "i2"), dtype=kind, chunks=(2,))
    result = join([f"{tmp_path / 'a.h5'}::x"] * 2, tmp_path, ".h5")
    with h5py.File(result.outputs[0].ref) as file:
        assert h5py.check_enum_dtype(file["data"].dtype) == {"RED": 0, "GREEN": 1}


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_stack_and_unstack(tmp_path: Path, axis: int) -> None:
    arrays = [make("<i4", (8, 6), i) for i in range(2)]
    refs = [_chunked(tmp_path / f"{i}.h5", a, **FILTERS) for i, a in enumerate(arrays)]

    def stack(name: str, routes: str | None) -> cs.Result:
        out = str(tmp_path / f"{name}.h5")
        return cs.stack(refs, out, axis=axis, routes=routes, sync=False)

    whole = stacked(arrays, axis)
    result = compare(stack, [whole])

    def unstack(name: str, routes: str | None) -> cs.Result:
        out = str(tmp_path / f"{name}-{{index}}.h5")
        return cs.unstack(result.outputs[0].ref, out, axis=axis, routes=routes, sync=False)

    compare(unstack, np.unstack(whole, axis=axis))


@pytest.mark.parametrize("axis", [0, 1])
def test_parts_in_one_container(tmp_path: Path, axis: int) -> None:
    """Their chunk shapes are the input's, clipped to a part that is shorter."""
    array = make("<i4", (13, 10))
    ref = _chunked(tmp_path / "a.h5", array, compression="gzip")
    result = cs.split(ref, f"{tmp_path / 'y.h5'}::{{index}}", at=[4, 8, 9], axis=axis, jobs=2)
    for blob, expected in zip(result.outputs, np.split(array, [4, 8, 9], axis), strict=True):
        assert_same(read(blob.ref), expected)
    whole = cs.concat([blob.ref for blob in result.outputs], str(tmp_path / "z.h5"), axis=axis)
    assert_same(read(whole.outputs[0].ref), array)


def test_strings_of_any_length_are_never_moved(tmp_path: Path) -> None:
    """Their chunks hold addresses in the file that they are in."""
    words = [[b"a", b"", b"long" * 9], [b"b", b"c", b"d"]]
    for i, row in enumerate(words):
        with h5py.File(tmp_path / f"{i}.h5", "w") as file:
            file.create_dataset("x", data=row, dtype=h5py.string_dtype(), chunks=(3,))
    out = tmp_path / "y.h5"
    result = cs.concat([str(tmp_path / f"{i}.h5") for i in range(2)], str(out))
    assert set(result.plan.routes) == {"decoded"}
    with h5py.File(out) as file:
        assert file["data"][...].tolist() == words[0] + words[1]


def test_a_mix_of_what_moves_and_what_does_not(tmp_path: Path) -> None:
    arrays = [make("<i4", (8, 6), i) for i in range(4)]
    settings: list[dict[str, Any]] = [
        FILTERS, {"compression": "lzf"}, {"chunks": None}, {**FILTERS, "chunks": (8, 3)}
    ]  # fmt: skip
    refs = [
        write(tmp_path / f"{i}.h5", a, **s)
        for i, (a, s) in enumerate(zip(arrays, settings, strict=True))
    ]
    result = join(
        refs, tmp_path, ".h5", chunks=CHUNKS, codec="shuffle+gzip:4+fletcher32", moved=8 * 6 * 4
    )
    assert_same(read(result.outputs[0].ref), concatenated(arrays, 0))
    assert len(result.plan.reasons["decoded"]) == 3
