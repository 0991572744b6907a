"""The arrays of containers are joined, cut and joined again in step."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import h5py
import numpy as np
import pytest
import zarr
from datasets.conftest import read, write

import concatsplit_core as cs
from concatsplit_core.foundation.errors import (
    AxisError,
    MalformedInput,
    OutputExists,
    ShapeMismatch,
    UnsafeContent,
    UsageError,
)

LAT = np.linspace(-90, 90, 5)


def month(length: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Arrays over one axis of this length, one inside a group, and one that is constant."""
    rng = np.random.default_rng(seed)
    return {
        "t2m": rng.random((length, 5)).astype("f4"),
        "time": np.arange(length) + 100 * seed,
        "more/wind": rng.integers(0, 99, (length, 2, 3)).astype("i2"),
    }


def test_all_arrays_are_joined_in_step(suffix: str, made: str) -> None:
    months = [month(length, seed) for seed, length in enumerate((3, 1, 4))]
    refs = [write(f"m{i}.{suffix}", arrays) for i, arrays in enumerate(months)]
    result = cs.concat(refs, f"year.{made}")
    found = read(f"year.{made}")
    assert list(result.split_info) == [3, 1, 4]
    assert sorted(found) == sorted(months[0])
    for name, array in found.items():
        np.testing.assert_array_equal(array, np.concatenate([m[name] for m in months]))
    assert [array.name for array in result.arrays] == list(
        dict.fromkeys(blob.ref.partition("::")[2] for blob in result.outputs)
    )


def test_arrays_without_the_axis_are_carried(suffix: str, made: str) -> None:
    refs = [
        write(f"m{i}.{suffix}", {**month(2, i), "lat": LAT, "depth": np.float32(7)})
        for i in range(2)
    ]
    axes = ["lat=carry", "depth=carry", "*=0"]
    cs.concat(refs, f"y.{made}", axis=axes)
    found = read(f"y.{made}")
    np.testing.assert_array_equal(found["lat"], LAT)
    assert found["depth"].shape == ()
    assert found["depth"] == np.float32(7)
    assert found["t2m"].shape == (4, 5)
    cs.concat(refs, f"dropped.{made}", axis=axes, carry="drop")
    assert sorted(read(f"dropped.{made}")) == ["more/wind", "t2m", "time"]


def test_a_carried_array_that_differs_is_refused(suffix: str, made: str) -> None:
    other = LAT.copy()
    other[3] += 1
    refs = [
        write(f"m{i}.{suffix}", {"x": np.zeros((2, 5)), "lat": lat})
        for i, lat in enumerate((LAT, other))
    ]
    with pytest.raises(MalformedInput, match=r"'lat'.*input 0 .*input 1 .*at index \[3\]"):
        cs.concat(refs, f"y.{made}", axis=["lat=carry", "*=0"])
    assert not Path(f"y.{made}").exists()
    cs.concat(refs, f"y.{made}", axis=["lat=carry", "*=0"], carry="first")
    np.testing.assert_array_equal(read(f"y.{made}")["lat"], LAT)


def test_a_data_set_is_cut_and_joined_again(suffix: str, made: str) -> None:
    arrays = {**month(7), "lat": LAT}
    source = write(f"all.{suffix}", arrays)
    axes = ["lat=carry", "*=0"]
    result = cs.split(source, "part-{index}-of-{count}." + made, axis=axes, size=3)
    time = next(array for array in result.arrays if array.name == "time")
    assert [blob.interval for blob in time.outputs] == [(0, 3), (3, 6), (6, 7)]
    parts = [f"part-{i}-of-3.{made}" for i in range(3)]
    for i, part in enumerate(parts):
        found = read(part)
        assert sorted(found) == sorted(arrays)
        np.testing.assert_array_equal(found["time"], arrays["time"][3 * i : 3 * i + 3])
        np.testing.assert_array_equal(found["lat"], LAT)
    cs.concat(parts, f"again.{made}", axis=axes)
    for name, array in read(f"again.{made}").items():
        assert array.dtype == arrays[name].dtype
        np.testing.assert_array_equal(array, arrays[name])


