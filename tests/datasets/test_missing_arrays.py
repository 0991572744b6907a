"""Arrays that not all inputs hold, and the history that a run adds to."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from datasets.conftest import read, write

import concatsplit_core as cs
from concatsplit_cli.main import main
from concatsplit_core.foundation.errors import MalformedInput, UsageError


def with_fill(path: str, name: str, value: float) -> str:
    """Give an array of a file a mark for what is missing."""
    with h5py.File(path, "r+") as file:
        file[name].attrs["_FillValue"] = file[name].dtype.type(value)
    return path


@pytest.fixture
def refs() -> list[str]:
    """Of three files, the second lacks y and has z and a group."""
    a, c = ({"x": np.arange(n), "y": np.arange(2.0 * n).reshape(2, n)} for n in (2, 1))
    b = {"x": np.arange(3), "g/z": np.arange(3, dtype="i2")}
    paths = [write(f"{name}.h5", arrays) for name, arrays in (("a", a), ("b", b), ("c", c))]
    for path in (paths[0], paths[2]):
        with_fill(path, "y", -1)
    with_fill(paths[1], "g/z", 77)
    return paths


AXES = ["y=1", "*=0"]


def test_inputs_that_differ_are_refused_and_the_option_is_named(refs: list[str]) -> None:
    wanted = r"input 1 \(b.h5\): lacks y and has also g/z, unlike .*--members.*--missing fill"
    with pytest.raises(MalformedInput, match=wanted):
        cs.concat(refs, "out.h5", axis=AXES)
    with pytest.raises(UsageError, match="--missing drop is not one of refuse, fill"):
        cs.concat(refs, "out.h5", axis=AXES, missing="drop")


def test_fill_values_stand_for_what_is_missing(refs: list[str], made: str) -> None:
    cs.concat(refs, f"out.{made}", axis=AXES, missing="fill")
    found = read(f"out.{made}")
    assert sorted(found) == ["g/z", "x", "y"]
    np.testing.assert_array_equal(found["x"], [0, 1, 0, 1, 2, 0])
    np.testing.assert_array_equal(found["y"], [[0, 1, -1, -1, -1, 0], [2, 3, -1, -1, -1, 1]])
    np.testing.assert_array_equal(found["g/z"], [77, 77, 0, 1, 2, 77])
    assert found["g/z"].dtype == np.dtype("i2")


def test_the_mark_is_that_of_the_output(refs: list[str]) -> None:
    """The first file has no y, the second marks missing values with -1, the third with -2."""
    with_fill(refs[2], "y", -2)
    cs.concat([refs[1], refs[0], refs[2]], "out.h5", axis=AXES, missing="fill")
    np.testing.assert_array_equal(read("out.h5")["y"][0], [-1, -1, -1, 0, 1, 0])
    with h5py.File("out.h5") as file:
        assert file["y"].attrs["_FillValue"] == -1


def test_an_array_without_a_fill_value_is_refused(refs: list[str]) -> None:
    with h5py.File(refs[0], "r+") as file:
        del file["y"].attrs["_FillValue"]
    with pytest.raises(MalformedInput, match=r"array 'y' of a.h5::y has no fill value.*--members"):
        cs.concat(refs, "out.h5", axis=AXES, missing="fill")
    cs.concat(refs, "out.h5", axis=AXES, missing="fill", members="x,g/*")
    assert sorted(read("out.h5")) == ["g/z", "x"]


def test_an_input_that_does_not_say_how_long_it_is(refs: list[str]) -> None:
    with pytest.raises(UsageError, match=r"'y' is not in input 1, .*do not say how long.*\(there"):
        cs.concat(refs, "out.h5", axis=["y=1", "*=carry"], missing="fill")


def test_a_carried_array_comes_from_the_inputs_that_hold_it(made: str) -> None:
    lat = np.linspace(0, 1, 3)
    refs = [
        write("a.npz", {"x": np.arange(2)}),
        write("b.npz", {"x": np.arange(3), "lat": lat}),
        write("c.npz", {"x": np.arange(1), "lat": lat + (np.arange(3) == 1)}),
    ]
    axes = ["lat=carry", "*=0"]
    with pytest.raises(MalformedInput, match=r"'lat'.*\(c.npz::lat\), at index \[1\]"):
        cs.concat(refs, f"out.{made}", axis=axes, missing="fill")
    cs.concat(refs[:2], f"out.{made}", axis=axes, missing="fill")
    np.testing.assert_array_equal(read(f"out.{made}")["lat"], lat)


def test_what_was_filled_in_is_verified(refs: list[str]) -> None:
    cs.concat(refs, "out.h5", axis=AXES, missing="fill", manifest="run.json")
    assert cs.verify("run.json").exit_code == 0
    cs.undo("run.json", "again-{index}.h5")
    np.testing.assert_array_equal(read("again-1.h5")["x"], [0, 1, 2])
    np.testing.assert_array_equal(read("again-2.h5")["y"], read(refs[2])["y"])


def history(path: str) -> list[str]:
    with h5py.File(path) as file:
        found = file.attrs["history"]
    return str(found.decode() if isinstance(found, bytes) else found).split("\n")


def test_history_is_added_on_request(refs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    with h5py.File(refs[0], "r+") as file:
        file.attrs["history"] = "made\nchecked"
    line = ["concat", refs[0], refs[2], "-o", "out.h5", "--axis", "y=1", "--axis", "*=0"]
    done = CliRunner().invoke(main, [*line, "--history"])
    assert done.exit_code == 0, done.output
    assert history("out.h5") == [
        "Thu Jan  1 00:00:00 1970: concatsplit concat a.h5 c.h5 -o out.h5 --axis y=1 "
        "--axis '*=0' --history",
        "made",
        "checked",
    ]
    cs.split("out.h5", "part{index}.h5", axis=["x=0", "*=carry"], parts=3, history=True)
    assert history("part2.h5")[0].endswith(
        "split out.h5 -o 'part{index}.h5' --axis x=0 --axis '*=carry'"
    )
    assert history("part2.h5")[1:] == history("out.h5")
    cs.split("out.h5", "own{index}.h5", axis=AXES, parts=3, history="cut by me")
    assert history("own0.h5")[0] == "Thu Jan  1 00:00:00 1970: cut by me"


def test_without_the_option_the_history_is_as_it_was(refs: list[str]) -> None:
    cs.concat([refs[0], refs[2]], "out.h5", axis=AXES)
    with h5py.File("out.h5") as file:
        assert "history" not in file.attrs


def test_one_array_has_no_history(refs: list[str]) -> None:
    for option in ({"history": True}, {"missing": "fill"}):
        with pytest.raises(UsageError, match=rf"--{next(iter(option))} is for data sets"):
            cs.concat(["a.h5::x", "c.h5::x"], "out.h5", **option)
    assert not Path("out.h5").exists()
