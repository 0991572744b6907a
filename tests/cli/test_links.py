"""Links, devices and pipes: nothing is read or written through what leads out, nothing replaced."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

import concatsplit_core as cs
from concatsplit_core.foundation.errors import UnsafeContent

A = np.arange(12.0).reshape(3, 4)


@pytest.fixture
def store(shell: Any) -> Path:
    """A store with two arrays in chunks of one row, and a folder beside it."""
    group = zarr.open_group("s.zarr", mode="w")
    for name in ("x", "g/y"):
        group.create_array(name, data=A, chunks=(1, 4), compressors=None)
    shell.save(a=A)
    Path("outside").mkdir()
    return Path("s.zarr")


def _chunk(store: Path) -> str:
    np.full(4, 7.0).tofile("outside/chunk")
    (store / "x/c/1/0").unlink()
    (store / "x/c/1/0").symlink_to(os.path.abspath("outside/chunk"))
    return "s.zarr::x"


def _row_of_chunks(store: Path) -> str:
    shutil.move(store / "x/c/1", "outside/row")
    (store / "x/c/1").symlink_to("../../../outside/row")
    return "s.zarr::x"


def _document(store: Path) -> str:
    shutil.move(store / "x/zarr.json", "outside/zarr.json")
    (store / "x/zarr.json").symlink_to("../../outside/zarr.json")
    return "s.zarr::x"


def _member(store: Path) -> str:
    shutil.move(store / "x", "outside/x")
    (store / "x").symlink_to("../outside/x")
    return "s.zarr::x"


def _group(store: Path) -> str:
    shutil.move(store / "g", "outside/g")
    (store / "g").symlink_to("../outside/g")
    return "s.zarr::g/y"


WAYS_OUT = [_chunk, _row_of_chunks, _document, _member, _group]


@pytest.mark.parametrize("way", WAYS_OUT, ids=lambda f: f.__name__[1:])
@pytest.mark.parametrize("output", ["y.npy", "y.zarr"])
def test_a_link_out_of_a_store_is_read_only_where_that_is_asked_for(
    shell: Any, store: Path, way: Any, output: str
) -> None:
    ref = way(store)
    says = ("out of the store", "outside", "--follow-links")
    shell.fails(11, "concat", ref, "-o", output, says=says)
    shell.fails(11, "concat", ref, "-o", output, "--dry-run", says=says)
    shell.ok("concat", ref, "-o", output, "--follow-links", "--dry-run")
    shell.ok("concat", ref, "-o", output, "--follow-links")
    expected = A.copy()
    if way is _chunk:
        expected[1] = 7
    np.testing.assert_array_equal(shell.read(output), expected)


@pytest.mark.parametrize("way", WAYS_OUT, ids=lambda f: f.__name__[1:])
def test_other_commands_do_not_read_through_it_either(shell: Any, store: Path, way: Any) -> None:
    ref = way(store)
    shell.fails(11, "diff", ref, "a.npy", says="--follow-links")
    assert shell.run("diff", ref, "a.npy", "--follow-links").code == (8 if way is _chunk else 0)
    with pytest.raises(UnsafeContent):
        cs.fetch(ref)


def test_verify_does_not_read_through_it(shell: Any, store: Path) -> None:
    shell.ok("concat", "s.zarr::x", "-o", "y.npy", "--manifest", "m.json")
    _row_of_chunks(store)
    outcome = shell.run("verify", "m.json")
    assert outcome.code == 8
    assert "out of the store" in outcome.out
    shell.ok("verify", "m.json", "--follow-links")


def test_lengths_are_not_read_through_a_link(shell: Any, store: Path) -> None:
    np.save("lengths.npy", np.array([1, 2]))
    shell.ok("concat", "lengths.npy", "-o", "outside/l.zarr")
    (store / "l").symlink_to("../outside/l.zarr")
    args = ("split", "a.npy", "--lengths-from", "s.zarr::l", "-o", "p{index}.npy")
    shell.fails(11, *args, says="out of the store")


def test_a_link_within_a_store_is_read(shell: Any, store: Path) -> None:
    (store / "x/c/1/0").unlink()
    (store / "x/c/1/0").symlink_to("../2/0")
    (store / "z").symlink_to("g/y")
    shell.ok("concat", "s.zarr::x", "s.zarr::z", "-o", "y.npy")
    np.testing.assert_array_equal(np.load("y.npy"), np.concatenate([A[[0, 2, 2]], A]))


def test_a_store_may_itself_be_a_link(shell: Any, store: Path) -> None:
    Path("link.zarr").symlink_to("s.zarr")
    shell.ok("concat", "link.zarr::x", "-o", "y.npy")
    shell.ok("feed", "a.npy", "link.zarr::new")
    assert Path("link.zarr").is_symlink()
    np.testing.assert_array_equal(shell.read("s.zarr::new"), A)


def test_a_link_out_of_a_store_is_written_through_only_where_that_is_asked_for(
    shell: Any, store: Path
) -> None:
    zarr.open_group("outside/o.zarr", mode="w")
    (store / "out").symlink_to("../outside/o.zarr")
    shell.fails(11, "feed", "a.npy", "s.zarr::out/new", says=("out of the store", "--follow-links"))
    shell.ok("feed", "a.npy", "s.zarr::out/new", "--follow-links")
    np.testing.assert_array_equal(shell.read("outside/o.zarr::new"), A)
    (store / "in").symlink_to("g")
    shell.ok("feed", "a.npy", "s.zarr::in/new")
    np.testing.assert_array_equal(shell.read("s.zarr::g/new"), A)


def test_nothing_is_written_through_a_link_out_of_an_hdf5_file(shell: Any) -> None:
    shell.save(a=A)
    for name in ("s.h5", "other.h5"):
        with h5py.File(name, "w") as file:
            file["x"] = A
    with h5py.File("s.h5", "a") as file:
        file["l"] = h5py.ExternalLink("other.h5", "/")
        file["soft"] = h5py.SoftLink("/l/x")
        file["nowhere"] = h5py.SoftLink("/there/is/none")
        file["inside"] = h5py.SoftLink("/g")
        file.create_group("g")
    for member in ("l", "l/new", "soft", "nowhere", "nowhere/new"):
        shell.fails(11, "feed", "a.npy", f"s.h5::{member}", "--force", says=member.split("/")[0])
    shell.ok("feed", "a.npy", "s.h5::inside/new")
    np.testing.assert_array_equal(shell.read("s.h5::g/new"), A)


def _device(path: Path) -> None:
    os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))


def _circle(path: Path) -> None:
    path.with_name("back").symlink_to(path.name)
    path.symlink_to("back")


KINDS = {"pipe": os.mkfifo, "device": _device, "circle": _circle, "folder": Path.mkdir}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("name", ["y.npy", "y.h5", "y.h5::member", "y.zarr", "y.zarr::member"])
def test_only_files_and_stores_are_replaced(shell: Any, kind: str, linked: bool, name: str) -> None:
    shell.save(a=A)
    target = Path(name.partition("::")[0])
    if linked:
        target.symlink_to("behind")
    place = Path("behind") if linked else target
    try:
        KINDS[kind](place)
    except PermissionError:
        pytest.skip("no device can be made here")
    if kind == "folder":
        (place / "thesis.txt").write_text("years of work")
    before = shell.snapshot()
    outcome = shell.run("concat", "a.npy", "-o", name, "--force")
    if (kind, name) == ("folder", "y.zarr::member"):
        assert outcome.code in {0, 5}
    else:
        assert outcome.code == 5, outcome
        shell.one_line(outcome.err, "y.")
    assert {path: facts for path, facts in shell.snapshot().items() if path in before} == before


def test_a_manifest_replaces_files_only(shell: Any) -> None:
    shell.save(a=A)
    os.mkfifo("m.json")
    args = ("concat", "a.npy", "-o", "y.npy", "--manifest", "m.json", "--force")
    shell.fails(5, *args, says=("m.json", "no regular file"))


def test_undo_writes_beside_its_manifest_unless_told_otherwise(shell: Any) -> None:
    Path("inputs").mkdir()
    Path("runs").mkdir()
    np.save("inputs/a.npy", A)
    shell.ok("concat", "inputs/a.npy", "-o", "runs/y.npy", "--manifest", "runs/m.json")
    os.unlink("inputs/a.npy")
    shell.fails(11, "undo", "runs/m.json", says=("outside", "inputs/a.npy", "-o"))
    shell.ok("undo", "runs/m.json", "-o", "inputs/a.npy")
    np.testing.assert_array_equal(np.load("inputs/a.npy"), A)
