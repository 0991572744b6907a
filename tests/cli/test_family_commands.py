"""The operator family on the command line: what each command writes, by hand and by NumPy."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pytest
import zarr

REFS = ("s.npy", "s.h5", "s.h5::/g/s", "s.zarr", "s.zarr::g/s")


@pytest.fixture
def images(shell: Any) -> np.ndarray:
    """A (2, 5, 3, 4) array in x.npy, its parts along axis 1 in three formats, its lengths."""
    x = np.arange(120, dtype="<f4").reshape(2, 5, 3, 4)
    x[0, 0, 0] = [np.nan, -0.0, np.inf, -np.inf]
    shell.save(x=x, p0=x[:, :2], lengths=np.array([2, 0, 3], "<i4"))
    with h5py.File("p1.h5", "w") as file:
        file["in/p1"] = x[:, 2:2]
    zarr.create_array("p2.zarr", data=x[:, 2:], chunks=(1, 2, 3, 3))
    return x


PARTS = ("p0.npy", "p1.h5", "p2.zarr")


def same(found: np.ndarray, expected: np.ndarray) -> None:
    """Shape, dtype and every bit."""
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    assert found.tobytes() == expected.tobytes()


def options(names: list[str]) -> list[str]:
    return [piece for name in names for piece in ("-o", name)]


JOINS = {
    "concat": (("concat", "--axis", 1), [2, 0, 3]),
    "concat from the end": (("concat", "--axis", -3), [2, 0, 3]),
    "concat by order": (("concat", "--order", "NCHW"), [2, 0, 3]),
    "concat by lower case": (("concat", "--order", "hcwn"), [2, 0, 3]),
    "depth-concat": (("depth-concat",), [2, 0, 3]),
    "depth-concat by order": (("depth-concat", "--order", "NCWH"), [2, 0, 3]),
}


@pytest.mark.parametrize("ref", REFS)
@pytest.mark.parametrize("join", JOINS)
def test_joins_and_their_split_info(shell: Any, images: np.ndarray, join: str, ref: str) -> None:
    (command, *how), lengths = JOINS[join]
    out = shell.ok(command, *PARTS, "-o", "y.npy", *how, "--split-info", ref, "--json", "--no-sync")
    same(shell.read("y.npy"), images)
    same(shell.read(ref), np.array(lengths, "<i4"))
    assert out.json["split_info"] == lengths
    assert out.json["axis"] == 1
    assert [blob["ref"] for blob in out.json["outputs"]] == ["y.npy"]
    assert len(shell.names()) == 7


STACKS = {
    "stack": (("stack",), 0),
    "stack at the end": (("stack", "--axis", -1), 2),
    "concat --add-axis": (("concat", "--add-axis", "--axis", 1), 1),
    "concat --add-axis from the end": (("concat", "--add-axis", "--axis", -3), 0),
    "concat --add-axis by order": (("concat", "--add-axis", "--order", "NCW"), 1),
}


@pytest.mark.parametrize("ref", REFS)
@pytest.mark.parametrize("join", STACKS)
def test_stacks_and_their_split_info(shell: Any, pair: Any, join: str, ref: str) -> None:
    (command, *how), axis = STACKS[join]
    args = ("a.npy", "b.npy", "a.npy", "-o", "y.zarr", *how, "--split-info", ref, "--no-sync")
    shell.ok(command, *args)
    a, b = pair
    same(shell.read("y.zarr"), np.stack([a, b, a], axis))
    same(shell.read(ref), np.ones(3, "<i4"))


@pytest.mark.parametrize("store", ["y.h5", "y.zarr"])
@pytest.mark.parametrize("members", [("y", "info"), ("g/y", "g/info"), ("deep/er/y", "info")])
def test_both_outputs_in_one_new_container(
    shell: Any, images: np.ndarray, store: str, members: tuple[str, str]
) -> None:
    y, info = (f"{store}::{member}" for member in members)
    shell.ok("concat", *PARTS, "-o", y, "--axis", 1, "--split-info", info)
    same(shell.read(y), images)
    same(shell.read(info), np.array([2, 0, 3], "<i4"))
    shell.ok("split", y, "-o", "q{index}.npy", "--axis", 1, "--lengths-from", info)
    same(shell.read("q2.npy"), images[:, 2:])


@pytest.mark.parametrize("store", ["s.h5", "s.zarr"])
def test_split_info_joins_a_container_that_is_there(shell: Any, pair: Any, store: str) -> None:
    shell.ok("concat", "a.npy", "-o", f"{store}::old")
    shell.ok("concat", "a.npy", "b.npy", "-o", "y.npy", "--split-info", f"{store}::new")
    same(shell.read(f"{store}::old"), pair[0])
    same(shell.read(f"{store}::new"), np.array([4, 4], "<i4"))


@pytest.mark.parametrize("ref", REFS)
def test_split_info_is_replaced_by_force_only(shell: Any, pair: Any, ref: str) -> None:
    shell.ok("concat", "a.npy", "-o", "y.npy", "--split-info", ref)
    join = ("concat", "a.npy", "b.npy", "-o", "y.npy", "--split-info", ref)
    shell.fails(5, *join, says="y.npy")
    shell.fails(5, *join[:4], "z.npy", *join[5:], says=ref)
    if "::" not in ref:
        shell.ok(*join, "--force")
        same(shell.read(ref), np.array([4, 4], "<i4"))
        same(shell.read("y.npy"), np.concatenate(pair))


def test_a_dry_run_writes_no_split_info(shell: Any, pair: Any) -> None:
    shell.ok("stack", "a.npy", "b.npy", "-o", "y.npy", "--split-info", "s.npy", "--dry-run")
    assert shell.names() == ["a.npy", "b.npy"]


WAYS: dict[str, tuple[tuple[Any, ...], list[tuple[int, int]]]] = {
    "lengths from npy": (("--lengths-from", "v.npy"), [(0, 3), (3, 3), (3, 10)]),
    "lengths from hdf5": (("--lengths-from", "v.h5::in/v"), [(0, 3), (3, 3), (3, 10)]),
    "lengths from zarr": (("--lengths-from", "v.zarr"), [(0, 3), (3, 3), (3, 10)]),
    "a rest": (("--lengths", "3,-1,2"), [(0, 3), (3, 8), (8, 10)]),
    "a rest of nothing": (("--lengths", "-1,10"), [(0, 0), (0, 10)]),
    "nothing but a rest": (("--lengths", "-1"), [(0, 10)]),
    "ratio": (("--ratio", "8:1:1"), [(0, 8), (8, 9), (9, 10)]),
    "ratio by largest remainder": (("--ratio", "1:1:1"), [(0, 4), (4, 7), (7, 10)]),
    "ratio with a zero": (("--ratio", "1:0:3"), [(0, 3), (3, 3), (3, 10)]),
    "ratio in fractions": (("--ratio", "0.8,.1,0.1"), [(0, 8), (8, 9), (9, 10)]),
    "ratio in percent": (("--ratio", "80%, 10%, 10%"), [(0, 8), (8, 9), (9, 10)]),
    "ratio in parts of a percent": (("--ratio", "12.5%:87.5%"), [(0, 1), (1, 10)]),
    "range": (("--range", "3:8"), [(3, 8)]),
    "range from the end": (("--range", "-3:"), [(7, 10)]),
    "range past the end": (("--range", ":99"), [(0, 10)]),
    "range of nothing": (("--range", "4:4"), [(4, 4)]),
    "max-bytes": (("--max-bytes", "40"), [(0, 2), (2, 4), (4, 6), (6, 8), (8, 10)]),
    "max-bytes uneven": (("--max-bytes", "60"), [(0, 3), (3, 6), (6, 8), (8, 10)]),
    "max-bytes of all": (("--max-bytes", "1MiB"), [(0, 10)]),
    "max-bytes after a cast": (
        ("--max-bytes", "80", "--dtype", "f8"), [(0, 2), (2, 4), (4, 6), (6, 8), (8, 10)],
    ),
    "windows that overlap": (("--size", 4, "--hop", 3), [(0, 4), (3, 7), (6, 10)]),
    "windows with a rest": (("--size", 4, "--hop", 4), [(0, 4), (4, 8)]),
    "windows with gaps": (("--size", 2, "--hop", 5), [(0, 2), (5, 7)]),
    "one window": (("--size", 10, "--hop", 1), [(0, 10)]),
}  # fmt: skip


@pytest.fixture
def ten(shell: Any) -> np.ndarray:
    """A (5, 10) array in x.npy, and lengths of its axis 1 in three formats."""
    x = np.arange(50, dtype="<f4").reshape(5, 10)
    vector = np.array([3, 0, 7], ">u2")
    shell.save(x=x, v=vector)
    with h5py.File("v.h5", "w") as file:
        file["in/v"] = vector
    zarr.create_array("v.zarr", data=vector.astype("i8"))
    return x


@pytest.mark.parametrize("suffix", ["npy", "h5", "zarr"])
@pytest.mark.parametrize("way", WAYS)
def test_ways_to_cut(shell: Any, ten: np.ndarray, way: str, suffix: str) -> None:
    how, intervals = WAYS[way]
    command = ("split", "x.npy", "-o", f"p{{index}}-{{count}}-{{start}}-{{stop}}.{suffix}")
    out = shell.ok(*command, "--axis", -1, *how, "--no-sync", "--json", "-q").json
    assert [(blob["start"], blob["stop"]) for blob in out["outputs"]] == intervals
    for index, (start, stop) in enumerate(intervals):
        found = shell.read(f"p{index}-{len(intervals)}-{start}-{stop}.{suffix}")
        same(found, ten[:, start:stop].astype("f8" if "f8" in how else "f4"))
    assert len(list(shell.folder.glob("p*"))) == len(intervals)


@pytest.mark.parametrize(
    ("only", "chosen"),
    [("3", [3]), ("0-3,8", [0, 1, 2, 3, 8]), ("9,0,9", [0, 9]), ("0-9", list(range(10)))],
)
@pytest.mark.parametrize("command", [("split",), ("depth-split", "--order", "HC"), ("reshard",)])
def test_only_keeps_numbers_and_names(
    shell: Any, ten: np.ndarray, command: tuple[str, ...], only: str, chosen: list[int]
) -> None:
    axis = () if len(command) > 1 else ("--axis", 1)
    how = (*command[1:], *axis, "--size", 1, "--only", only, "--no-sync")
    shell.ok(command[0], "x.npy", "-o", "p{index:02d}of{count}.npy", *how)
    found = sorted(p.name for p in shell.folder.glob("p*"))
    assert found == [f"p{i:02d}of10.npy" for i in chosen]
    for index in chosen:
        same(shell.read(f"p{index:02d}of10.npy"), ten[:, index : index + 1])


@pytest.mark.parametrize("suffix", ["npy", "h5", "zarr"])
def test_only_empty_parts(shell: Any, ten: np.ndarray, suffix: str) -> None:
    how = ("--axis", 1, "--lengths", "3,0,7,0", "--only", "1,3")
    shell.ok("split", "x.npy", "-o", f"p{{index}}.{suffix}", *how)
    assert sorted(p.name for p in shell.folder.glob("p*")) == [f"p1.{suffix}", f"p3.{suffix}"]
    for index in (1, 3):
        same(shell.read(f"p{index}.{suffix}"), ten[:, :0])


def test_only_reads_what_it_writes(shell: Any, ten: np.ndarray) -> None:
    how = ("--axis", 1, "--size", 2, "--hop", 4, "--only", "0,2", "--json")
    facts = shell.ok("split", "x.npy", "-o", "p{index}.npy", *how).json
    assert facts["bytes_written"] == facts["bytes_read"] == 2 * ten[:, :2].nbytes
    assert facts["cost"]["bytes_moved"] == 2 * ten[:, :2].nbytes


def test_jobs_that_write_one_part_each_write_them_all(shell: Any, ten: np.ndarray) -> None:
    names = [f"{letter}.npy" for letter in "klm"]
    for index in range(3):
        split = ("split", "x.npy", *options(names), "--axis", 1, "--lengths-from", "v.npy")
        shell.ok(*split, "--only", index)
    for name, part in zip(names, np.split(ten, [3, 3], 1), strict=True):
        same(shell.read(name), part)


@pytest.mark.parametrize(
    ("how", "axis"), [((), 1), (("--order", "NHCW"), 2), (("--order", "HWNC"), 3)]
)
def test_depth_split(shell: Any, images: np.ndarray, how: tuple[str, ...], axis: int) -> None:
    args = ("x.npy", "-o", "q{index}.h5", "--lengths", "1,-1", *how)
    shell.ok("depth-split", *args)
    for index, part in enumerate(np.split(images, [1], axis)):
        same(shell.read(f"q{index}.h5"), part)


LENGTHS = {
    "m parts": ([2, 0, 3, 5], (), [2, 0, 3, 5]),
    "K by option": ([2, 0, 3, 5], ("--outputs", 2), [2, 8]),
    "one": ([2, 0, 3, 5], ("--outputs", 1), [10]),
    "zeros": ([0, 10, 0], (), [0, 10, 0]),
    "scaled": ([1, 0, 4], ("--scale",), [2, 0, 8]),
    "scaled sums": ([1, 1, 1, 2], ("--scale", "--outputs", 2), [4, 6]),
    "scaled by one": ([4, 6], ("--scale",), [4, 6]),
    "scaled zero first": ([0, 1], ("--scale",), [0, 10]),
}


@pytest.mark.parametrize("name", LENGTHS)
def test_split_by_lengths(shell: Any, ten: np.ndarray, name: str) -> None:
    vector, how, lengths = LENGTHS[name]
    shell.save(lengths=np.array(vector, "<i4"))
    args = ("x.npy", "lengths.npy", "-o", "q{index}.npy", "--order", "HC", *how, "--no-sync")
    shell.ok("split-by-lengths", *args)
    assert len(list(shell.folder.glob("q*"))) == len(lengths)
    for index, part in enumerate(np.split(ten, np.cumsum(lengths), 1)[:-1]):
        same(shell.read(f"q{index}.npy"), part)


def test_split_by_lengths_counts_its_names(shell: Any, ten: np.ndarray) -> None:
    shell.save(lengths=np.array([1, 2, 3, 4]))
    names = ["l.npy", "r.zarr"]
    shell.ok("split-by-lengths", "x.npy", "lengths.npy", *options(names), "--axis", 1)
    for name, part in zip(names, np.split(ten, [3], 1), strict=True):
        same(shell.read(name), part)


@pytest.mark.parametrize("axis", [("--axis", 1), ("--axis", -3), ("--order", "NCHW")])
@pytest.mark.parametrize(
    ("how", "edges"),
    [(("--size", 2), [2, 4]),
     (("--parts", 5), [1, 2, 3, 4]),
     (("--parts", 2, "--uneven", "trailing"), [3]),
     (("--ratio", "1:1"), [3]),
     (("--lengths", "0,1,-1"), [0, 1]),
     (("--max-bytes", "300"), [3])],
)  # fmt: skip
def test_reshard(
    shell: Any, images: np.ndarray, axis: tuple[Any, ...], how: tuple[Any, ...], edges: list[int]
) -> None:
    shell.ok("reshard", *PARTS, "-o", "q{index}.zarr", *axis, *how, "--no-sync")
    parts = np.split(images, edges, 1)
    assert len(list(shell.folder.glob("q*"))) == len(parts)
    for index, part in enumerate(parts):
        same(shell.read(f"q{index}.zarr"), part)


@pytest.mark.parametrize("axis", [("--axis", 1), ("--axis", -3), ("--order", "NCHW")])
@pytest.mark.parametrize("suffix", ["npy", "h5", "zarr"])
def test_gradients(shell: Any, images: np.ndarray, axis: tuple[Any, ...], suffix: str) -> None:
    info = ("--split-info", "lengths.npy")
    shell.ok("gradient", "concat", "x.npy", "-o", f"dx{{index}}.{suffix}", *info, *axis)
    expected = np.split(images, [2, 2], 1)
    names = [f"dx{index}.{suffix}" for index in range(3)]
    for name, part in zip(names, expected, strict=True):
        same(shell.read(name), part)
    shell.ok("gradient", "split", *names, "-o", "dy.npy", *axis)
    same(shell.read("dy.npy"), images)
    shell.ok("gradient", "split", "zeros", *names[1:], "-o", "z.npy", *info, *axis)
    zeroed = [np.zeros_like(expected[0]), *expected[1:]]
    same(shell.read("z.npy"), np.concatenate(zeroed, 1))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_gradients_along_a_new_axis(shell: Any, pair: Any, axis: int) -> None:
    stack = ("stack", "a.npy", "b.npy", "-o", "y.npy", "--axis", axis)
    shell.ok(*stack, "--split-info", "s.npy")
    names = ["da.npy", "db.h5"]
    gradient = ("gradient", "concat", "y.npy", *options(names), "--split-info", "s.npy")
    shell.ok(*gradient, "--add-axis", "--axis", axis)
    for name, array in zip(names, pair, strict=True):
        same(shell.read(name), array)
    shell.ok("gradient", "split", *names, "-o", "d.npy", "--drop-axis", "--axis", axis)
    same(shell.read("d.npy"), np.stack(pair, axis))
    zeros = ("gradient", "split", "zeros", "db.h5", "zeros", "-o", "z.npy", "--drop-axis")
    shell.ok(*zeros, "--axis", axis)
    nothing = np.zeros_like(pair[1])
    same(shell.read("z.npy"), np.stack([nothing, pair[1], nothing], axis))


def test_a_file_of_the_name_zeros_is_named_by_its_path(shell: Any, pair: Any) -> None:
    np.save("zeros.npy", pair[1])
    (shell.folder / "zeros.npy").rename("zeros")
    shell.ok("gradient", "split", "a.npy", "./zeros", "-o", "dx.npy")
    same(shell.read("dx.npy"), np.concatenate(pair))
