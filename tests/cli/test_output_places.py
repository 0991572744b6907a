"""Where outputs go: members of containers, replaced files, modes, links."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

SUFFIXES = ("npy", "h5", "zarr")


@pytest.fixture
def joined(pair: Any) -> np.ndarray:
    """What a join of a.npy and b.npy makes."""
    found: np.ndarray = np.concatenate(pair)
    return found


JOIN = ("concat", "a.npy", "b.npy", "-o")


@pytest.mark.parametrize(
    ("output", "member"),
    [("y.h5", "data"), ("y.h5::x", "x"), ("y.h5::/deep/down/x", "deep/down/x"),
     ("y.nc", "data"), ("y.he5::x", "x")],
)  # fmt: skip
def test_members_of_hdf5(shell: Any, joined: np.ndarray, output: str, member: str) -> None:
    shell.ok(*JOIN, output)
    with h5py.File(output.partition("::")[0]) as file:
        np.testing.assert_array_equal(file[member][...], joined)
        names = [
            name for name, item in file.items() if item.attrs.get("CLASS") != b"DIMENSION_SCALE"
        ]
        assert names == [member.partition("/")[0]]


@pytest.mark.parametrize("form", [2, 3])
@pytest.mark.parametrize("output", ["y.zarr::x", "y.zarr/x", "y.zarr::deep/down/x"])
def test_members_of_zarr(shell: Any, joined: np.ndarray, output: str, form: int) -> None:
    shell.ok(*JOIN, output, "--zarr-format", form)
    group = zarr.open_group("y.zarr", mode="r")
    found: Any = group[output.removeprefix("y.zarr").lstrip("/:")]
    np.testing.assert_array_equal(found[...], joined)
    assert found.metadata.zarr_format == form


def test_zarr_without_a_member_is_a_root_array(shell: Any, joined: np.ndarray) -> None:
    shell.ok(*JOIN, "y.zarr")
    np.testing.assert_array_equal(zarr.open_array("y.zarr", mode="r")[...], joined)


@pytest.mark.parametrize("form", [2, 3])
def test_a_member_added_to_a_store_leaves_the_others_alone(
    shell: Any, joined: np.ndarray, form: int
) -> None:
    group = zarr.open_group("s.zarr", mode="w", zarr_format=form, attributes={"title": "kept"})
    group.create_array("x", data=joined * 2)
    group.create_array("g/y", data=joined * 3)
    before = shell.snapshot()
    for member in ("new", "g/new", "g/deeper/new"):
        shell.ok(*JOIN, f"s.zarr::{member}")
        np.testing.assert_array_equal(shell.read(f"s.zarr::{member}"), joined)
    after = shell.snapshot()
    assert {name: after[name] for name in before} == before
    assert zarr.open_group("s.zarr", mode="r").metadata.zarr_format == form


def test_a_member_added_to_a_file_keeps_the_others(shell: Any, joined: np.ndarray) -> None:
    with h5py.File("s.h5", "w") as file:
        file.attrs["title"] = "kept"
        made = file.create_dataset("g/x", data=joined, chunks=(2, 3), compression="gzip")
        made.attrs["unit"] = "m"
        file["link"] = h5py.SoftLink("/g/x")
        file["out"] = h5py.ExternalLink("other.h5", "/")
    shell.ok(*JOIN, "s.h5::g/new")
    shell.ok(*JOIN, "s.h5::another")
    with h5py.File("s.h5") as file:
        assert sorted(file) == ["another", "g", "link", "out"]
        assert file.attrs["title"] == "kept"
        assert (file["g/x"].compression, file["g/x"].attrs["unit"]) == ("gzip", "m")
        assert file.get("link", getlink=True).path == "/g/x"
        for name in ("g/x", "g/new", "another", "link"):
            np.testing.assert_array_equal(file[name][...], joined)


def test_a_member_is_replaced_by_force_alone(shell: Any, joined: np.ndarray) -> None:
    with h5py.File("s.h5", "w") as file:
        file["x"], file["y"] = joined * 2, joined * 3
    group = zarr.open_group("s.zarr", mode="w")
    group.create_array("x", data=joined * 2)
    group.create_array("y", data=joined * 3)
    for container in ("s.h5", "s.zarr"):
        shell.ok(*JOIN, f"{container}::x", "--force")
        np.testing.assert_array_equal(shell.read(f"{container}::x"), joined)
        np.testing.assert_array_equal(shell.read(f"{container}::y"), joined * 3)


def test_a_whole_container_is_replaced_by_force(shell: Any, joined: np.ndarray) -> None:
    with h5py.File("s.h5", "w") as file:
        file["old"] = joined * 2
    zarr.open_group("s.zarr", mode="w").create_array("old", data=joined)
    for container in ("s.h5", "s.zarr"):
        shell.ok(*JOIN, container, "--force")
        np.testing.assert_array_equal(shell.read(container), joined)
    with h5py.File("s.h5") as file:
        assert list(file) == ["data"]
    assert not (shell.folder / "s.zarr/old").exists()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_force_without_need_is_harmless(shell: Any, joined: np.ndarray, suffix: str) -> None:
    shell.ok(*JOIN, f"y.{suffix}", "--force")
    np.testing.assert_array_equal(shell.read(f"y.{suffix}"), joined)


@pytest.mark.parametrize("output", ["y.npy", "y.h5", "y.h5::new"])
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o755])
def test_a_replaced_file_keeps_its_permissions(
    shell: Any, joined: np.ndarray, output: str, mode: int
) -> None:
    path = Path(output.partition("::")[0])
    if path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["old"] = 1
    else:
        np.save(path, joined * 2)
    path.chmod(mode)
    shell.ok(*JOIN, output, "--force")
    assert path.stat().st_mode & 0o7777 == mode
    np.testing.assert_array_equal(shell.read(output), joined)


def test_readers_of_the_old_file_are_not_disturbed(shell: Any, joined: np.ndarray) -> None:
    np.save("y.npy", joined * 2)
    with open("y.npy", "rb") as old:
        shell.ok(*JOIN, "y.npy", "--force")
        np.testing.assert_array_equal(np.load(old), joined * 2)
    np.testing.assert_array_equal(shell.read("y.npy"), joined)


@pytest.fixture(params=[0o022, 0o077, 0o002, 0o027])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """The umask of this process while a test runs."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.parametrize(
    "output",
    ["y.npy", "y.h5", "y.zarr", "y.zarr::g/x", "new/folder/y.npy", "s.zarr::new", "s.h5::n"],
)
def test_new_files_and_folders_heed_the_umask(
    shell: Any, joined: np.ndarray, umask: int, output: str
) -> None:
    zarr.open_group("s.zarr", mode="w")
    with h5py.File("s.h5", "w") as file:
        file["x"] = 1
    before = set(shell.folder.rglob("*"))
    shell.ok(*JOIN, output, "--chunks", "3,3" if output[-3:] != "npy" else "auto")
    made = {p for p in shell.folder.rglob("*") if p not in before}
    assert made or output == "s.h5::n"
    for path in made | {Path("s.h5")}:
        expected = (0o777 if path.is_dir() else 0o666) & ~umask
        assert path.stat().st_mode & 0o777 == expected, path


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("exists", [True, False])
def test_a_link_is_written_through(
    shell: Any, joined: np.ndarray, suffix: str, exists: bool
) -> None:
    (shell.folder / "real").mkdir()
    link = shell.folder / f"y.{suffix}"
    link.symlink_to(f"real/z.{suffix}")
    if exists:
        shell.ok("concat", "a.npy", "-o", f"real/z.{suffix}")
    shell.ok(*JOIN, f"y.{suffix}", "--force")
    assert link.is_symlink()
    np.testing.assert_array_equal(shell.read(f"real/z.{suffix}"), joined)


