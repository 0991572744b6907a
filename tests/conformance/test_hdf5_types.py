"""HDF5's types and filters that NumPy, .npy or Zarr have only in another form."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numcodecs
import numpy as np
import pytest
import zarr
from conformance.arrays import assert_same, make
from conformance.moves import read

import concatsplit_core as cs
from concatsplit_core.array.fields import is_ordered, overlapping, packed
from concatsplit_core.foundation.errors import DtypeMismatch, UnsupportedDtype, UsageError

ALIGNED = np.dtype([("a", "i1"), ("b", "<f8"), ("c", "<i2")], align=True)
UNORDERED = np.dtype(
    {"names": ["p", "q"], "formats": ["<f8", "<i4"], "offsets": [4, 0], "itemsize": 12}
)
NESTED = np.dtype([("x", "i1"), ("y", UNORDERED, (2,)), ("z", ALIGNED)], align=True)


def records(dtype: np.dtype, count: int) -> np.ndarray:
    raw = np.random.default_rng(3).integers(0, 100, count * dtype.itemsize, "u1")
    return raw.view(dtype)


def test_packed_dtypes() -> None:
    assert packed(ALIGNED).itemsize == 11
    assert packed(NESTED).itemsize == 1 + 2 * 12 + 11
    assert packed(NESTED).names == NESTED.names
    assert packed(np.dtype("<f4")) == np.dtype("<f4")
    assert is_ordered(ALIGNED)
    assert not is_ordered(NESTED)
    assert overlapping(NESTED) is None
    crossed = np.dtype({"names": ["a", "b"], "formats": ["f8", "f8"], "offsets": [0, 4]})
    assert overlapping(crossed) == "b"
    assert overlapping(np.dtype([("u", crossed)])) == "u.b"


@pytest.mark.parametrize(
    "dtype", [ALIGNED, UNORDERED, NESTED], ids=["aligned", "unordered", "nested"]
)
@pytest.mark.parametrize("suffix", [".npy", ".h5", ".zarr"])
@pytest.mark.parametrize(
    "settings", [{}, {"chunks": (3,)}, {"chunks": (3,), "compression": "gzip"}]
)
def test_padded_and_unordered_records(
    tmp_path: Path, dtype: np.dtype, suffix: str, settings: dict
) -> None:
    array = records(dtype, 8)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=array, **settings)
    if suffix == ".zarr" and dtype is NESTED:
        with pytest.raises(UnsupportedDtype):  # Zarr has no fields that are arrays
            cs.concat([str(tmp_path / "a.h5")], str(tmp_path / "y.zarr"))
        return
    wanted = np.concatenate([array, array]).astype(packed(dtype))
    out = str(tmp_path / f"y{suffix}")
    cs.concat([str(tmp_path / "a.h5")] * 2, out)
    got = np.load(out) if suffix == ".npy" else read(out)
    assert_same(got.astype(packed(got.dtype)), wanted)


@pytest.mark.parametrize("dtype", [ALIGNED, UNORDERED], ids=["aligned", "unordered"])
def test_records_in_memory(tmp_path: Path, dtype: np.dtype) -> None:
    array = records(dtype, 5)
    cs.concat([array, array], str(tmp_path / "y.npy"))
    got = np.load(tmp_path / "y.npy")
    assert_same(got.astype(packed(dtype)), np.concatenate([array] * 2).astype(packed(dtype)))


def test_a_split_of_padded_records_into_zarr_is_undone(tmp_path: Path) -> None:
    array = records(ALIGNED, 6)
    np.save(tmp_path / "a.npy", array)
    manifest = str(tmp_path / "m.json")
    cs.split(str(tmp_path / "a.npy"), str(tmp_path / "p{index}.zarr"), parts=2, manifest=manifest)
    (tmp_path / "a.npy").unlink()
    cs.undo(manifest)
    again = np.load(tmp_path / "a.npy")
    assert again.dtype == array.dtype
    assert_same(again.astype(packed(again.dtype)), array.astype(packed(array.dtype)))


def test_fields_that_overlap_are_refused_before_they_are_read(tmp_path: Path) -> None:
    odd = h5py.h5t.IEEE_F64LE.copy()
    odd.set_ebias(2000)  # no floating-point type of NumPy: h5py takes the widest one
    kind = h5py.h5t.create(h5py.h5t.COMPOUND, 16)
    kind.insert(b"a", 0, odd)
    kind.insert(b"b", 8, h5py.h5t.IEEE_F64LE)
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        h5py.h5d.create(file.id, b"x", kind, h5py.h5s.create_simple((2,)))
    with pytest.raises(UnsupportedDtype, match="field 'b' would share bytes"):
        cs.concat([str(path)], str(tmp_path / "y.npy"))
    with pytest.raises(UnsupportedDtype, match="field 'b' shares bytes"):
        cs.concat([np.zeros(2, {"names": ["a", "b"], "formats": ["f8", "f8"], "offsets": [0, 4]})],
                  str(tmp_path / "y.npy"))  # fmt: skip


ARRAYS: dict[str, dict[str, Any]] = {
    "contiguous": {},
    "chunked": {"chunks": (3, 2)},
    "filtered": {"chunks": (3, 2), "compression": "gzip", "shuffle": True, "fletcher32": True},
    "lzf": {"chunks": (3, 2), "compression": "lzf"},
    "fletcher32": {"chunks": (3, 2), "fletcher32": True},
}


@pytest.mark.parametrize("layout", ARRAYS)
@pytest.mark.parametrize("axis", [0, 1, 2, 3])
def test_items_that_are_arrays(tmp_path: Path, layout: str, axis: int) -> None:
    """They are further axes, and in HDF5 stay inside the items while nobody works along them."""
    array = np.random.default_rng(1).integers(0, 99, (6, 4, 3, 2), "<i4")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        kind = np.dtype(("<i4", (3, 2)))
        file.create_dataset("x", (6, 4), kind, **ARRAYS[layout])[...] = array
    refs = [str(tmp_path / "a.h5")] * 2
    for suffix in (".npy", ".h5", ".zarr"):
        out = str(tmp_path / f"y{suffix}")
        result = cs.concat(refs, out, axis=axis)
        got = np.load(out) if suffix == ".npy" else read(out)
        assert_same(got, np.concatenate([array, array], axis))
        if suffix == ".h5":
            with h5py.File(out) as file:
                assert file["data"].shape == (got.shape[:2] if axis < 2 else got.shape)
            if axis == 0 and layout != "contiguous":
                assert result.plan.routes == {"encoded": 2 * array.nbytes}
    stacked = str(tmp_path / "s.h5")
    cs.stack(refs, stacked, axis=axis)
    assert_same(read(stacked), np.stack([array, array], axis))
    cs.unstack(refs[0], str(tmp_path / "u{index}.h5"), axis=axis)
    for index, part in enumerate(np.unstack(array, axis=axis)):
        assert_same(read(str(tmp_path / f"u{index}.h5")), part)


def test_scalars_whose_item_is_an_array(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", (), np.dtype(("<f4", (3,))))[...] = [1, 2, 3]
    cs.concat([str(tmp_path / "a.h5")] * 2, str(tmp_path / "y.h5"))
    assert read(str(tmp_path / "y.h5")).tolist() == [1, 2, 3, 1, 2, 3]


def filtered(path: Path, array: np.ndarray, *filters: tuple, fill: object = None) -> str:
    """A dataset whose filters h5py's high-level interface would not put in this order."""
    with h5py.File(path, "w") as file:
        dcpl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        dcpl.set_chunk((16,) * array.ndim)
        for name, *values in filters:
            getattr(dcpl, f"set_{name}")(*values)
        if fill is not None:
            dcpl.set_fill_value(np.asarray(fill, array.dtype))
        kind = h5py.h5t.py_create(array.dtype, logical=True)
        space = h5py.h5s.create_simple(array.shape)
        h5py.Dataset(h5py.h5d.create(file.id, b"x", kind, space, dcpl))[...] = array
    return str(path)


