"""--if-changed: does nothing if the manifest fits, and runs if anything differs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

import concatsplit_core as cs
from concatsplit_core.foundation.errors import OutputExists, UsageError
from concatsplit_core.run.manifest import sealed

RECORD = ("--manifest", "run.json", "--if-changed")
SAYS = "nothing has changed since the run that run.json records"


@pytest.fixture
def runs(shell: Any, pair: Any) -> Callable[..., bool]:
    """Runs a command that succeeds; whether it did anything."""

    def run(*args: Any) -> bool:
        before = {path: os.stat(path).st_mtime_ns for path in shell.names()}
        outcome = shell.run(*args, *RECORD, "--json")
        assert outcome.code == 0, outcome.err
        is_unchanged: bool = outcome.json["unchanged"]
        assert (SAYS in outcome.err) is is_unchanged
        if is_unchanged:
            after = {path: os.stat(path).st_mtime_ns for path in shell.names()}
            after.pop("y.d", None)
            assert after == before
        return not is_unchanged

    return run


JOINS = {
    "npy": ("concat", "a.npy", "b.npy", "-o", "y.npy"),
    "hdf5": ("concat", "a.npy", "b.npy", "-o", "y.h5::x", "--codec", "gzip:1"),
    "zarr": ("concat", "a.npy", "b.npy", "-o", "y.zarr", "--chunks", "2,2"),
    "member": ("concat", "a.npy", "b.npy", "-o", "y.zarr::g/x"),
    "parts": ("split", "a.npy", "-o", "p{index}.npy", "--size", 1),
    "vectors": ("concat", "a.npy", "b.npy", "-o", "y.npz", "--split-info", "s.npy"),
}


@pytest.mark.parametrize("join", JOINS)
def test_it_runs_once(shell: Any, pair: Any, runs: Any, join: str) -> None:
    command = JOINS[join]
    assert runs(*command)
    assert not runs(*command)
    assert not runs(*command, "--jobs", 1, "--memory", "1MiB", "--no-sync", "--depfile", "y.d")
    assert Path("y.d").exists()
    Path("y.d").unlink()
    shell.ok("verify", "run.json")
    np.save("a.npy", pair[0] + 1)
    assert runs(*command)
    assert not runs(*command)
    assert shell.names() == sorted({*shell.names()})


OPTIONS = (
    ("--axis", 1), ("--dtype", "f8"), ("--attrs", "none"), ("--conflicts", "first"),
    ("--codec", "gzip:2"), ("--chunks", "2,2"), ("--checksum", "none"), ("--promote",),
    ("--casting", "safe"), ("--order", "CN"), ("--routes", "mapped,decoded"), ("--add-axis",),
    ("--split-info", "s.npy"), ("--memory-order", "F"), ("--zarr-format", 3), ("--carry", "first"),
)  # fmt: skip


def test_every_option_that_decides_the_result_counts(shell: Any, runs: Any) -> None:
    command = ("concat", "a.npy", "b.npy", "-o", "y.h5", "--no-sync")
    assert runs(*command)
    for option in OPTIONS:
        assert runs(*command, *option), option
    assert runs(*command)
    assert runs("concat", "b.npy", "a.npy", "-o", "y.h5")
    assert runs("stack", "b.npy", "a.npy", "-o", "y.h5")
    assert not runs("stack", "./b.npy", f"{os.getcwd()}/a.npy", "-o", "./y.h5")
    assert runs("stack", "b.npy", "a.npy", "-o", "z.h5")


def test_another_version_runs_again(runs: Any, monkeypatch: Any) -> None:
    assert runs(*JOINS["npy"])
    monkeypatch.setattr("concatsplit_core.__version__", "0.0.1")
    assert runs(*JOINS["npy"])


def test_attributes_and_times_of_inputs(shell: Any, runs: Any) -> None:
    with h5py.File("x.h5", "w") as file:
        file["g/x"] = np.arange(6)
    store = zarr.create_group("x.zarr")
    store.create_array("g/x", data=np.arange(6), chunks=(2,))
    command = ("concat", "x.h5::g/x", "x.zarr::g/x", "-o", "y.npy", "--conflicts", "first")
    assert runs(*command)
    os.utime("x.h5", (1, 1))
    assert not runs(*command)
    for change in (
        lambda: h5py.File("x.h5", "a")["g/x"].attrs.update(units="m"),
        lambda: store["g/x"].attrs.update(units="m"),
        lambda: store["g"].attrs.update(title="t"),
        lambda: store["g/x"].__setitem__(5, 9),
    ):
        change()
        assert runs(*command)
        assert not runs(*command)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_bounds_change_with_the_units_of_their_coordinate(
    shell: Any, runs: Any, zarr_format: Any
) -> None:
    group = zarr.create_group("x.zarr", zarr_format=zarr_format)
    time = group.create_array("time", data=np.arange(3.0))
    time.attrs.update(units="days since 2000-01-01", bounds="edges")
    group.create_array("edges", data=np.arange(1.0, 7.0).reshape(3, 2))
    command = ("concat", "x.zarr::edges", "-o", "y.zarr")
    assert runs(*command)
    assert not runs(*command, "--depfile", "y.d")
    assert (
        f"x.zarr/time/{'zarr.json' if zarr_format == 3 else '.zattrs'}" in Path("y.d").read_text()
    )
    Path("y.d").unlink()
    time.attrs["long_name"] = "time"
    assert not runs(*command)
    time.attrs["units"] = "days since 2000-01-02"
    assert runs(*command)
    assert zarr.open_array("y.zarr").attrs["units"] == "days since 2000-01-02"
    del time.attrs["bounds"]
    assert runs(*command)
    assert "units" not in zarr.open_array("y.zarr").attrs


def test_a_data_set_and_its_carried_arrays(shell: Any, runs: Any) -> None:
    for name in ("j.h5", "k.h5"):
        with h5py.File(name, "w") as file:
            file["x"], file["lat"] = np.arange(4), np.arange(3)
    command = ("concat", "j.h5", "k.h5", "-o", "y.h5", "--axis", "x=0", "--axis", "*=carry")
    assert runs(*command)
    assert not runs(*command)
    with h5py.File("k.h5", "a") as file:
        file.attrs["title"] = "other"
    assert runs(*command)
    zarr.create_group("m.zarr").create_array("x", data=np.arange(4))
    assert runs("split", "m.zarr", "-o", "m{index}.zarr", "--members", "*", "--parts", 2)
    zarr.open_group("m.zarr").attrs["title"] = "other"
    assert runs("split", "m.zarr", "-o", "m{index}.zarr", "--members", "*", "--parts", 2)
    assert not runs("split", "m.zarr", "-o", "m{index}.zarr", "--members", "*", "--parts", 2)


def test_only_outputs_of_its_own_are_replaced(shell: Any, pair: Any, runs: Any) -> None:
    command = ("concat", "a.npy", "b.npy", "-o", "y.h5")
    Path("y.h5").write_bytes(b"mine")
    shell.fails(5, *command, *RECORD, says=("y.h5", "--force"))
    Path("y.h5").unlink()
    assert runs(*command)
    with h5py.File("y.h5", "a") as file:
        file["data"].attrs["mine"] = 1
    shell.fails(5, *command, *RECORD, says=("y.h5", "--force", "not as run.json records it"))
    shell.fails(5, *command, *RECORD, "--dtype", "f8", says="--force")
    assert runs(*command, "--force")
    Path("y.h5").unlink()
    assert runs(*command)
    Path("run.json").write_text("{}")
    says = ("output y.h5 exists", "what the last run wrote is not known: ", "run.json")
    shell.fails(5, *command, *RECORD, says=says)
    Path("y.h5").unlink()
    shell.fails(5, *command, *RECORD, says="run.json")
    assert runs(*command, "--force")
    shell.fails(5, *command, "--manifest", "run.json", says="--force")
    shell.ok("concat", "a.npy", "-o", "other.npy")
    others = ("concat", "a.npy", "-o", "other.npy", *RECORD)
    shell.fails(5, *others, says="other.npy exists; give --force to replace it; run.json does not")
    shell.ok(*command, "--manifest", "run.json", "--force")
    shell.fails(5, *command, *RECORD, says="run.json is the manifest of a run without --if-changed")


def test_parts_that_are_left_over_are_named(shell: Any, pair: Any, runs: Any) -> None:
    cut = ("split", "a.npy", "-o", "p{index}.npy")
    assert runs(*cut, "--parts", 4)
    outcome = shell.run(*cut, "--parts", 2, *RECORD)
    assert "p3.npy was an output of the last run; this run does not write it" in outcome.err
    assert np.load("p1.npy").shape == (2, 6)
    assert np.load("p3.npy").shape == (1, 6)
    assert not runs(*cut, "--parts", 2)
    planned = shell.run(*cut, "--parts", 2, *RECORD, "--dry-run")
    assert SAYS in planned.err
    planned = shell.run(*cut, "--parts", 4, *RECORD, "--dry-run", "--force")
    assert SAYS not in planned.err


def test_what_cannot_be_compared(shell: Any, pair: Any) -> None:
    join = ("concat", "a.npy", "-o", "y.npy")
    shell.fails(2, *join, "--if-changed", says="--manifest")
    shell.fails(2, "concat", "a.npy", "-o", "-", *RECORD, says="stdout")
    shell.ok(*join, "--manifest", "m.json")
    shell.fails(2, "undo", "m.json", "-o", "u.npy", *RECORD, says="undo")
    with pytest.raises(UsageError, match="array in memory"):
        cs.concat([pair[0]], "z.npy", manifest="run.json", if_changed=True)


@pytest.mark.parametrize(
    "recipe",
    [{}, [], {"asked": 1}, {"asked": "", "inputs": "", "outputs": []}, {"more": ""},
     {"asked": "", "inputs": "", "outputs": {"y.npy": "x"}},
     {"asked": "", "inputs": "", "outputs": {"..": "", "/": ""}}],
)  # fmt: skip
def test_a_recipe_that_is_none_or_another(shell: Any, pair: Any, runs: Any, recipe: Any) -> None:
    assert runs("concat", "a.npy", "-o", "y.npy")
    document = json.loads(Path("run.json").read_text())
    document["recipe"] = recipe
    del document["sha256"]
    Path("run.json").write_bytes(sealed(json.dumps(document).removesuffix("}").encode()))
    shell.fails(5, "concat", "a.npy", "-o", "y.npy", *RECORD, says=("y.npy", "--force"))


def test_in_python(shell: Any, pair: Any) -> None:
    options: Any = {"manifest": "run.json", "if_changed": True, "axis": 1}
    assert cs.concat(["a.npy", "b.npy"], "y.npy", **options).is_unchanged is False
    assert cs.concat(["a.npy", "b.npy"], "y.npy", **options).is_unchanged is True
    assert cs.concat(["a.npy", "b.npy"], "z.npy").is_unchanged is None
    with pytest.raises(OutputExists):
        cs.concat(["a.npy", "b.npy"], "z.npy", **options)


def test_links_inside_a_store_end(shell: Any, runs: Any) -> None:
    zarr.create_array("x.zarr", data=np.arange(6), chunks=(2,))
    Path("x.zarr/again").symlink_to(".")
    os.mkfifo("x.zarr/pipe")
    assert runs("concat", "x.zarr", "-o", "y.npy")
    assert not runs("concat", "x.zarr", "-o", "y.npy")
