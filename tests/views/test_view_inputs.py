"""Views of every kind of input, and of inputs that have to be converted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from conformance.arrays import assert_same, make
from datasets.climate import call
from properties.test_results import LAYOUTS, write

import concatsplit_core as cs
from concatsplit_core.formats.netcdf3 import reading
from concatsplit_core.foundation.errors import (
    AmbiguousContainer,
    DtypeMismatch,
    InputChanged,
    InputUnavailable,
    MalformedInput,
    MeaningMismatch,
    OverBudget,
    ShapeMismatch,
    UsageError,
)

ARRAY = make("<f4", (9, 4), 1)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def in_npz() -> str:
    np.savez("a.npz", x=ARRAY)
    return "a.npz::x"


def in_deflated_npz() -> str:
    np.savez_compressed("a.npz", x=ARRAY)
    return "a.npz"


def in_safetensors() -> str:
    cs.feed("a.safetensors::x", ARRAY, sync=False)
    return "a.safetensors::x"


def in_raw() -> str:
    ARRAY.tofile("a.raw")
    return "a.raw::float32,*,4"


def in_zarr_zip() -> str:
    cs.feed("a.zarr.zip", ARRAY, sync=False)
    return "a.zarr.zip"


def in_rectilinear_zarr() -> str:
    np.save("a0.npy", ARRAY[:2])
    np.save("a1.npy", ARRAY[2:])
    for i in range(2):
        cs.concat([f"a{i}.npy"], f"a{i}.zarr", chunks=(2 + i, 4), sync=False)
    cs.concat(["a0.zarr", "a1.zarr"], "a.zarr", grid="rectilinear", sync=False)
    return "a.zarr"


def in_compact_hdf5() -> str:
    with h5py.File("a.h5", "w") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple(ARRAY.shape)
        made = h5py.h5d.create(file.id, b"x", h5py.h5t.py_create(ARRAY.dtype), space, plist)
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, ARRAY)
    return "a.h5"


def an_open_dataset() -> Any:
    file = h5py.File("a.h5", "w")
    return file.create_dataset("x", data=ARRAY, chunks=(2, 3))


def an_open_zarr() -> Any:
    array = zarr.create_array("a.zarr", shape=ARRAY.shape, chunks=(4, 3), dtype=ARRAY.dtype)
    array[:] = ARRAY
    return array


KINDS = (in_npz, in_deflated_npz, in_safetensors, in_raw, in_zarr_zip, in_rectilinear_zarr,
         in_compact_hdf5, an_open_dataset, an_open_zarr, lambda: np.asfortranarray(ARRAY),
         lambda: ARRAY[::-1][::-1])  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_of_input(kind: Any) -> None:
    given = kind()
    with cs.open([given, given], axis=1) as view:
        both = np.concatenate([ARRAY, ARRAY], 1)
        for key in (3, (slice(None, None, -3), slice(2, 7)), (..., [7, 0, 3]), (8, 7), ...):
            assert_same(view[key], both[key])
        assert len(view.inputs) == 2


def test_arrays_without_axes_are_stacked() -> None:
    numbers = [np.array(n, "<f8") for n in range(len(LAYOUTS))]
    refs = [write(Path(f"in{i}"), one, how) for i, (one, how) in enumerate(zip(numbers, LAYOUTS,
            strict=True))]  # fmt: skip
    with cs.open(refs, add_axis=True) as view:
        assert_same(view[::-1], np.stack(numbers)[::-1])
        assert view[3] == 3
    for ref, one in zip(refs, numbers, strict=True):
        with cs.open(ref) as view:
            assert view.shape == ()
            assert_same(view[...], one)
            assert_same(view[None], one[None])


def test_items_of_no_bytes() -> None:
    nothing = np.zeros((3, 2), "V0")
    np.save("x.npy", nothing)
    with cs.open(["x.npy", nothing]) as view:
        assert view[4:].shape == (2, 2)


def test_rows_between_those_of_a_step_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_PIECE", 8)  # an element or two at a time
    call("netcdf_cases.make", "records", kind="NETCDF3_CLASSIC")
    whole = cs.fetch("in0.nc::air")
    with cs.open("in0.nc::air") as view:
        for step in (2, 3, 5):
            assert_same(view[::step, :, ::-step], whole[::step, :, ::-step])


def test_texts() -> None:
    texts = np.array([["a", "", "käse"], ["b" * 300, "c", "d"]], np.dtypes.StringDType())
    for ref in ("x.h5", "x.zarr"):
        cs.feed(ref, texts, sync=False)
        with cs.open([ref, texts]) as view:
            assert view[1, 0] == "b" * 300
            np.testing.assert_array_equal(np.asarray(view), np.concatenate([texts, texts]))
            np.testing.assert_array_equal(view[::3, 1:], np.concatenate([texts, texts])[::3, 1:])
        cs.feed(ref, texts[0], sync=False, force=True)
        with cs.open(ref) as view:
            assert list(view) == ["a", "", "käse"]


def test_classic_netcdf_has_named_axes() -> None:
    call("netcdf_cases.make", "records", kind="NETCDF3_CLASSIC")
    refs = ["in0.nc::air", "in1.nc::air"]
    whole = np.concatenate([cs.fetch(ref) for ref in refs])
    with cs.open(refs, axis="time") as view:
        assert view.dims == ("time", "lev", "lat", "lon")
        assert "dims ('time', 'lev', 'lat', 'lon')" in repr(view)
        for key in (..., 1, (slice(None, None, 2), 1), (slice(None), slice(None), [2, 0])):
            assert_same(view[key], whole[key])


def test_dtypes_are_cast_as_concat_casts_them() -> None:
    whole, parts = np.arange(6, dtype="<i2"), np.array([1.5, 2.5], "<f4")
    with pytest.raises(DtypeMismatch, match="--promote"):
        cs.open([whole, parts])
    with cs.open([whole, parts], promote=True) as view:
        assert_same(view[4:7], np.array([4, 5, 1.5], "<f4"))
    np.save("x.npy", whole)
    with cs.open(["x.npy", parts], dtype="f8") as view:
        assert_same(np.asarray(view), np.concatenate([whole, parts]).astype("f8"))
    with pytest.raises(DtypeMismatch):
        cs.open([parts], dtype="i4")


@pytest.mark.parametrize("chunks", [None, (2,)])
def test_times_are_rebased_as_concat_rebases_them(chunks: Any) -> None:
    for i, units in enumerate(("days since 2020-01-01", "days since 2020-02-01")):
        with h5py.File(f"t{i}.h5", "w") as file:
            made = file.create_dataset("t", data=np.arange(5, dtype="i4"), chunks=chunks)
            made.attrs["units"] = units
    with cs.open(["t0.h5", "t1.h5"]) as view:
        assert view[3:7].tolist() == [3, 4, 31, 32]
        assert view[-1] == 35
    with pytest.raises(MeaningMismatch):
        cs.open(["t0.h5", "t1.h5"], conflicts="refuse")
    with cs.open(["t0.h5", "t1.h5"], conflicts="first") as view:
        assert view[-1] == 4


def test_low_precision_is_that_of_ml_dtypes() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    numbers = np.arange(6).reshape(3, 2).astype(ml_dtypes.bfloat16)
    cs.feed("x.safetensors::w", numbers, sync=False)
    with cs.open(["x.safetensors::w", numbers]) as view:
        assert view.dtype == numbers.dtype
        assert view[4, 1] == 3
        assert view[0].dtype == numbers.dtype


BOTH = np.concatenate([ARRAY, ARRAY])

VIEW_AS_INPUT = {
    "concat": (lambda view: cs.concat(view, "y.npy"), BOTH),
    "concat of a list": (
        lambda view: cs.concat([view, ARRAY, view], "y.npy"),
        np.concatenate([BOTH, ARRAY, BOTH]),
    ),
    "concat on another axis": (
        lambda view: cs.concat([view, view], "y.npy", axis=1),
        np.concatenate([BOTH, BOTH], 1),
    ),
    "stack": (lambda view: cs.stack([view, view], "y.npy", axis=1), np.stack([BOTH, BOTH], 1)),
    "depth-concat": (
        lambda view: cs.depth_concat([view, view], "y.npy", "HC"),
        np.concatenate([BOTH, BOTH], 1),
    ),
    "split": (lambda view: cs.split(view, ["x.npy", "y.npy"], lengths=[7, 11]), BOTH[7:]),
    "reshard": (lambda view: cs.reshard(view, ["x.npy", "y.npy"], at=[5]), BOTH[5:]),
    "gradient concat": (lambda view: cs.concat_gradient(view, ["x.npy", "y.npy"], [9, 9]), ARRAY),
    "gradient split": (
        lambda view: cs.split_gradient([view, "zeros"], "y.npy", split_info=[18, 1]),
        np.concatenate([BOTH, np.zeros((1, 4), "<f4")]),
    ),
    "feed": (lambda view: cs.feed("y.npy", view), BOTH),
    "array of a data set": (lambda view: cs.concat([], "y.npz", arrays={"x": view}), BOTH),
    "view": (lambda view: np.save("y.npy", cs.open([view])[...]), BOTH),
}


@pytest.mark.parametrize("suffix", ["npy", "zarr"])
@pytest.mark.parametrize("operator", VIEW_AS_INPUT)
def test_a_view_is_an_input_of_every_operator(operator: str, suffix: str) -> None:
    run, expected = VIEW_AS_INPUT[operator]
    cs.feed(f"a.{suffix}", ARRAY, sync=False)
    with cs.open([f"a.{suffix}", ARRAY]) as view:
        run(view)
        made = "y.npz" if operator.endswith("set") else "y.npy"
        assert_same(cs.fetch(made), expected)
        assert_same(view[-1], BOTH[-1])  # it stays open


def test_a_view_can_be_described_and_compared() -> None:
    cs.feed("a.npy", ARRAY, sync=False)
    with cs.open(["a.npy", ARRAY]) as view:
        (found,) = cs.info(view, stats=True)
        assert (found.shape, found.format, found.stored_bytes) == ((18, 4), "view", BOTH.nbytes)
        assert found.stats is not None
        assert found.stats.max == np.nanmax(BOTH)
        assert_same(cs.fetch(view), BOTH)
        assert cs.diff(view, BOTH).equal
        result = cs.concat([view, ARRAY], "y.npy", manifest="m.json")
        assert result.to_dict()["split_info"] == [18, 9]
        recorded = json.loads(Path("m.json").read_text())
        assert [entry["ref"] for entry in recorded["inputs"]] == [None, None]
        with pytest.raises(UsageError, match="is an array in memory"):
            cs.concat(view, "z.npy", manifest="z.json", if_changed=True)
    with pytest.raises(UsageError, match="the view is closed"):
        cs.concat(view, "z.npy")
    np.save("s.npy", np.float64(3))
    with cs.open("s.npy") as scalar:
        assert cs.fetch(scalar) == 3
        assert_same(cs.fetch(cs.stack([scalar, 4.0], "t.npy").outputs[0].ref), np.array([3.0, 4]))


def test_what_a_view_means_goes_into_the_output() -> None:
    for i, units in enumerate(("days since 2020-01-01", "days since 2020-02-01")):
        with h5py.File(f"t{i}.h5", "w") as file:
            made = file.create_dataset("t", data=np.arange(5, dtype="i4"))
            made.attrs["units"] = units
    with cs.open(["t0.h5", "t1.h5"]) as view:
        cs.concat([view, "t1.h5"], "y.h5")
    with h5py.File("y.h5") as file:
        assert file["data"].attrs["units"] == "days since 2020-01-01"
        assert file["data"][9:].tolist() == [35, 31, 32, 33, 34, 35]


def test_a_file_of_a_view_that_changes_is_noticed_by_an_operator() -> None:
    np.save("x.npy", ARRAY)
    with cs.open("x.npy") as view:
        np.save("x.npy", ARRAY[1:])
        with pytest.raises(InputChanged, match="open the view again"):
            cs.concat(view, "y.npy")
    assert not Path("y.npy").exists()


WRONG = (
    ([], {}, UsageError, "no inputs"),
    (["missing.npy"], {}, InputUnavailable, "no such file"),
    ([""], {}, UsageError, "empty reference"),
    ([np.zeros((2, 3)), np.zeros((2, 4))], {}, ShapeMismatch, "axis 1"),
    ([np.zeros(3)], {"axis": 1}, UsageError, "axis 1 is out of range"),
    ([np.zeros(3)], {"axis": 0, "order": "C"}, UsageError, "give one of them"),
    ([np.zeros(3)], {"memory": "1 potato"}, UsageError, "memory"),
    (["several.npz"], {}, AmbiguousContainer, "several.npz"),
)


@pytest.mark.parametrize(
    ("inputs", "options", "error", "message"), WRONG, ids=[row[-1] for row in WRONG]
)
def test_what_does_not_fit_is_refused(
    inputs: Any, options: Any, error: type[Exception], message: str
) -> None:
    np.savez("several.npz", x=ARRAY, y=ARRAY)
    with pytest.raises(error, match=message):
        cs.open(inputs, **options)


def test_a_chunk_that_does_not_fit_the_memory_is_refused_when_it_is_read() -> None:
    cs.feed("x.zarr", np.zeros((64, 64), "f8"), chunks=(64, 64), sync=False)
    with cs.open("x.zarr", memory="16KiB") as view:
        assert view.shape == (64, 64)
        with pytest.raises(OverBudget, match="memory='32KiB'"):
            view[0]


def test_a_large_claim_with_nothing_behind_it_is_refused() -> None:
    zarr.create_array("x.zarr", shape=(1 << 50, 4), chunks=(1, 4), dtype="u1")
    with cs.open("x.zarr") as view:
        assert view[1 << 49].tolist() == [0] * 4
        with pytest.raises((MalformedInput, MemoryError)):
            np.asarray(view)
