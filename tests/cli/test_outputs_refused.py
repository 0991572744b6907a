"""Outputs that exist, are inputs under whatever alias, or may not be replaced: exit 5."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

A = np.arange(12, dtype="<f4").reshape(3, 4)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One array in each format, twice, and a plain folder that must not be lost."""
    here = tmp_path_factory.mktemp("made")
    np.save(here / "a.npy", A)
    np.save(here / "b.npy", -A)
    for name in ("s.h5", "t.h5"):
        with h5py.File(here / name, "w") as file:
            file["x"], file["g/y"] = A, -A
    for name in ("s.zarr", "t.zarr"):
        group = zarr.open_group(here / name, mode="w")
        group.create_array("x", data=A)
        group.create_array("g/y", data=-A)
    zarr.save_array(here / "r.zarr", A)
    for name in ("folder.npy", "folder.zarr", "folder.h5"):
        (here / name).mkdir()
        (here / name / "thesis.txt").write_text("years of work")
    (here / "file.zarr").write_text("a file")
    (here / "text.h5").write_text("not HDF5")
    return here


@pytest.fixture
def things(shell: Any, made: Path) -> None:
    """A copy of these files."""
    shell.bring(made)


EXISTS = ["b.npy", "t.h5", "t.h5::x", "t.h5::/g/y", "t.zarr", "t.zarr::x", "t.zarr/g/y"]


@pytest.mark.parametrize("output", EXISTS)
def test_what_exists_is_refused_without_force(shell: Any, things: None, output: str) -> None:
    shell.fails(5, "concat", "a.npy", "-o", output, says=(output, "--force"))
    shell.fails(5, "concat", "a.npy", "-o", output, "--dry-run", says=(output, "--force"))


@pytest.mark.parametrize("output", ["t.h5", "t.zarr"])
def test_a_container_that_exists_is_said_to_hold_arrays(
    shell: Any, things: None, output: str
) -> None:
    says = (f"{output} exists", "2 arrays (g/y, x)", f"{output}::NAME", "--force")
    shell.fails(5, "concat", "a.npy", "-o", output, says=says)
    shell.fails(5, "feed", "a.npy", output, says=says)
    shell.ok("concat", "a.npy", "-o", f"{output}::new")
    shell.fails(5, "concat", "a.npy", "-o", output, says="3 arrays")


@pytest.mark.parametrize("taken", [0, 1, 2])
def test_one_part_that_exists_refuses_the_set(shell: Any, things: None, taken: int) -> None:
    shell.save(**{f"p{taken}": A})
    says = f"p{taken}.npy"
    shell.fails(5, "split", "a.npy", "-o", "p{index}.npy", "--size", 1, says=says)


NEVER = {
    "a folder for a file": "folder.npy",
    "a folder for a container": "folder.h5",
    "a folder that is not Zarr": "folder.zarr",
    "a file for a store": "file.zarr",
    "a member of what is no HDF5": "text.h5::x",
    "a member below an array of HDF5": "t.h5::x/below",
    "a group of HDF5 with arrays": "t.h5::g",
    "a group of Zarr with arrays": "t.zarr::g",
}


@pytest.mark.parametrize("what", NEVER)
@pytest.mark.parametrize("extra", [(), ("--force",), ("--force", "--dry-run")])
def test_some_things_are_never_replaced(
    shell: Any, things: None, what: str, extra: tuple[str, ...]
) -> None:
    shell.fails(5, "concat", "a.npy", "-o", NEVER[what], *extra, says=NEVER[what])


def test_an_array_inside_an_array_of_zarr_is_refused(shell: Any, things: None) -> None:
    shell.fails(5, "concat", "a.npy", "-o", "r.zarr::below", says="r.zarr::below")


def _nothing() -> None:
    assert Path("a.npy").exists()


def _symlink() -> None:
    Path("l.npy").symlink_to("a.npy")


def _chain() -> None:
    Path("m.npy").symlink_to("a.npy")
    Path("l.npy").symlink_to("m.npy")


def _hard_link() -> None:
    os.link("a.npy", "l.npy")


def _folder_link() -> None:
    Path("elsewhere").symlink_to(".")


def _store_link() -> None:
    Path("l.zarr").symlink_to("s.zarr")


def _hard_container() -> None:
    os.link("s.h5", "l.h5")