def test_a_link_to_what_exists_is_refused_without_force(shell: Any, joined: np.ndarray) -> None:
    np.save("z.npy", joined)
    (shell.folder / "y.npy").symlink_to("z.npy")
    shell.fails(5, *JOIN, "y.npy", says=("y.npy", "--force"))


def test_folders_are_made_for_an_output_and_not_for_a_failure(
    shell: Any, joined: np.ndarray
) -> None:
    shell.fails(10, *JOIN, "new/folder/y.npy", "--memory", "1")
    shell.ok(*JOIN, "new/folder/y.npy")
    np.testing.assert_array_equal(shell.read("new/folder/y.npy"), joined)


@pytest.mark.parametrize(
    "name", ["two words.npy", "-dash.npy", "grün.npy", "new\nline.npy", "[b].npy"]
)
def test_odd_names_are_names(shell: Any, joined: np.ndarray, name: str) -> None:
    shell.ok("concat", "a.npy", "b.npy", f"--output={name}")
    np.testing.assert_array_equal(shell.read(name), joined)
    shell.ok("concat", "-o", "y.npy", "--", name, name)
    np.testing.assert_array_equal(shell.read("y.npy"), np.concatenate([joined, joined]))
    shell.fails(5, "concat", "a.npy", f"--output={name}", says=".npy")


def test_a_name_with_two_colons_is_a_name_where_there_is_such_a_file(
    shell: Any, joined: np.ndarray
) -> None:
    (shell.folder / "a::b.npy").write_bytes((shell.folder / "a.npy").read_bytes())
    shell.ok("concat", "a::b.npy", "b.npy", "-o", "y.npy")
    np.testing.assert_array_equal(shell.read("y.npy"), joined)
