"""Attributes that depend on each other, or on the dtype: none is changed without the others."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

import concatsplit_core as cs
from concatsplit_core.foundation.errors import MeaningMismatch
from concatsplit_core.meaning.conversions import Inexact, Rebase
from concatsplit_core.meaning.missing import as_marker
from concatsplit_core.meaning.times import parse_time, rebase

Read = Callable[[str], Any]
JANUARY, FEBRUARY = "days since 2020-01-01", "days since 2020-02-01"


@pytest.mark.parametrize("rule", ["exact", "convert"])
@pytest.mark.parametrize(
    "more",
    [{"scale_factor": 0.5}, {"add_offset": 1.0}, {"_Unsigned": "true"}, {"valid_max": 30}],
    ids=lambda more: next(iter(more)),
)
def test_times_are_not_rebased_under_what_depends_on_them(
    make: Any, read: Read, rule: Any, more: dict[str, Any]
) -> None:
    data = np.array([2, 3], "i2")
    refs = [make("a", data, units=JANUARY, **more), make("b", data, units=FEBRUARY, **more)]
    with pytest.raises(MeaningMismatch, match=f"b.*{FEBRUARY}.*a.*{JANUARY}.*{next(iter(more))}"):
        cs.concat(refs, "y.h5", conflicts=rule)
    alike = make("c", data, units="day since 2020-01-01 00:00", **more)
    cs.concat([refs[0], alike], "y.h5", conflicts=rule)
    assert read("y.h5")[0].tolist() == [2, 3, 2, 3]


def test_reference_dates_before_the_reform_mean_other_days() -> None:
    old, new = "days since 0001-01-01", "days since 2000-01-01"
    for here, there in ((old, new), (new, old), (old, old)):
        for calendars in (("standard", "proleptic_gregorian"), ("proleptic_gregorian", "standard")):
            one, two = (parse_time(*each) for each in zip((here, there), calendars, strict=True))
            assert one is not None
            assert two is not None
            assert rebase(one, two) is None


def test_the_year_0_is_converted_in_silence(make: Any, read: Read) -> None:
    refs = [make(f"a{y}", [1, 2], units=f"days since {y}-1-1", calendar="noleap") for y in (0, 1)]
    cs.concat(refs, "y.h5")
    assert read("y.h5")[0].tolist() == [1, 2, 366, 367]


@given(st.integers(1 << 53, 1 << 60), st.integers(2, 9))
def test_whole_numbers_beyond_doubles_are_not_rounded_before_they_are_divided(
    value: int, over: int
) -> None:
    try:
        found = Rebase(1, 0, over).apply(np.array([value]), np.dtype("f8"), True)
    except Inexact:
        assert value % over or float(value // over) != value // over
        return
    assert Fraction(found[0].item()) * over == value


def test_a_cast_that_would_change_the_sign_is_refused(make: Any) -> None:
    ref = make("a", np.array([-1, 3], "i1"), _Unsigned="true")
    wide = make("b", np.array([-1, 3], "i2"), _Unsigned="true")
    with pytest.raises(MeaningMismatch, match=r"a.*_Unsigned 'true'.*int8.*int16"):
        cs.concat(ref, "y.h5", dtype="i2")
    with pytest.raises(MeaningMismatch, match="_Unsigned"):
        cs.concat([ref, wide], "y.h5", promote=True)
    cs.concat(ref, "y.h5", dtype=">i1")


def test_unsigned_items_that_are_signed_differ_from_others(make: Any, read: Read) -> None:
    signed = make("a", np.array([200, 3], "u1"), _Unsigned="false", scale_factor=0.5)
    plain = make("b", np.array([200, 3], "u1"), scale_factor=0.5)
    with pytest.raises(MeaningMismatch, match="_Unsigned"):
        cs.concat([signed, plain], "y.h5")
    cs.concat([signed, plain], "y.h5", conflicts="convert")
    assert read("y.h5")[0].tolist() == [-28, 1.5, 100, 1.5]


@given(st.sampled_from(["i1", "i2", "i4", "i8"]), st.data())
def test_a_marker_is_found_however_its_sign_is_written(name: str, data: st.DataObject) -> None:
    for dtype in (np.dtype(name), np.dtype(name.replace("i", "u"))):
        sign = "u" if dtype.kind == "i" else "i"
        info = np.iinfo(dtype)
        stored = np.array(data.draw(st.integers(int(info.min), int(info.max))), dtype)
        seen = stored.view(f"{sign}{dtype.itemsize}")
        assert (
            as_marker(seen.item(), dtype, sign) == as_marker(stored.item(), dtype, sign) == stored
        )


def test_dimensions_in_another_order_are_refused(make: Any) -> None:
    for number, labels in enumerate((("t", "x"), ("x", "t"))):
        with h5py.File(f"d{number}.h5", "w") as file:
            made = file.create_dataset("v", data=np.eye(2))
            for axis, label in enumerate(labels):
                made.dims[axis].label = label
    with pytest.raises(MeaningMismatch, match=r"d1.*\['x', 't'\].*d0.*\['t', 'x'\]"):
        cs.concat(["d0.h5::v", "d1.h5::v"], "y.h5")
    cs.concat(["d0.h5::v", "d1.h5::v"], "y.h5", conflicts="first")


def test_an_enum_cast_to_whole_numbers_stays_one(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    names = {"A": 0, "B": 100}
    for size in (1, 2):
        with h5py.File(f"{size}.h5", "w") as file:
            file["e"] = np.array([0, 100], h5py.enum_dtype(names, f"i{size}"))
    cs.concat(["1.h5", "2.h5"], "y.h5", promote=True)
    cs.concat("1.h5", "z.zarr", dtype="i8")
    with h5py.File("y.h5") as file:
        assert h5py.check_enum_dtype(file["data"].dtype) == names
    assert zarr.open_array("z.zarr", mode="r").attrs["flag_values"] == [0, 100]


def test_a_marker_that_is_no_element_is_noted(make: Any) -> None:
    with h5py.File("a.h5", "w") as file:
        file.create_dataset("v", data=np.array([1, 2], "i2")).attrs["_FillValue"] = np.nan
    group = zarr.open_group("a.zarr", mode="w")
    group.create_array("v", data=np.array([1, 2], "i2"), attributes={"_FillValue": 70000})
    for ref, shown in (("a.h5::v", "nan"), ("a.zarr::v", "70000")):
        notes = cs.concat(ref, "y.h5", force=True).notes
        assert notes == (
            f"{ref}: attribute '_FillValue' is left out: {shown} is not a value of int16",
        )


def test_missing_values_outlive_zarr_2_without_names(make: Any, read: Read) -> None:
    for value in (-9.0, np.nan, np.inf):
        with h5py.File("a.h5", "w") as file:
            made = file.create_dataset("v", data=[1.0, value])
            made.attrs["_FillValue"] = [value]
        cs.concat("a.h5::v", "y.zarr", zarr_format=2, force=True)
        assert np.array_equal(read("y.zarr")[1].missing, value, equal_nan=True)


@pytest.mark.parametrize("form", [2, 3])
def test_markers_come_back_from_json(tmp_path: Path, monkeypatch: Any, form: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with h5py.File("a.h5", "w") as file:
        file.create_dataset("f", data=[1.0, np.nan]).attrs["missing_value"] = [1.0, np.nan]
        file.create_dataset("c", data=[1j, np.nan]).attrs["_FillValue"] = np.complex128(np.nan)
    for name, attr in (("f", "missing_value"), ("c", "_FillValue")):
        cs.concat(f"a.h5::{name}", f"{name}.zarr", zarr_format=form)
        assert cs.concat(f"{name}.zarr", f"{name}.h5").notes == ()
        with h5py.File("a.h5") as one, h5py.File(f"{name}.h5") as two:
            assert np.array_equal(
                np.ravel(two["data"].attrs[attr]), np.ravel(one[name].attrs[attr]), equal_nan=True
            )