ALIASES: dict[str, tuple[Callable[[], None], str, str]] = {
    # how it is set up, the input, the output
    "path": (_nothing, "a.npy", "a.npy"),
    "dot": (_nothing, "a.npy", "./a.npy"),
    "dot dot": (_nothing, "a.npy", "folder.npy/../a.npy"),
    "absolute": (_nothing, "a.npy", "{here}/a.npy"),
    "link as output": (_symlink, "a.npy", "l.npy"),
    "link as input": (_symlink, "l.npy", "a.npy"),
    "chain of links": (_chain, "a.npy", "l.npy"),
    "hard link as output": (_hard_link, "a.npy", "l.npy"),
    "hard link as input": (_hard_link, "l.npy", "a.npy"),
    "folder link": (_folder_link, "a.npy", "elsewhere/a.npy"),
    "container": (_nothing, "s.h5::x", "s.h5"),
    "member": (_nothing, "s.h5::x", "s.h5::x"),
    "member by another spelling": (_nothing, "s.h5::x", "./s.h5::/x"),
    "member of a hard link": (_hard_container, "s.h5::g/y", "l.h5::g/y"),
    "container of a hard link": (_hard_container, "s.h5::g/y", "l.h5"),
    "store": (_nothing, "r.zarr", "r.zarr"),
    "store that holds the input": (_nothing, "s.zarr::x", "s.zarr"),
    "group that holds the input": (_nothing, "s.zarr::g/y", "s.zarr::g"),
    "array of a store": (_nothing, "s.zarr::g/y", "s.zarr/g/y"),
    "inside the input": (_nothing, "r.zarr", "r.zarr::new"),
    "inside the input's array": (_nothing, "s.zarr::x", "s.zarr/x/new"),
    "store by a link": (_store_link, "s.zarr::x", "l.zarr"),
    "array by a link": (_store_link, "s.zarr::x", "l.zarr::x"),
    "file inside the input": (_nothing, "s.zarr::x", "s.zarr/x/new.npy"),
}


@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.parametrize("extra", [(), ("--force",), ("--force", "--dry-run")])
def test_an_output_that_is_an_input_is_refused(
    shell: Any, things: None, alias: str, extra: tuple[str, ...]
) -> None:
    prepare, source, output = ALIASES[alias]
    prepare()
    output = output.format(here=shell.folder)
    shell.fails(5, "concat", source, "-o", output, *extra, says=output)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_any_input_and_any_output_may_be_the_one(shell: Any, things: None, place: int) -> None:
    inputs = ["b.npy", "b.npy"]
    inputs.insert(place, "a.npy")
    shell.fails(5, "concat", *inputs, "-o", "a.npy", "-f", says="a.npy")
    outputs = ["p.npy", "q.npy"]
    outputs.insert(place, "./a.npy")
    named = [arg for name in outputs for arg in ("-o", name)]
    shell.fails(5, "split", "a.npy", *named, "-f", says="./a.npy")


def test_an_input_inside_the_folder_to_be_replaced(shell: Any, things: None) -> None:
    shutil.copy("a.npy", "s.zarr/a.npy")
    shell.fails(5, "concat", "s.zarr/a.npy", "-o", "s.zarr", "--force", says="s.zarr")


@pytest.mark.parametrize(
    ("source", "output"),
    [("s.h5::x", "s.h5::new"), ("s.h5::x", "s.h5::g/new"), ("s.h5::x", "s.h5::deep/down/new"),
     ("s.zarr::x", "s.zarr::new"), ("s.zarr/g/y", "s.zarr/g/new"), ("s.h5::x", "t.h5::x"),
     ("s.zarr::x", "t.zarr::x")],
)  # fmt: skip
def test_another_member_of_an_inputs_container_is_welcome(
    shell: Any, things: None, source: str, output: str
) -> None:
    shell.ok("concat", source, source, "-o", output, "--force")
    expected = np.concatenate([shell.read(source.replace("zarr/", "zarr::"))] * 2)
    np.testing.assert_array_equal(shell.read(output.replace("zarr/", "zarr::")), expected)
    for other in ("s.h5::g/y", "t.h5::g/y", "s.zarr::g/y", "t.zarr::g/y"):
        np.testing.assert_array_equal(shell.read(other), -A)


def test_an_output_below_a_file_is_refused(shell: Any, things: None) -> None:
    outcome = shell.run("concat", "b.npy", "-o", "a.npy/sub/y.npy")
    assert outcome.code in {5, 7}
    shell.one_line(outcome.err, "a.npy")
    assert shell.hidden() == []


@pytest.mark.parametrize(
    ("ref", "manifests"),
    [
        ("a.npy", ("a.npy", "same.npy")),
        ("s.h5::x", ("s.h5", "same.h5")),
        ("s.h5", ("s.h5", "same.h5")),
        ("s.zarr", ("s.zarr/m.json", "s.zarr/x/zarr.json")),
        ("r.zarr", ("r.zarr/m.json", "r.zarr/zarr.json")),
    ],
)
def test_no_manifest_replaces_an_input(
    shell: Any, things: None, ref: str, manifests: tuple[str, ...]
) -> None:
    os.link("a.npy", "same.npy")
    os.symlink("s.h5", "same.h5")
    for name in manifests:
        command = ("split", ref, "-o", "p{index}.npz", "--parts", 3, "--manifest", name, "-f")
        shell.fails(5, *command, says="is input")
