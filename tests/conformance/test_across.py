"""From one format through another and back: every dtype survives, or is refused by name."""

from __future__ import annotations

import itertools
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  (makes the filters known to h5py)
import numpy as np
import pytest
from conformance.arrays import (
    BYTES,
    NESTED,
    NUMBERS,
    SUBARRAY,
    SWAPPED,
    TEXT,
    TIMES,
    assert_same,
    concatenated,
    make,
)
from conformance.zarr_arrays import read as read_zarr

import concatsplit_core as cs
from concatsplit_core.foundation.errors import UnsupportedDtype

BIG = np.dtype([("a", ">i2"), ("b", ">f8")])
DTYPES = (*NUMBERS, *SWAPPED, *TIMES, *BYTES, *TEXT, "V7", BIG, NESTED, SUBARRAY)
TARGETS = {
    "hdf5": (".h5", {}),
    "hdf5 gzip": (".h5", {"codec": "shuffle+gzip:1", "chunks": (2, 3)}),
    "hdf5 lz4": (".h5", {"codec": "lz4", "chunks": (2, 3)}),
    "zarr 2": (".zarr", {"zarr_format": 2, "chunks": (2, 3)}),
    "zarr 2 shuffle": (".zarr", {"zarr_format": 2, "codec": "shuffle+gzip", "chunks": (2, 3)}),
    "zarr 3": (".zarr", {"zarr_format": 3, "chunks": (2, 3)}),
    "zarr 3 blosc": (".zarr", {"codec": "blosc:lz4:1:shuffle", "chunks": (2, 3)}),
}
REFUSED = {".h5": set[np.dtype](), ".zarr": {SUBARRAY}}


def fields(array: np.ndarray) -> list[np.ndarray]:
    """Columns of plain dtypes, so that the byte order of a field is no difference."""
    if array.dtype.names is None:
        return [array]
    return [column for name in array.dtype.names for column in fields(array[name])]


def read(path: Path) -> np.ndarray:
    if path.suffix == ".zarr":
        return read_zarr(str(path))
    with h5py.File(path) as file:
        text = h5py.check_string_dtype(file["data"].dtype)
        strings = text is not None and text.length is None
        return file["data"].asstr()[...].astype("U4") if strings else file["data"][...]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: str(getattr(d, "names", None) or d))
def test_there_and_back(tmp_path: Path, dtype: object, target: str) -> None:
    suffix, options = TARGETS[target]
    array = make(dtype, (5, 4))
    if array.dtype.kind == "U" and suffix == ".h5":  # strings of HDF5 end at a NUL
        array = np.where(np.strings.find(array, "\0") < 0, array, "ü").astype(array.dtype)
    np.save(tmp_path / "a.npy", array)
    there = tmp_path / f"there{suffix}"
    if array.dtype in REFUSED[suffix]:
        with pytest.raises(UnsupportedDtype):
            cs.concat([str(tmp_path / "a.npy")], str(there), **options)
        assert [p.name for p in tmp_path.iterdir()] == ["a.npy"]
        return
    cs.concat([str(tmp_path / "a.npy")] * 2, str(there), axis=1, **options)
    expected = concatenated([array, array], 1)
    to_text = {"dtype": "U4", "casting": "unsafe"} if array.dtype.kind == "U" else {}
    cs.concat([str(there)], str(tmp_path / "back.npy"), **to_text)
    for found in (read(there), np.load(tmp_path / "back.npy")):
        for here, wanted in zip(fields(found), fields(expected), strict=True):
            assert_same(here, wanted)


@pytest.mark.parametrize("dtype", ["<f16", "<c32", "V0"])
@pytest.mark.parametrize("name", ["x.npy", "x.h5", "x.zarr"])
def test_rare_dtypes_are_kept_or_refused_by_name(tmp_path: Path, dtype: str, name: str) -> None:
    array = np.zeros((2, 3), dtype)
    try:
        cs.concat([array, array], str(tmp_path / name))
    except UnsupportedDtype:
        assert list(tmp_path.iterdir()) == []
    else:
        cs.concat([str(tmp_path / name)], str(tmp_path / "back.npy"))
        assert np.load(tmp_path / "back.npy").dtype == array.dtype
        assert np.load(tmp_path / "back.npy").shape == (4, 3)


SOURCES = ("a.npy", "b.h5", "c.zarr", "d.npz::x")


@pytest.mark.parametrize("pair", list(itertools.permutations(SOURCES, 2)), ids="+".join)
@pytest.mark.parametrize("suffix", [".npy", ".h5", ".zarr"])
def test_mixed_inputs(tmp_path: Path, pair: tuple[str, str], suffix: str) -> None:
    arrays = {name: make("<f4", (6, 5), i) for i, name in enumerate(SOURCES)}
    np.savez_compressed(tmp_path / "d.npz", x=arrays["d.npz::x"])
    for name in SOURCES[:3]:
        cs.concat([arrays[name]], str(tmp_path / name), sync=False)
    out = tmp_path / f"out{suffix}"
    cs.concat([str(tmp_path / name) for name in pair], str(out), axis=1)
    expected = concatenated([arrays[name] for name in pair], 1)
    assert_same(np.load(out) if suffix == ".npy" else read(out), expected)
    kinds = [
        blob["format"]
        for blob in cs.stack(
            [str(tmp_path / name) for name in pair], str(tmp_path / f"s{suffix}"), dry_run=True
        ).to_dict()["inputs"]
    ]
    known = {".npy": "npy", ".h5": "hdf5", ".zarr": "zarr", ".npz": "npz"}
    assert kinds == [known[Path(name.partition("::")[0]).suffix] for name in pair]


@pytest.mark.parametrize("suffix", [".h5", ".zarr"])
@pytest.mark.parametrize("source", [".npy", ".h5", ".zarr"])
def test_empty_arrays_between_formats(tmp_path: Path, source: str, suffix: str) -> None:
    for shape in ((0, 3), (3, 0), (0,)):
        array = make("<f4", shape)
        first, second = tmp_path / f"a{source}", tmp_path / f"b{suffix}"
        cs.concat([array], str(first), force=True, sync=False)
        cs.concat([str(first)] * 2, str(second), force=True, sync=False)
        cs.concat([str(second)], str(tmp_path / "c.npy"), force=True, sync=False)
        assert_same(np.load(tmp_path / "c.npy"), concatenated([array, array], 0))


def test_strings_with_a_codec_of_bytes(tmp_path: Path) -> None:
    """Shuffle knows the size of an item, which strings of any length have not."""
    words = ["a", "", "ünï", "w" * 100]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset(
            "x", data=words, dtype=h5py.string_dtype(), compression="gzip", shuffle=True
        )
    for options in ({}, {"zarr_format": 2}):
        cs.concat([str(tmp_path / "a.h5")], str(tmp_path / "out.zarr"), force=True, **options)
        assert read_zarr(str(tmp_path / "out.zarr")).tolist() == words


def test_library_is_silent(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Warnings are errors here: dtypes with h5py's notes on them go to .npy without one."""
    kinds = {"fixed": h5py.string_dtype("ascii", 4), "enum": h5py.enum_dtype({"A": 0, "B": 1})}
    for name, kind in kinds.items():
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file.create_dataset("x", (3,), kind)
        for suffix in (".npy", ".zarr"):
            cs.concat([str(tmp_path / f"{name}.h5")] * 2, str(tmp_path / f"{name}{suffix}"))
    assert capfd.readouterr() == ("", "")
