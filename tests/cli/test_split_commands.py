"""split and unstack: every way to cut, the names of the parts, and what the parts hold."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pytest
import zarr

TEMPLATE = "p{index}.npy"


@pytest.fixture
def ten(shell: Any) -> np.ndarray:
    """An array of shape (10, 4) in x.npy."""
    x = np.arange(40, dtype=">i4").reshape(10, 4)
    shell.save(x=x)
    return x


WAYS = {
    "parts": (("--parts", 5), 0, [2, 2, 2, 2, 2]),
    "parts of another axis": (("--parts", 2, "--axis", 1), 1, [2, 2]),
    "parts of a negative axis": (("--parts", 2, "--axis", -2), 0, [5, 5]),
    "uneven balanced": (("--parts", 4, "--uneven", "balanced"), 0, [3, 3, 2, 2]),
    "uneven trailing": (("--parts", 4, "--uneven", "trailing"), 0, [3, 3, 3, 1]),
    "balanced beyond": (("--parts", 12, "--uneven", "balanced"), 0, [1] * 10 + [0] * 2),
    "size": (("--size", 4), 0, [4, 4, 2]),
    "size keep": (("--size", 4, "--remainder", "keep"), 0, [4, 4, 2]),
    "size drop": (("--size", 4, "--remainder", "drop"), 0, [4, 4]),
    "size that divides": (("--size", 5, "--remainder", "error"), 0, [5, 5]),
    "size beyond": (("--size", 99), 0, [10]),
    "lengths": (("--lengths", "3,2,5"), 0, [3, 2, 5]),
    "lengths with an empty one": (("--lengths", "0,10,0"), 0, [0, 10, 0]),
    "one length": (("--lengths", "10"), 0, [10]),
    "at": (("--at", "3,5"), 0, [3, 2, 5]),
    "at twice the same": (("--at", "3,3"), 0, [3, 0, 7]),
    "at negative": (("--at", "-3"), 0, [7, 3]),
    "at both ends": (("--at", "0,10"), 0, [0, 10, 0]),
}


def expected_parts(x: np.ndarray, axis: int, lengths: list[int]) -> list[np.ndarray]:
    """The first ``sum(lengths)`` of an array, cut by NumPy."""
    return np.split(x, np.cumsum(lengths), axis)[: len(lengths)]


@pytest.mark.parametrize("way", WAYS)
def test_split_is_numpys(shell: Any, ten: np.ndarray, way: str) -> None:
    how, axis, lengths = WAYS[way]
    shell.ok("split", "x.npy", "-o", TEMPLATE, *how, "--quiet")  # notes that parts are empty
    parts = expected_parts(ten, axis, lengths)
    assert len(shell.names()) == len(parts) + 1
    for index, part in enumerate(parts):
        np.testing.assert_array_equal(shell.read(f"p{index}.npy"), part, strict=True)


@pytest.mark.parametrize(
    ("way", "of"),
    [(("--parts", 3, "--uneven", "balanced"), lambda x: np.array_split(x, 3)),
     (("--at", "2,7"), lambda x: np.split(x, [2, 7])),
     (("--at", "2,-1"), lambda x: np.split(x, [2, -1]))],
)  # fmt: skip
def test_ways_that_numpy_has(shell: Any, ten: np.ndarray, way: tuple[Any, ...], of: Any) -> None:
    shell.ok("split", "x.npy", "-o", TEMPLATE, *way)
    for index, part in enumerate(of(ten)):
        np.testing.assert_array_equal(shell.read(f"p{index}.npy"), part)


@pytest.mark.parametrize("suffix", ["npy", "h5", "zarr"])
@pytest.mark.parametrize("axis", [0, 1])
def test_named_parts_are_equal_parts(shell: Any, ten: np.ndarray, suffix: str, axis: int) -> None:
    names = [f"left.{suffix}", f"right.{suffix}"]
    shell.ok("split", "x.npy", "-o", names[0], "-o", names[1], "--axis", axis)
    for name, part in zip(names, np.split(ten, 2, axis), strict=True):
        np.testing.assert_array_equal(shell.read(name), part)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("command", [("unstack",), ("split", "--size", 1, "--drop-axis")])
def test_unstack_is_numpys(
    shell: Any, ten: np.ndarray, command: tuple[Any, ...], axis: int
) -> None:
    shell.ok(command[0], "x.npy", "-o", TEMPLATE, *command[1:], "--axis", axis)
    items = np.unstack(ten, axis=axis)
    assert len(shell.names()) == len(items) + 1
    for index, item in enumerate(items):
        np.testing.assert_array_equal(shell.read(f"p{index}.npy"), item, strict=True)


def test_unstack_of_a_vector_makes_scalars(shell: Any) -> None:
    shell.save(v=np.arange(3.0))
    shell.ok("unstack", "v.npy", "-o", "s.h5::{index}")
    with h5py.File("s.h5") as file:
        assert {name: file[name][()] for name in file} == {"0": 0.0, "1": 1.0, "2": 2.0}


NAMES = {
    "part-{index:05d}-of-{count:05d}.npy": [f"part-{i:05d}-of-00002.npy" for i in range(2)],
    "{stem}.{start}-{stop}.npy": ["x.0-5.npy", "x.5-10.npy"],
    "{index:+d}{index:>3}{index:#x}.npy": ["+0  00x0.npy", "+1  10x1.npy"],
    "{{{index}}}.npy": ["{0}.npy", "{1}.npy"],
    "sub/dir/{index}.npy": ["sub/dir/0.npy", "sub/dir/1.npy"],
    "out/": ["out/x-00000-of-00002.npy", "out/x-00001-of-00002.npy"],
    "new/folder/": [f"new/folder/x-0000{i}-of-00002.npy" for i in range(2)],
}


@pytest.mark.parametrize("template", NAMES)
def test_parts_are_named_by_template_or_folder(shell: Any, ten: np.ndarray, template: str) -> None:
    shell.ok("split", "x.npy", "-o", template, "--parts", 2)
    made = [p.relative_to(shell.folder).as_posix() for p in shell.folder.rglob("*") if p.is_file()]
    assert sorted(made) == sorted(["x.npy", *NAMES[template]])
    for name, part in zip(NAMES[template], np.split(ten, 2), strict=True):
        np.testing.assert_array_equal(shell.read(name), part)


def test_an_existing_folder_needs_no_slash_and_keeps_its_files(shell: Any, ten: np.ndarray) -> None:
    (shell.folder / "out").mkdir()
    (shell.folder / "out/other.txt").write_text("kept")
    shell.ok("split", "x.npy", "-o", "out", "--parts", 2)
    found = sorted(p.name for p in (shell.folder / "out").iterdir())
    assert found == ["other.txt", "x-00000-of-00002.npy", "x-00001-of-00002.npy"]


def test_parts_in_a_folder_have_the_suffix_of_their_input(shell: Any, ten: np.ndarray) -> None:
    with h5py.File("s.h5", "w") as file:
        file["g/x"] = ten
    shell.ok("split", "s.h5::g/x", "-o", "out/", "--parts", 2)
    np.testing.assert_array_equal(shell.read("out/s-00001-of-00002.h5"), ten[5:])


@pytest.mark.parametrize(
    ("template", "container", "member"),
    [("all.h5::part{index}", "all.h5", "part{}"),
     ("all.h5::/deep/{index:03d}/x", "all.h5", "deep/00{}/x"),
     ("all.zarr::g/part{index}", "all.zarr", "g/part{}"),
     ("all.zarr/g/part{index}", "all.zarr", "g/part{}")],
)  # fmt: skip
def test_parts_may_share_a_container(
    shell: Any, ten: np.ndarray, template: str, container: str, member: str
) -> None:
    shell.ok("split", "x.npy", "-o", template, "--size", 4)
    assert shell.names() == [container, "x.npy"]
    for index, part in enumerate(np.split(ten, [4, 8])):
        found = shell.read(f"{container}::{member.format(index)}")
        np.testing.assert_array_equal(found, part)


def test_parts_may_go_to_different_formats(shell: Any, ten: np.ndarray) -> None:
    names = ["p.npy", "p.h5", "p.zarr", "q.zarr::in/it", "r.h5::it"]
    shell.ok("split", "x.npy", *(a for name in names for a in ("-o", name)))
    for name, part in zip(names, np.split(ten, 5), strict=True):
        np.testing.assert_array_equal(shell.read(name), part)


def test_many_parts_along_an_inner_axis(shell: Any) -> None:
    x = np.arange(50 * 300, dtype="u2").reshape(50, 300)
    shell.save(x=x)
    shell.ok("split", "x.npy", "-o", TEMPLATE, "--size", 1, "--axis", 1)
    for index in (0, 1, 149, 299):
        np.testing.assert_array_equal(shell.read(f"p{index}.npy"), x[:, index : index + 1])
    assert len(shell.names()) == 301


def test_attributes_and_dimension_names_travel(shell: Any, ten: np.ndarray) -> None:
    made = zarr.create_array(
        "x.zarr", data=ten.astype("<i4"), chunks=(4, 4), dimension_names=("t", "c"),
        attributes={"unit": "K", "list": [1, 2]},
    )  # fmt: skip
    assert made.shape == (10, 4)
    shell.ok("split", "x.zarr", "-o", "p{index}.zarr", "--size", 5)
    part = zarr.open_array("p1.zarr", mode="r")
    assert dict(part.attrs) == {"unit": "K", "list": [1, 2]}
    assert (part.metadata.dimension_names, part.chunks) == (("t", "c"), (4, 4))
    np.testing.assert_array_equal(part[...], ten[5:])


@pytest.mark.parametrize("suffix", ["npy", "h5", "zarr"])
@pytest.mark.parametrize("axis", [0, 1])
def test_there_and_back_again(shell: Any, ten: np.ndarray, suffix: str, axis: int) -> None:
    shell.ok("split", "x.npy", "-o", f"p{{index}}.{suffix}", "--size", 3, "--axis", axis)
    shell.ok("concat", f"p*.{suffix}", "-o", "y.npy", "--axis", axis)
    np.testing.assert_array_equal(shell.read("y.npy"), ten)
