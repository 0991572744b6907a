"""Attributes of shapes and types that few files have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import readers

import concatsplit_core as cs

RECORD = np.dtype([("a", "i2"), ("b", "f8")], align=True)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_text_of_two_axes_stays_text_of_two_axes() -> None:
    texts = np.array([["a", "bb"], ["é", ""]], object)
    with h5py.File("a.h5", "w") as file:
        made = file.create_dataset("v", data=np.arange(3))
        made.attrs.create("texts", texts, dtype=h5py.string_dtype())
    cs.concat(["a.h5", "a.h5"], "y.h5")
    with h5py.File("y.h5") as file:
        assert file["data"].attrs["texts"].tolist() == texts.tolist()


def test_opaque_attributes_are_kept() -> None:
    kind = h5py.h5t.create(h5py.h5t.OPAQUE, 3)
    kind.set_tag(b"of another program")
    with h5py.File("a.h5", "w") as file:
        made = file.create_dataset("v", data=np.arange(3))
        space = h5py.h5s.create(h5py.h5s.SCALAR)
        h5py.h5a.create(made.id, b"odd", kind, space).write(np.array(b"abc", "V3"), kind)
    result = cs.concat(["a.h5", "a.h5"], "y.h5")
    assert not result.notes
    with h5py.File("y.h5") as file:
        found = h5py.h5a.open(file["data"].id, b"odd")
        raw = np.zeros((), "V3")
        found.read(raw, mtype=found.get_type())
        assert (raw.tobytes(), found.get_type().get_tag()) == (b"abc", b"of another program")


def test_numbers_of_two_axes_are_a_list_in_netcdf() -> None:
    with h5py.File("a.h5", "w") as file:
        file.create_dataset("v", data=np.arange(3)).attrs["matrix"] = np.arange(4).reshape(2, 2)
    result = cs.concat(["a.h5", "a.h5"], "y.nc::v")
    assert readers.netcdf("y.nc", "v").attrs["matrix"] == [0, 1, 2, 3]
    assert any("'matrix' of shape (2, 2) is a list in netCDF" in note for note in result.notes)
    cs.concat(["a.h5", "a.h5"], "y.h5")
    with h5py.File("y.h5") as file:
        assert file["data"].attrs["matrix"].tolist() == [[0, 1], [2, 3]]


@pytest.mark.parametrize("suffix", [".h5", ".nc", ".zarr"])
def test_the_missing_value_of_records(suffix: str) -> None:
    missing = np.array([(-1, -2.0)], RECORD)
    with h5py.File("a.h5", "w") as file:
        made = file.create_dataset("v", data=np.zeros(3, RECORD))
        made.attrs["_FillValue"] = missing
    notes = cs.concat(["a.h5", "a.h5"], f"y{suffix}::v").notes
    assert any("'_FillValue' is left out" in note for note in notes) == (suffix == ".zarr")
    if suffix == ".zarr":
        assert cs.fetch("y.zarr::v").tolist() == [(0, 0.0)] * 6
        return
    with h5py.File(f"y{suffix}") as file:
        assert file["v"].attrs["_FillValue"].tolist() == missing.tolist()
    if suffix == ".nc":
        assert readers.netcdf("y.nc", "v").values.tolist() == [(0, 0.0)] * 6


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_missing_letter_does_not_keep_xarray_out(zarr_format: int) -> None:
    with h5py.File("a.h5", "w") as file:
        made = file.create_dataset("v", data=np.array([[b"x", b"a"], [b"-", b"q"]]))
        made.attrs["_FillValue"] = np.array([b"-"])
        made.dims[0].label, made.dims[1].label = "x", "letters"
    cs.concat(["a.h5", "a.h5"], "y.zarr::v", zarr_format=zarr_format)
    assert readers.xarray("y.zarr", "v").values.tolist() == ["xa", "-q"] * 2
    cs.concat(["y.zarr::v", "a.h5"], "z.h5::v")
    assert cs.fetch("z.h5::v").shape == (6, 2)
    with h5py.File("z.h5") as file:
        assert dict(file["v"].attrs)["_FillValue"] in (b"-", "-")
        assert "missing_value" not in file["v"].attrs


def _odd_integer() -> Any:
    kind = h5py.h5t.STD_I32LE.copy()
    kind.set_precision(24)
    return kind


def _odd_float() -> Any:
    kind = h5py.h5t.IEEE_F32LE.copy()
    kind.set_fields(31, 22, 9, 0, 22)  # a bit more for the exponent, one less for the fraction
    return kind


@pytest.mark.parametrize(
    "kind",
    [h5py.h5t.STD_I16BE, h5py.h5t.IEEE_F64LE, h5py.h5t.IEEE_F16LE, _odd_integer(), _odd_float()],
    ids=["big-endian", "double", "half", "odd integer", "odd float"],
)
def test_numbers_of_all_types_are_read_as_h5py_reads_them(kind: Any) -> None:
    with h5py.File("a.h5", "w") as file:
        made = file.create_dataset("v", data=np.arange(3))
        for name, shape in (("one", ()), ("few", (3,)), ("none", (0,))):
            space = h5py.h5s.create_simple(shape) if shape else h5py.h5s.create(h5py.h5s.SCALAR)
            h5py.h5a.create(made.id, name.encode(), kind, space).write(np.full(shape, 1.5, "f4"))
    (blob,) = cs.info("a.h5")
    with h5py.File("a.h5") as file:
        for name, value in file["v"].attrs.items():
            assert np.array_equal(blob.attrs[name], value)
            assert blob.attrs[name].dtype == value.dtype


@pytest.mark.parametrize("end", ["STR_NULLTERM", "STR_NULLPAD", "STR_SPACEPAD"])
@pytest.mark.parametrize("letters", ["CSET_ASCII", "CSET_UTF8"])
def test_texts_of_a_fixed_length_are_read_as_h5py_reads_them(end: str, letters: str) -> None:
    kind = h5py.h5t.C_S1.copy()
    kind.set_size(6)
    kind.set_strpad(getattr(h5py.h5t, end))
    kind.set_cset(getattr(h5py.h5t, letters))
    stored = np.array([b"ab  \0c", b"abcdef", b"\xc3\xa9 ", b"  "], "S6").view("V6")
    with h5py.File("a.h5", "w") as file:
        made = file.create_dataset("v", data=np.arange(3))
        for name, value in (("one", stored[:1].reshape(())), ("all", stored), ("none", stored[:0])):
            space = h5py.h5s.create_simple(value.shape) if value.ndim else h5py.h5s.create(0)
            h5py.h5a.create(made.id, name.encode(), kind, space).write(value, mtype=kind)
    (blob,) = cs.info("a.h5")
    with h5py.File("a.h5") as file:
        attrs = file["v"].attrs
        assert blob.attrs["one"] == attrs["one"].decode()
        assert blob.attrs["all"] == [text.decode() for text in attrs["all"]]
        assert blob.attrs["none"] == []