def test_only_some_parts(made: str) -> None:
    source = write("all.npz", {**month(7), "lat": LAT})
    cs.split(source, "part-{index}." + made, axis=["lat=carry", "*=0"], size=3, only="1-2")
    assert sorted(path.name for path in Path().glob("part-*")) == [
        f"part-1.{made}",
        f"part-2.{made}",
    ]
    np.testing.assert_array_equal(read(f"part-2.{made}")["time"], [6])
    np.testing.assert_array_equal(read(f"part-1.{made}")["lat"], LAT)


def test_max_bytes_counts_all_arrays() -> None:
    source = write("all.npz", {"x": np.zeros((10, 3)), "y": np.zeros(10)})
    result = cs.split(source, "part-{index}.h5", max_bytes=3 * 32)
    assert max(blob.interval.length for blob in result.outputs) == 3
    assert len(result.arrays[0].outputs) == 4


def test_members_are_chosen(suffix: str, made: str) -> None:
    refs = [write(f"m{i}.{suffix}", month(2, i)) for i in range(2)]
    cs.concat(refs, f"y.{made}", members="t*")
    assert sorted(read(f"y.{made}")) == ["t2m", "time"]
    with pytest.raises(UsageError, match=r"--members snow.*holds (t2m|time|more)"):
        cs.concat(refs, f"z.{made}", members="t2m,snow")


def test_a_file_an_array(suffix: str) -> None:
    refs = [write(f"m{i}.{suffix}", month(2, i)) for i in range(2)]
    cs.concat(refs, "out/{array}.npy")
    np.testing.assert_array_equal(np.load("out/time.npy"), [0, 1, 100, 101])
    assert np.load("out/more/wind.npy").shape == (4, 2, 3)


def test_arrays_of_several_files_are_resharded_in_step() -> None:
    x, y = np.arange(40.0).reshape(10, 4), np.arange(10)
    for i, (a, b) in enumerate(((0, 4), (4, 10))):
        np.save(f"f-{i}.npy", x[a:b])
        np.save(f"l-{i}.npy", y[a:b])
    arrays = [("x", "f-*.npy"), ("y", "l-*.npy")]
    cs.reshard([], "out/{array}-{index:02d}.npy", arrays=arrays, size=3)
    assert len(list(Path("out").iterdir())) == 8
    np.testing.assert_array_equal(np.load("out/x-02.npy"), x[6:9])
    np.testing.assert_array_equal(np.load("out/y-03.npy"), y[9:])


def test_each_array_may_have_an_axis_of_its_own(made: str) -> None:
    weights = {"q.weight": np.arange(24.0).reshape(8, 3), "o.weight": np.arange(12.0).reshape(3, 4)}
    source = write("model.npz", {**weights, "norm": np.ones(3)})
    axes = ["q.*=0", "o.*=1", "*=carry"]
    cs.split(source, "rank{index}." + made, axis=axes, parts=2)
    found = read(f"rank1.{made}")
    np.testing.assert_array_equal(found["q.weight"], weights["q.weight"][4:])
    np.testing.assert_array_equal(found["o.weight"], weights["o.weight"][:, 2:])
    cs.concat([f"rank0.{made}", f"rank1.{made}"], f"again.{made}", axis=axes)
    for name, array in weights.items():
        np.testing.assert_array_equal(read(f"again.{made}")[name], array)


def test_stacked_data_sets_get_a_new_axis(made: str) -> None:
    refs = [write(f"m{i}.npz", {"x": np.full((2, 3), i), "n": np.array(i)}) for i in range(3)]
    cs.stack(refs, f"y.{made}")
    found = read(f"y.{made}")
    assert found["x"].shape == (3, 2, 3)
    np.testing.assert_array_equal(found["n"], [0, 1, 2])


