"""What ``--json`` prints: the keys of the contract, the numbers of the run, and errors."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pytest
import zarr

KEYS = {
    "operator", "dry_run", "axis", "add_axis", "inputs", "outputs", "split_info", "routes", "cost",
    "bytes_read", "bytes_written", "peak_memory_bytes", "tasks",
}  # fmt: skip
BLOB = {"ref", "format", "shape", "dtype", "start", "stop"}
INFO = {
    "ref", "format", "shape", "dtype", "chunks", "shards", "codec", "order", "nbytes",
    "stored_bytes", "attrs", "dims",
}  # fmt: skip
RUNS = {
    "concat": ("concat", "a.npy", "b.npy", "-o", "y.npy", "--axis", 1),
    "concat to hdf5": ("concat", "a.npy", "b.npy", "-o", "y.h5", "--codec", "gzip:1"),
    "concat to zarr": ("concat", "a.npy", "b.npy", "-o", "y.zarr", "--chunks", "3,3"),
    "concat from hdf5": ("concat", "s.h5::x", "b.npy", "-o", "y.npy", "--axis", -1),
    "stack": ("stack", "a.npy", "b.npy", "-o", "y.npy", "--axis", -1),
    "split": ("split", "a.npy", "-o", "p{index}.npy", "--lengths", "1,3"),
    "split into a container": ("split", "a.npy", "-o", "p.h5::{index}", "--size", 3, "--axis", 1),
    "unstack": ("unstack", "s.h5::x", "-o", "p{index}.zarr"),
}


@pytest.fixture
def store(shell: Any, pair: Any) -> None:
    """A chunked data set beside the pair of .npy files."""
    with h5py.File("s.h5", "w") as file:
        file.create_dataset("x", data=pair[0], chunks=(3, 4), compression="gzip")
        file["y"] = pair[1]


@pytest.mark.parametrize("run", RUNS)
def test_a_run_prints_the_contracts_keys(shell: Any, store: None, run: str) -> None:
    done = shell.ok(*RUNS[run], "--json").json
    assert set(done) - {"plan", "notes"} == KEYS | {"seconds"}
    assert done["operator"] == RUNS[run][0]
    assert done["dry_run"] is False
    assert done["seconds"] >= 0
    assert set(done["routes"]) == {"kernel", "encoded", "mapped", "decoded"}
    assert set(done["cost"]) == {"flops", "bytes_moved", "params_bytes"}
    for blob in done["inputs"] + done["outputs"]:
        assert set(blob) == BLOB
    assert sum(done["routes"].values()) == done["bytes_written"] == done["cost"]["bytes_moved"]


@pytest.mark.parametrize("run", RUNS)
def test_a_dry_run_creates_nothing_and_says_what_the_run_says(
    shell: Any, store: None, run: str
) -> None:
    before = shell.snapshot()
    planned = shell.ok(*RUNS[run], "--json", "--dry-run").json
    assert shell.snapshot() == before
    done = shell.ok(*RUNS[run], "--json").json
    assert planned.pop("dry_run") is True
    assert done.pop("dry_run") is False
    assert done.pop("seconds") >= 0
    assert planned == done


@pytest.mark.parametrize("run", RUNS)
def test_a_dry_run_for_people_creates_nothing(shell: Any, store: None, run: str) -> None:
    before = shell.snapshot()
    assert shell.ok(*RUNS[run], "--dry-run").out
    assert shell.snapshot() == before


def test_the_example_of_the_contract(shell: Any) -> None:
    shell.save(a=np.zeros((2, 3), "<f4"), b=np.ones((2, 5), "<f4"))
    done = shell.ok("concat", "a.npy", "b.npy", "-o", "y.npy", "--axis", 1, "--json").json
    a = {"ref": "a.npy", "format": "npy", "shape": [2, 3], "dtype": "<f4", "start": 0, "stop": 3}
    assert done["inputs"] == [a, a | {"ref": "b.npy", "shape": [2, 5], "start": 3, "stop": 8}]
    assert done["outputs"] == [a | {"ref": "y.npy", "shape": [2, 8], "stop": 8}]
    assert done["split_info"] == [3, 5]
    assert done["cost"] == {"flops": 16, "bytes_moved": 64, "params_bytes": 0}
    assert (done["axis"], done["add_axis"]) == (1, False)
    assert (done["bytes_read"], done["bytes_written"]) == (64, 64)
    assert done["tasks"] >= 1
    assert 64 <= done["peak_memory_bytes"] <= 256 << 20


def test_negative_axes_are_reported_from_the_front(shell: Any, pair: Any) -> None:
    done = shell.ok("stack", "a.npy", "b.npy", "-o", "y.npy", "--axis", -1, "--json").json
    assert (done["axis"], done["add_axis"], done["split_info"]) == (2, True, [1, 1])
    assert [(blob["start"], blob["stop"]) for blob in done["inputs"]] == [(0, 1), (1, 2)]


def test_a_split_says_where_its_parts_lie(shell: Any, pair: Any) -> None:
    done = shell.ok("split", "a.npy", "-o", "p{index}.npy", "--lengths", "1,0,3", "--json").json
    assert done["split_info"] == [1, 0, 3]
    assert [(o["ref"], o["start"], o["stop"]) for o in done["outputs"]] == [
        ("p0.npy", 0, 1), ("p1.npy", 1, 1), ("p2.npy", 1, 4),
    ]  # fmt: skip
    dropped = shell.ok("split", "a.npy", "-o", "d.npy", "--size", 4, "--json").json
    assert dropped["inputs"][0]["stop"] == 4


ERRORS = {
    "usage": (2, "AxisError", ("concat", "a.npy", "b.npy", "-o", "y.npy", "--axis", 9)),
    "click's usage": (2, "UsageError", ("concat", "a.npy", "-o", "y.npy", "--jobs", "x")),
    "no option of that name": (2, "UsageError", ("concat", "a.npy", "-o", "y.npy", "--nope")),
    "shape": (3, "ShapeMismatch", ("concat", "a.npy", "c.npy", "-o", "y.npy")),
    "dtype": (3, "DtypeMismatch", ("concat", "a.npy", "d.npy", "-o", "y.npy")),
    "missing": (4, "InputUnavailable", ("info", "missing.npy")),
    "exists": (5, "OutputExists", ("concat", "a.npy", "-o", "b.npy")),
    "is an input": (5, "OutputIsInput", ("concat", "a.npy", "-o", "a.npy", "--force")),
    "budget": (10, "OverBudget", ("concat", "a.npy", "-o", "y.npy", "--memory", "1")),
    "pickled": (11, "UnsafeContent", ("concat", "o.npy", "-o", "y.npy")),
}


@pytest.mark.parametrize("error", ERRORS)
def test_errors_are_objects_too(shell: Any, pair: Any, error: str) -> None:
    shell.save(c=np.zeros((4, 5), "<f4"), d=np.zeros((4, 6), "<i4"), o=np.array([None]))
    code, kind, args = ERRORS[error]
    before = shell.snapshot()
    outcome = shell.run(*args, "--json")
    assert outcome.code == code
    assert set(outcome.json) == {"error"}
    assert outcome.json["error"] == {"code": code, "kind": kind, "message": outcome.message}
    shell.one_line(outcome.err)
    assert shell.snapshot() == before


def test_info_prints_the_contracts_keys(shell: Any, store: None) -> None:
    with h5py.File("s.h5", "r+") as file:
        file["x"].attrs["unit"] = "m"
    zarr.create_array(
        "z.zarr", data=np.zeros((8, 8), "<i2"), chunks=(2, 4), shards=(4, 8), compressors=None
    )
    done = shell.ok("info", "a.npy", "s.h5", "z.zarr", "--json").json
    assert set(done) == {"blobs"}
    assert all(set(blob) == INFO for blob in done["blobs"])
    a, x, y, z = done["blobs"]
    assert a == {
        "ref": "a.npy", "format": "npy", "shape": [4, 6], "dtype": "<f4", "chunks": None,
        "shards": None, "codec": "none", "order": "C", "nbytes": 96, "stored_bytes": 96,
        "attrs": {}, "dims": None,
    }  # fmt: skip
    assert (x["ref"], x["chunks"], x["attrs"]) == ("s.h5::x", [3, 4], {"unit": "m"})
    assert (y["ref"], y["chunks"], y["nbytes"]) == ("s.h5::y", None, 96)
    assert (z["format"], z["chunks"], z["shards"]) == ("zarr", [2, 4], [4, 8])


def test_info_for_people_shows_every_array_and_attribute(shell: Any, store: None) -> None:
    with h5py.File("s.h5", "r+") as file:
        file["x"].attrs["unit"] = "[bold]m[/bold]"
    out = shell.ok("info", "a.npy", "s.h5").out
    for word in ("a.npy", "s.h5::x", "s.h5::y", "4 x 6", "3 x 4", "@unit = [bold]m[/bold]"):
        assert word in out


def test_tables_for_scripts_have_one_line_a_blob(shell: Any, pair: Any) -> None:
    name = "a-name-that-is-as-wide-as-a-terminal-" + "x" * 90 + "\n.npy"
    shell.save(**{name.removesuffix(".npy"): pair[0]})
    lines = shell.ok("info", "a.npy", name).out.splitlines()
    assert lines[0].split() == ["blob", "shape", "dtype", "chunks", "codec", "size", "stored"]
    assert len(lines) == 5
    assert lines[3].startswith(name.replace("\n", "\\n"))
    starts = {
        line.index(word)
        for line, word in zip(lines[:1] + lines[2:4], ("shape", *["4 x 6"] * 2), strict=True)
    }
    assert len(starts) == 1
    shell.ok("concat", "a.npy", name, "-o", "y.npy", "--dry-run")


@pytest.mark.parametrize("ref", ["s.h5::y", "*.npy", "a.npy"])
def test_info_takes_references_as_the_operators_do(shell: Any, store: None, ref: str) -> None:
    blobs = shell.ok("info", ref, "--json").json["blobs"]
    expected = ["a.npy", "b.npy"] if ref == "*.npy" else [ref]
    assert [blob["ref"] for blob in blobs] == expected


@pytest.mark.parametrize(
    ("value", "shown"),
    [(np.float32(0.5), 0.5), (np.arange(2), [0, 1]), ("text", "text"), (np.nan, "NaN")],
)
def test_attributes_of_hdf5_are_json(shell: Any, value: Any, shown: Any) -> None:
    with h5py.File("s.h5", "w") as file:
        file["x"] = np.zeros(2)
        file["x"].attrs["key"] = value
    outcome = shell.ok("info", "s.h5", "--json")
    found = outcome.json["blobs"][0]["attrs"]["key"]
    assert found == shown