ORDERS = {
    "deflate before shuffle": (("deflate", 4), ("shuffle",)),
    "fletcher32 before shuffle": (("fletcher32",), ("shuffle",), ("deflate", 1)),
    "twice": (("shuffle",), ("deflate", 1), ("shuffle",), ("deflate", 1)),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", ["<i8", "<i2", "u1", "S5"])
def test_shuffle_behind_other_filters(tmp_path: Path, order: str, dtype: str) -> None:
    """It leaves the bytes that make no whole item where they are."""
    array = np.random.default_rng(0).integers(0, 50, 50).astype(dtype)
    ref = filtered(tmp_path / "a.h5", array, *ORDERS[order])
    for suffix in (".npy", ".h5", ".zarr"):
        out = str(tmp_path / f"y{suffix}")
        cs.concat([ref, ref], out)
        got = np.load(out) if suffix == ".npy" else read(out)
        assert_same(got, np.concatenate([array, array]))
    moved = cs.concat([ref], str(tmp_path / "m.h5"))
    assert set(moved.plan.routes) == {"decoded" if order == "twice" else "encoded"}


def test_a_wished_shuffle_behind_other_filters(tmp_path: Path) -> None:
    """HDF5 has it; Zarr's readers could not undo it."""
    array = np.arange(100, dtype="<i8")
    for out in ("y.h5", "y.zarr"):
        if out == "y.zarr":
            with pytest.raises(UsageError, match="put shuffle first"):
                cs.concat([array], str(tmp_path / out), codec="gzip:4+shuffle")
        else:
            cs.concat([array], str(tmp_path / out), codec="gzip:4+shuffle", chunks=(30,))
            assert_same(read(str(tmp_path / out)), array)


PLUGINS = {
    "bitshuffle": hdf5plugin.Bitshuffle(),
    "bitshuffle without a compressor": hdf5plugin.Bitshuffle(cname="none"),
    "bitshuffle and zstd": hdf5plugin.Bitshuffle(cname="zstd"),
    "blosc with snappy": hdf5plugin.Blosc(cname="snappy"),
    "blosc with bitshuffle": hdf5plugin.Blosc(cname="lz4", shuffle=2),
    "lz4": hdf5plugin.LZ4(),
}


@pytest.mark.parametrize("plugin", PLUGINS)
@pytest.mark.parametrize("suffix", [".npy", ".h5", ".zarr"])
def test_filters_of_plugins(tmp_path: Path, plugin: str, suffix: str) -> None:
    array = np.random.default_rng(0).integers(0, 50, 72)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=array, chunks=(16,), **PLUGINS[plugin])
    for name, count in (("aligned", 1), ("straddling", 2)):
        out = str(tmp_path / f"{name}{suffix}")
        cs.concat([str(tmp_path / "a.h5")] * count, out)
        got = np.load(out) if suffix == ".npy" else read(out)
        assert_same(got, np.concatenate([array] * count))


