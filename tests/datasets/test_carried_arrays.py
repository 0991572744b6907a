"""Arrays that are copied as they are have to be the same in all inputs, also in what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import concatsplit_core as cs
from concatsplit_core.foundation.errors import (
    MalformedInput,
    MeaningMismatch,
    OutputExists,
    ShapeMismatch,
    UsageError,
)

AXES = ["lat=carry", "*=0"]


def write(path: str, lat: Any, **attrs: Any) -> str:
    """A file with an array that is joined, and one that is carried."""
    with h5py.File(path, "w") as file:
        file["x"], file["lat"] = np.zeros((2, 3)), lat
        file["lat"].attrs.update(attrs)
    return path


def test_a_missing_value_equals_itself() -> None:
    lat = np.array([1, np.nan, 3])
    cs.concat([write("a.h5", lat), write("b.h5", lat)], "y.h5", axis=AXES)
    np.testing.assert_array_equal(cs.fetch("y.h5::lat"), lat)


@pytest.mark.parametrize(
    ("one", "other", "what"),
    [
        ({"scale_factor": 0.1}, {"scale_factor": 0.2}, "scale_factor 0.2 differs"),
        ({"units": "degrees_north"}, {"units": "radians"}, "units 'radians' differs"),
        ({"units": "days since 2000-01-01"}, {"units": "days since 2001-01-01"}, "other units"),
        ({}, {"_Unsigned": "true"}, None),
        ({"long_name": "a"}, {"long_name": "b"}, None),
        ({"_FillValue": -1.0}, {}, None),
    ],
)
def test_the_same_numbers_with_another_meaning(
    one: dict[str, Any], other: dict[str, Any], what: str | None
) -> None:
    refs = [write("a.h5", np.arange(3.0), **one), write("b.h5", np.arange(3.0), **other)]
    if what is None:
        cs.concat(refs, "y.h5", axis=AXES)
        return
    for conflicts in ("exact", "convert"):
        with pytest.raises(MeaningMismatch, match=r"'lat' has no axis .*: .*--carry first"):
            cs.concat(refs, "y.h5", axis=AXES, conflicts=conflicts)
    with pytest.raises(MeaningMismatch, match=what):
        cs.concat(refs, "y.h5", axis=AXES)
    assert not Path("y.h5").exists()
    cs.concat(refs, "y.h5", axis=AXES, carry="first")
    cs.concat(refs, "z.h5", axis=AXES, conflicts="first")


@pytest.mark.parametrize("other", [np.arange(3), np.arange(3, dtype="f4"), np.arange(4.0)])
def test_another_dtype_or_shape(other: np.ndarray) -> None:
    refs = [write("a.h5", np.arange(3.0)), write("b.h5", other)]
    with pytest.raises(MalformedInput, match=r"'lat'.*\(3,\) <f8 and"):
        cs.concat(refs, "y.h5", axis=AXES)


def test_an_array_that_is_a_scalar_in_a_later_input() -> None:
    with h5py.File("a.h5", "w") as one, h5py.File("b.h5", "w") as two:
        one["x"], one["y"] = np.zeros(3), np.zeros(3)
        two["x"], two["y"] = 1.0, np.zeros(3)
    with pytest.raises(ShapeMismatch, match=r"input 1 \(b.h5::x\).*in rank"):
        cs.concat(["a.h5", "b.h5"], "y.h5")


def test_places_that_hold_no_data_set() -> None:
    refs = [write("a.h5", np.zeros(3)), write("b.h5", np.zeros(3))]
    cs.concat(refs, "y.h5", axis=AXES)
    with pytest.raises(
        OutputExists, match=r"output y.h5 exists and holds 2 arrays \(lat, x\); give"
    ):
        cs.concat(refs, "y.h5", axis=AXES)
    with pytest.raises(UsageError, match="2 arrays do not go to stdout; name a container"):
        cs.concat(refs, "-", axis=AXES)
    with pytest.raises(UsageError, match=r"input 1 \(b.h5::x\): is one array"):
        cs.concat(["a.h5", "b.h5::x"], "z.h5", axis=AXES)