def test_arrays_of_other_lengths_are_refused(suffix: str) -> None:
    ref = write(f"m.{suffix}", {"x": np.zeros(3), "lat": LAT})
    with pytest.raises(ShapeMismatch, match=r"(5 in lat; 3 in x|3 in x; 5 in lat).*'\*=carry'"):
        cs.concat([ref, ref], "y.h5")


def test_inputs_without_the_same_arrays_are_refused(suffix: str) -> None:
    a = write(f"a.{suffix}", {"x": np.zeros(3), "y": np.zeros(3)})
    b = write(f"b.{suffix}", {"x": np.zeros(3), "z": np.zeros(3)})
    with pytest.raises(MalformedInput, match=r"input 1 \(b\..*lacks y"):
        cs.concat([a, b], "out.h5")
    np.save("c.npy", np.zeros(3))
    with pytest.raises(UsageError, match=r"input 1 \(c.npy\): is one array without a name"):
        cs.concat([a, "c.npy"], "out.h5")


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        (["x=0", 1], "several axes need a pattern each"),
        (["x=0"], r"no --axis matches array 'y'; add --axis '\*=carry'"),
        ("time", "no array has that axis: no dimension has a name"),
        (["*=carry"], "every array would be carried"),
        (1, r"--axis 'x=carry'|--axis 'y=carry'"),
    ],
)
def test_axes_that_do_not_fit(axis: object, message: str) -> None:
    ref = write("a.npz", {"x": np.zeros(3), "y": np.zeros(3)})
    with pytest.raises((UsageError, AxisError), match=message):
        cs.concat([ref], "out.h5", axis=axis)


def test_a_container_is_replaced_as_a_whole_and_only_with_force(made: str) -> None:
    write(f"y.{made}", {"old": np.zeros(2)})
    ref = write("a.npz", {"x": np.zeros(3), "y": np.ones(3)})
    with pytest.raises(OutputExists, match="exists"):
        cs.concat([ref, ref], f"y.{made}")
    assert sorted(read(f"y.{made}")) == ["old"]
    cs.concat([ref, ref], f"y.{made}", force=True)
    assert sorted(read(f"y.{made}")) == ["x", "y"]


def test_an_output_for_one_array_is_refused() -> None:
    ref = write("a.npz", {"x": np.zeros(3), "y": np.ones(3)})
    with pytest.raises(UsageError, match=r"out.h5::x: holds one array, but a.npz holds 2"):
        cs.concat([ref, ref], "out.h5::x")
    with pytest.raises(UsageError, match=r"out.npy.*\{array\}"):
        cs.concat([ref, ref], "out.npy")


def test_a_dry_run_says_what_would_be_done_to_each(made: str) -> None:
    refs = [write(f"m{i}.npz", month(2, i)) for i in range(2)]
    facts = cs.concat(refs, f"y.{made}", dry_run=True).to_dict()
    assert not Path(f"y.{made}").exists()
    assert list(facts["arrays"]) == ["t2m", "time", "more/wind"]
    assert facts["arrays"]["time"]["split_info"] == [2, 2]
    total = sum(array["bytes_written"] for array in facts["arrays"].values())
    assert facts["bytes_written"] == total == sum(a.nbytes for a in month(4).values())
    json.dumps(facts)


def test_undo_brings_a_data_set_back(suffix: str, made: str) -> None:
    months = [{**month(length, length), "lat": LAT} for length in (3, 1, 4)]
    refs = [write(f"m{i}.{suffix}", arrays) for i, arrays in enumerate(months)]
    axes = ["lat=carry", "*=0"]
    cs.concat(refs, f"y.{made}", axis=axes, manifest="run.json")
    assert cs.verify("run.json").exit_code == 0
    cs.undo("run.json", "again-{index}." + made)
    for i, arrays in enumerate(months):
        found = read(f"again-{i}.{made}")
        assert sorted(found) == sorted(arrays)
        for name, array in found.items():
            np.testing.assert_array_equal(array, arrays[name])
            assert array.dtype == arrays[name].dtype