@pytest.mark.parametrize("suffix", [".npy", ".h5", ".zarr"])
def test_a_fill_value_that_is_not_defined(tmp_path: Path, suffix: str) -> None:
    """HDF5 says nothing of elements that were never written: they are zeros here."""
    path = tmp_path / "a.h5"
    filtered(path, np.arange(48, dtype="<i4"), fill=9)
    raw = path.read_bytes()
    message = raw.index(b"\x04\0\0\0\x09\0\0\0")
    assert raw[message - 4 : message - 2] == b"\x02\x03"  # version 2, allocated in parts
    shutil.copy(path, tmp_path / "b.h5")
    path.write_bytes(raw[: message - 1] + b"\0" + raw[message:])
    with h5py.File(path) as file:
        defined = file["x"].id.get_create_plist().fill_value_defined()
        assert defined == h5py.h5d.FILL_VALUE_UNDEFINED
    out = str(tmp_path / f"y{suffix}")
    cs.concat([str(path)] * 2, out)
    got = np.load(out) if suffix == ".npy" else read(out)
    assert_same(got, np.tile(np.arange(48, dtype="<i4"), 2))


def test_text_of_one_length_in_records_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedDtype, match=r"no HDF5 type"):
        cs.concat([make("<U4", (3,)).astype([("a", "<U3")])], str(tmp_path / "out.h5"))
    assert list(tmp_path.iterdir()) == []


def test_text_of_one_length_becomes_strings(tmp_path: Path) -> None:
    """Also where chunks are absent: the fill value of strings is always empty."""
    stored = zarr.create_array(
        tmp_path / "a.zarr", shape=(4, 2), chunks=(2, 2), dtype="U3", fill_value="ü", zarr_format=2
    )
    stored[3] = "abc"
    out, record = str(tmp_path / "out.h5"), str(tmp_path / "m.json")
    cs.concat([str(tmp_path / "a.zarr")] * 2, out, manifest=record)
    with h5py.File(out) as file:
        found = file["data"].asstr()[:].tolist()
    assert found == [["ü", "ü"], ["ü", "ü"], ["ü", "ü"], ["abc", "abc"]] * 2
    cs.undo(record, str(tmp_path / "{index}.npy"))
    np.testing.assert_array_equal(np.load(tmp_path / "1.npy"), stored[:])
    for text, why in (("\ud800", "unicode"), ("a\0b", "NUL")):
        with pytest.raises((UnsupportedDtype, DtypeMismatch), match=why):
            cs.concat([np.array([text])], str(tmp_path / "bad.h5"))


def test_a_negative_level_of_zstd(tmp_path: Path) -> None:
    """As netCDF-C stores it: the filter's parameters have no sign."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((4,))
        plist.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, ((1 << 32) - 5,))
        space = h5py.h5s.create_simple((8,))
        made = h5py.h5d.create(file.id, b"x", h5py.h5t.STD_I64LE, space, plist)
        for start in (0, 4):
            frame = numcodecs.zstd.compress(np.arange(start, start + 4), -5)
            made.write_direct_chunk((start,), frame)
    for name in ("b.h5", "b.zarr"):
        cs.split(str(tmp_path / "a.h5"), str(tmp_path / f"{{index}}{name}"), lengths=[3, 5])
        cs.concat([str(tmp_path / f"{i}{name}") for i in (1, 0)], str(tmp_path / f"{name}.npy"))
        found = np.load(tmp_path / f"{name}.npy")
        np.testing.assert_array_equal(found, [*range(3, 8), *range(3)])
