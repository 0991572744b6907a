"""Fill and missing values mean the same after a conversion, to those who read the files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import readers
import zarr
from hypothesis import given
from hypothesis import strategies as st

import concatsplit_core as cs
from concatsplit_core.meaning.missing import from_zarr3, to_zarr3

OUTPUTS = {"y.nc": {}, "y2.zarr": {"zarr_format": 2}, "y3.zarr": {"zarr_format": 3}}


@pytest.mark.parametrize("dtype", ["i2", "u1", "f4", "f8"])
def test_missing_values_are_missing_to_xarray_everywhere(
    make: Callable[..., str], dtype: str
) -> None:
    marker = 255 if dtype == "u1" else -9
    ref = make("a", np.array([1, marker, 3], dtype), marker)
    for name, options in OUTPUTS.items():
        cs.concat([ref, ref], f"{name}::v", **options)  # type: ignore[arg-type]
        found = readers.xarray(name, "v").values
        np.testing.assert_array_equal(found, [1, np.nan, 3, 1, np.nan, 3])
        cs.concat(f"{name}::v", f"back-{name}::v")  # and back again, by the same names
        np.testing.assert_array_equal(readers.xarray(f"back-{name}", "v").values, found)


@pytest.mark.parametrize("dtype", ["i2", "f4"])
def test_zeros_are_never_missing_where_nothing_says_so(
    make: Callable[..., str], dtype: str
) -> None:
    ref = make("a", np.array([0, 1, 0], dtype))
    for name, options in OUTPUTS.items():
        cs.concat(ref, f"{name}::v", **options)  # type: ignore[arg-type]
        assert readers.xarray(name, "v").values.tolist() == [0, 1, 0]


ROUNDED = {
    "a tiny number to 0": ("f8", [1.0, 0.0, 1e-60], 0, "f4", "same_kind"),
    "a number to its neighbour": ("f8", [1.0, 0.1 + 1e-12], np.float32(0.1), "f4", "same_kind"),
    "a large number to infinity": ("f8", [1.0, 1e300], np.inf, "f4", "same_kind"),
    "a fraction to a whole number": ("f8", [1.0, 7.5], 7, "i2", "unsafe"),
    "a whole number to a double": ("i8", [1, (1 << 53) + 1], 1 << 53, "f8", "safe"),
    "a whole number to its lower half": ("i4", [1, 65_543], 7, "i2", "same_kind"),
}


@pytest.mark.parametrize("case", ROUNDED)
def test_a_cast_never_makes_a_missing_value_of_a_number(
    make: Callable[..., str], case: str
) -> None:
    dtype, values, marker, to, casting = ROUNDED[case]
    data = np.array(values, dtype)
    ref = make("a", data, marker)
    options: Any = {"dtype": to, "casting": casting}
    for do in (lambda: cs.concat([ref, ref], "y.h5", **options),
               lambda: cs.split(ref, "p{index}.h5", size=2, **options)):  # fmt: skip
        with pytest.raises(cs.ConcatsplitError, match="stands for missing values") as caught:
            do()
        assert caught.value.exit_code == 3
    assert not list(Path().glob("y*")) + list(Path().glob("p*"))
    cs.concat([ref], "y.h5", conflicts="first", **options)
    assert cs.fetch("y.h5")[-1] == np.asarray(marker).astype(to)


def test_a_cast_without_such_a_number_keeps_the_missing_values(make: Callable[..., str]) -> None:
    ref = make("a", np.array([1.5, 0.0, 0.1], "f8"), 0)
    cs.concat([ref, ref], "y.nc::v", dtype="f4")
    found = readers.xarray("y.nc", "v").values
    np.testing.assert_array_equal(found, np.array([1.5, np.nan, 0.1] * 2, "f4"))


@pytest.fixture
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def sparse(path: str, fill: Any, dtype: str = "i2", form: Any = 2, **more: Any) -> str:
    """An array of which the first chunk is stored only."""
    made = zarr.create_array(
        path, shape=(3,), chunks=(1,), dtype=dtype, zarr_format=form, fill_value=fill, **more
    )
    made[0] = np.zeros((), dtype)[()] if dtype != "M8[s]" else np.datetime64(7, "s")
    return path


@pytest.mark.usefixtures("_here")
def test_null_stays_null_and_differing_fill_values_become_null() -> None:
    sparse("a.zarr", None)
    cs.concat(["a.zarr", "a.zarr"], "y.zarr")
    assert json.loads(Path("y.zarr/.zarray").read_bytes())["fill_value"] is None
    sparse("b.zarr", -1), sparse("c.zarr", -2)
    cs.concat(["b.zarr", "c.zarr"], "z.zarr")
    assert json.loads(Path("z.zarr/.zarray").read_bytes())["fill_value"] is None
    assert zarr.open_array("z.zarr", mode="r")[:].tolist() == [0, -1, -1, 0, -2, -2]
    cs.concat(["b.zarr", "b.zarr"], "same.zarr")
    assert json.loads(Path("same.zarr/.zarray").read_bytes())["fill_value"] == -1
    assert not Path("same.zarr/1").exists()


@pytest.mark.usefixtures("_here")
def test_what_is_not_stored_of_times_is_no_time() -> None:
    wanted = ["1970-01-01T00:00:07", "NaT", "NaT"]
    sparse("a.zarr", None, "M8[s]")
    for out in ("y.npy", "y.h5", "y.zarr", "y3.zarr"):
        cs.concat("a.zarr", out, zarr_format=3 if "3" in out else None)
        assert cs.fetch(out).astype("M8[s]").astype(str).tolist() == wanted


@pytest.mark.usefixtures("_here")
def test_absent_chunks_keep_their_value_beside_another_marker() -> None:
    names = {"_ARRAY_DIMENSIONS": ["x"]}
    sparse("a.zarr", 7, form=3, dimension_names=["x"], attributes={"_FillValue": -9})
    cs.concat("a.zarr", "y.zarr::v", zarr_format=2)
    document = json.loads(Path("y.zarr/v/.zarray").read_bytes())
    assert document["fill_value"] == -9
    assert zarr.open_array("y.zarr/v", mode="r")[:].tolist() == [0, 7, 7]
    assert json.loads(Path("y.zarr/v/.zattrs").read_bytes()) == names
    cs.concat("a.zarr", "y.nc::v")
    with h5py.File("y.nc") as file:
        assert file["v"].fillvalue == file["v"].attrs["_FillValue"] == -9
        assert file["v"][:].tolist() == [0, 7, 7]


@given(st.floats(width=64) | st.integers(-(2**40), 2**40))
def test_markers_survive_xarrays_spelling(value: float) -> None:
    for dtype in ("f8", "f4", "i8", "c16"):
        kind = np.dtype(dtype)
        if kind.kind == "i" and (abs(value) > 2**53 or not float(value).is_integer()):
            continue
        with np.errstate(over="ignore"):
            element = kind.type(value)
        text = json.dumps(to_zarr3(element, kind), allow_nan=False)
        found = from_zarr3(json.loads(text), kind)
        assert found.tobytes() == element.tobytes() or (found != found and element != element)


def test_markers_of_other_writers_are_read() -> None:
    assert from_zarr3("NaN", np.dtype("f4")) != from_zarr3("NaN", np.dtype("f4"))
    assert from_zarr3(-9, np.dtype("i2")) == -9
    assert from_zarr3(-9.0, np.dtype("i2")) == -9
    for odd in (None, "x", [], {}, 1e9, 0.5, "!"):
        assert from_zarr3(odd, np.dtype("i2")) is None


def test_a_cast_to_bf16_and_back_keeps_what_is_missing(tmp_path: Path, monkeypatch: Any) -> None:
    pytest.importorskip("ml_dtypes")
    monkeypatch.chdir(tmp_path)
    with h5py.File("a.h5", "w") as file:
        for name, values, marker in (("x", [1, 2, 256], 256), ("nan", [1, 2, np.nan], np.nan)):
            file[name] = np.array(values, "f8")
            file[name].attrs["_FillValue"] = np.array([marker], "f8")
            file[name].attrs["missing_value"] = 2.0
    for name in ("x", "nan"):
        for output in ("y.h5", "y.zarr"):
            cs.concat([f"a.h5::{name}"], output, dtype="bfloat16", force=True)
            cs.concat([output], "z.h5", dtype="f4", force=True)
            cs.concat([output], "z.zarr", dtype="f4", force=True)
            for made in ("z.h5", "z.zarr"):
                np.testing.assert_array_equal(cs.fetch(made), cs.fetch(f"a.h5::{name}"))
        with h5py.File("z.h5") as file:
            assert file["data"].attrs["missing_value"] == 2


def test_numbers_that_bf16_makes_missing_are_refused(tmp_path: Path, monkeypatch: Any) -> None:
    pytest.importorskip("ml_dtypes")
    monkeypatch.chdir(tmp_path)
    for number, marker, dtype in ((257, 256, "bfloat16"), (1e30, np.nan, "float8_e4m3fn")):
        with h5py.File("a.h5", "w") as file:
            file["x"] = np.array([1, number, marker], "f8")
            file["x"].attrs["_FillValue"] = np.array([marker], "f8")
        with pytest.raises(cs.ConcatsplitError, match="stands for missing values") as caught:
            cs.concat(["a.h5::x"], "y.h5", dtype=dtype)
        assert caught.value.exit_code == 3


def test_times_are_rebased_to_bf16_exactly_or_not_at_all(tmp_path: Path, monkeypatch: Any) -> None:
    pytest.importorskip("ml_dtypes")
    monkeypatch.chdir(tmp_path)
    with h5py.File("a.h5", "w") as file:
        for name, values in (("a", [1.0]), ("b", [2.0]), ("c", [256.0])):
            file[name] = np.array(values)
            file[name].attrs["units"] = f"days since 2000-01-0{2 - (name == 'a')}"
    cs.concat(["a.h5::a", "a.h5::b"], "y.npy", dtype="bfloat16")
    assert cs.fetch("y.npy").astype("f4").tolist() == [1, 3]
    with pytest.raises(cs.ConcatsplitError, match="cannot hold a result exactly"):
        cs.concat(["a.h5::a", "a.h5::c"], "z.npy", dtype="bfloat16")


@pytest.mark.parametrize("padding", [h5py.h5t.STR_NULLTERM, h5py.h5t.STR_NULLPAD])
@pytest.mark.parametrize("fill", [b"-", b"abc", b"a\0c"])
def test_absent_chunks_of_text_keep_their_fill_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, padding: int, fill: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    stored = np.array([b"x", *[fill] * 3, b"xyz", fill], "S3")
    made = zarr.create_array(
        "a.zarr", shape=6, chunks=2, dtype="S3", fill_value=fill, zarr_format=2
    )
    made[[0, 4]] = stored[[0, 4]]
    cs.concat("a.zarr", "b.h5")
    kind = h5py.h5t.C_S1.copy()
    kind.set_size(3)
    kind.set_strpad(padding)
    with h5py.File("b.h5", "a") as file:
        np.testing.assert_array_equal(file["data"], stored)
        plist, space = file["data"].id.get_create_plist(), h5py.h5s.create_simple((6,))
        plist.set_fill_value(np.array(fill, h5py.string_dtype()))
        h5py.h5d.create(file.id, b"absent", kind, space, plist)
    for name in ("c.h5", "c.nc"):
        cs.concat("b.h5::absent", name)
        with h5py.File(name) as file:
            assert set(file["data"][:]) == {fill.partition(b"\0")[0]}


def test_scalars_of_zarr_2_are_open_to_xarray(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It opens no group with a scalar that does not say that it has no dimensions."""
    monkeypatch.chdir(tmp_path)
    with h5py.File("a.h5", "w") as file:
        file["crs"], file["height"] = np.int32(0), 2.0
    cs.concat("a.h5", "y.zarr", zarr_format=2)
    assert readers.xarray("y.zarr", "crs").values == 0
    group = zarr.open_group("y.zarr", mode="r+")
    group.create_array("gone", shape=(), dtype="f8", fill_value=7).attrs["_ARRAY_DIMENSIONS"] = []
    cs.concat("y.zarr", "z.zarr", zarr_format=3)
    for name in ("y.zarr", "z.zarr"):
        assert np.isnan(readers.xarray(name, "gone").values)
