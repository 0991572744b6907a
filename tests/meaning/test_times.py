"""Times in other units: exact as cftime and whole numbers say, or refused."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import cftime
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import concatsplit_core as cs
from concatsplit_core.foundation.errors import MeaningMismatch
from concatsplit_core.meaning.conversions import Inexact, Rebase
from concatsplit_core.meaning.times import parse_time, rebase

Read = Callable[[str], Any]

NUMBERS = st.integers(1, 86_400_000)
DTYPES = st.sampled_from(["i1", "u2", "i4", "i8", "u8", "f4", "f8"])


@given(NUMBERS, st.integers(-(10**12), 10**12), NUMBERS, DTYPES, st.data())
def test_results_are_those_of_fractions_or_refused(
    times: int, plus: int, over: int, dtype: str, data: st.DataObject
) -> None:
    kind = np.dtype(dtype)
    if kind.kind == "f":
        elements: Any = st.floats(-1e9, 1e9, width=8 * kind.itemsize) | st.integers(-999, 999)
    else:
        info = np.iinfo(kind)
        elements = st.integers(int(info.min), int(info.max)) | st.integers(0, 9)
    values = np.array(data.draw(st.lists(elements, min_size=1, max_size=5)), kind)
    wanted = [(Fraction(v.item()) * times + plus) / over for v in values]
    try:
        found = Rebase(times, plus, over).apply(values, kind, True)
    except Inexact:
        assert not all(_holds(kind, each) for each in wanted)
        return
    assert found.dtype == kind
    assert [Fraction(v.item()) for v in found] == wanted


def _holds(dtype: np.dtype, value: Fraction) -> bool:
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            made = dtype.type(float(value))
        return bool(np.isfinite(made)) and Fraction(made.item()) == value
    info = np.iinfo(dtype)
    return value.denominator == 1 and info.min <= value <= info.max


UNITS = ("days", "hours", "minutes", "seconds", "milliseconds", "microseconds")
DATES = ("1970-01-01", "2000-02-28 06:30:00", "1850-1-1 0:0:0", "2020-01-01T00:00:00Z")
CALENDARS = (
    "standard",
    "gregorian",
    "proleptic_gregorian",
    "noleap",
    "365_day",
    "360_day",
    "julian",
)


@given(
    st.sampled_from(UNITS),
    st.sampled_from(UNITS),
    st.sampled_from(DATES),
    st.sampled_from(DATES),
    st.sampled_from(CALENDARS),
    st.integers(-5000, 5000),
)
def test_the_same_moment_as_cftime(
    here: str, there: str, since: str, to: str, calendar: str, value: int
) -> None:
    if calendar in {"360_day", "noleap", "365_day", "julian"} and "02-28" in since + to:
        since = to = "1970-01-01"
    own, wanted = (f"{here} since {since}", f"{there} since {to}")
    step = rebase(parse_time(own, calendar), parse_time(wanted, calendar))  # type: ignore[arg-type]
    assert step is not None
    moved = step.apply(np.array([float(value)]), np.dtype("f8"), False)
    before = cftime.num2date(value, own, calendar)
    after = cftime.num2date(moved[0], wanted, calendar)
    assert abs((after - before).total_seconds()) < 2e-3


MONTHS = [("days since 2020-01-01", [0, 1]), ("days since 2020-02-01 00:00:00", [0, 1])]


def test_months_are_joined_as_dates(make: Any, read: Read) -> None:
    for dtype in ("i2", "i8", "f4", "f8"):
        refs = [
            make(f"{dtype}{i}", np.array(values, dtype), units=units, calendar="standard")
            for i, (units, values) in enumerate(MONTHS)
        ]
        cs.concat(refs, f"y{dtype}.zarr::v")
        array, meaning = read(f"y{dtype}.zarr::v")
        assert (array.dtype, array.tolist()) == (dtype, [0, 1, 31, 32])
        assert meaning.attrs["units"] == "days since 2020-01-01"


def test_units_that_say_the_same_need_no_conversion(make: Any) -> None:
    same = ("hours since 2020-01-01", "hour since 2020-01-01 00:00:00", "h since 2020-1-1T0:00Z")
    refs = [make(f"a{i}", np.array([0, 1], "i4"), units=units) for i, units in enumerate(same)]
    result = cs.concat(refs, "y.zarr::v")
    assert "the values of an input are converted" not in str(result.plan.reasons)


def test_what_the_dtype_does_not_hold_is_refused_or_rounded(make: Any, read: Read) -> None:
    refs = [
        make("a", np.array([0, 1], "i4"), units="days since 2020-01-01"),
        make("b", np.array([0, 1], "i4"), units="hours since 2020-01-01"),
    ]
    with pytest.raises(MeaningMismatch, match=r"not whole.*--conflicts convert"):
        cs.concat(refs, "y.zarr::v")
    cs.concat(refs, "y.zarr::v", conflicts="convert")
    array, _ = read("y.zarr::v")
    assert array.tolist() == [0, 1, 0, 1 / 24]
    small = [
        make("c", np.array([0, 1], "i1"), units="seconds since 2020-01-01"),
        make("d", np.array([0, 1], "i1"), units="days since 2020-01-01"),
    ]
    with pytest.raises(MeaningMismatch, match="86400 is outside the range of int8"):
        cs.concat(small, "z.zarr::v")
    cs.concat(small, "z.zarr::v", conflicts="convert")
    array, _ = read("z.zarr::v")
    assert (array.dtype, array.tolist()) == ("i8", [0, 1, 0, 86400])


def test_missing_times_stay_missing(make: Any, read: Read) -> None:
    refs = [
        make("a", np.array([0, -1], "i4"), -1, units="days since 2020-01-01"),
        make("b", np.array([0, -7, 2147483647], "i4"), -7, units="days since 2020-02-01"),
    ]
    with pytest.raises(MeaningMismatch, match="outside the range"):
        cs.concat(refs, "y.zarr::v")
    refs[1] = make("c", np.array([0, -7, 5], "i4"), -7, units="days since 2020-02-01")
    cs.concat(refs, "y.zarr::v")
    array, meaning = read("y.zarr::v")
    assert array.tolist() == [0, -1, 31, -1, 36]
    assert meaning.missing == -1


@pytest.mark.parametrize("dtype", ["i4", "f8"])
def test_a_time_never_becomes_the_marker_of_missing_ones(make: Any, read: Read, dtype: str) -> None:
    refs = [
        make("a", np.array([0, 5], dtype), 0, units="days since 2020-01-01"),
        make("b", np.array([0, -1, 7], dtype), 0, units="days since 2020-01-02"),
    ]
    for rule in ("exact", "convert"):
        with pytest.raises(MeaningMismatch, match=r"input 1.*holds 0.*missing.*--conflicts first"):
            cs.concat(refs, "y.zarr::v", conflicts=rule)
    refs[1] = make("c", np.array([0, -2, 7], dtype), 0, units="days since 2020-01-02")
    cs.concat(refs, "y.zarr::v")
    array, meaning = read("y.zarr::v")
    assert (array.tolist(), meaning.missing) == ([0, 5, 0, -1, 8], 0)


def test_calendars_that_agree_since_1582_are_one(make: Any, read: Read) -> None:
    refs = [
        make("a", [0.0, 1.0], units="days since 2000-01-01", calendar="proleptic_gregorian"),
        make("b", [0.0, 1.0], units="days since 2000-01-02", calendar="standard"),
    ]
    cs.concat(refs, "y.zarr::v")
    assert read("y.zarr::v")[0].tolist() == [0, 1, 1, 2]
    refs[1] = make("c", [0.0, -200000.0], units="days since 2000-01-02", calendar="standard")
    with pytest.raises(MeaningMismatch, match="1582"):
        cs.concat(refs, "z.zarr::v")


def test_a_date_that_is_none_is_refused(make: Any) -> None:
    for units in (
        "days since 2020-13-01",
        "days since yesterday",
        "days since 2020-01-01 0:0:0.1234567",
    ):
        refs = [make("a", [0.0, 1.0], units=MONTHS[0][0]), make("b", [0.0, 1.0], units=units)]
        with pytest.raises(MeaningMismatch, match="units"):
            cs.concat(refs, "y.zarr::v")
