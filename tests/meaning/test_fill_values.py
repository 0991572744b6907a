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