def test_undo_of_a_split_writes_the_container_under_its_name(made: str) -> None:
    arrays = {**month(5), "lat": LAT}
    write(f"all.{made}", arrays)
    axes = ["lat=carry", "*=0"]
    cs.split(f"all.{made}", "part-{index}." + made, axis=axes, parts=5, manifest="run.json")
    Path(f"all.{made}").rename("gone")
    cs.undo("run.json")
    for name, array in read(f"all.{made}").items():
        np.testing.assert_array_equal(array, arrays[name])
    document = json.loads(Path("run.json").read_text())
    assert document["schema"] == 3
    assert [array["carried"] for array in document["arrays"]].count(True) == 1


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/evil", "a//b", "."])
@pytest.mark.parametrize("output", ["out/{array}.npy", "y.zarr", "y.h5"])
def test_no_name_of_an_array_leads_out_of_the_output(name: str, output: str) -> None:
    Path("in").mkdir()
    ref = write("in/a.npz", {name: np.arange(3), "b": np.arange(3)})
    with pytest.raises(UnsafeContent, match=r"could lead out of it.*--members"):
        cs.concat([ref, ref], output)
    assert [path.name for path in Path().rglob("*") if path.name != "in"] == ["a.npz"]


@pytest.mark.parametrize(
    ("kind", "reads"),
    [
        ("h5", "concatsplit_core.formats.hdf5.neighbours._look_beside"),
        ("zarr", "concatsplit_core.formats.zarr.neighbours._beside"),
    ],
)
def test_the_arrays_beside_an_array_are_read_once_a_group(
    kind: str, reads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any array of shape (n, 2) could be the bounds of another one, and all are asked."""
    ref = write(f"a.{kind}", {f"v{i}": np.zeros((3, 2)) for i in range(20)})
    module, _, name = reads.rpartition(".")
    read, asked = getattr(import_module(module), name), []

    def counted(group: object) -> object:
        asked.append(group)
        return read(group)

    monkeypatch.setattr(reads, counted)
    cs.concat([ref, ref], "y.h5")
    assert len(asked) == 1


def test_very_many_arrays_are_recorded_within_the_budget(made: str) -> None:
    arrays = {f"v{i}": np.arange(6.0) + i for i in range(50)}
    ref = write("a.npz", arrays)
    cs.concat([ref, ref], f"y.{made}", manifest="run.json", memory="4MiB")
    assert cs.verify("run.json", memory="4MiB").count("same") == 150
    cs.undo("run.json", f"again{{index}}.{made}", memory="4MiB")
    np.testing.assert_array_equal(read(f"again1.{made}")["v49"], arrays["v49"])


@pytest.mark.parametrize("made", ["h5", "zarr"])
def test_undo_makes_groups_and_what_they_say_again(tmp_path: Path, made: str) -> None:
    ref = f"a.{made}"
    root = zarr.open_group(ref, mode="w") if made == "zarr" else h5py.File(ref, "w")
    root.attrs["title"] = "a year"
    root.create_group("empty").attrs["kind"] = "none"
    values = np.arange(10.0)
    root.create_array("x", data=values) if made == "zarr" else root.create_dataset("x", data=values)
    if made != "zarr":
        root.close()
    cs.split(ref, f"p{{index}}.{made}", parts=2, members="*", manifest="run.json")
    cs.undo("run.json", output=f"again.{made}")
    again = (
        zarr.open_group(f"again.{made}", mode="r") if made == "zarr" else h5py.File(f"again.{made}")
    )
    assert again.attrs["title"] == "a year"
    assert again["empty"].attrs["kind"] == "none"
    np.testing.assert_array_equal(again["x"][...], values)
