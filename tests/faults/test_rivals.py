"""Two runs at once: one target has one writer, and neighbours leave each other alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import children
import h5py
import numpy as np
import pytest
import zarr

JOIN = ("concat", "a.npy", "b.npy", "-o")


@pytest.mark.parametrize(
    ("first", "second"),
    [("y.npy", "y.npy"), ("y.npy", "./y.npy"), ("y.h5", "y.h5"), ("y.zarr", "y.zarr"),
     ("s.h5::one", "s.h5::two"), ("s.zarr::one", "s.zarr::one"), ("sub/y.npy", "sub/y.npy"),
     ("link.npy", "y.npy"), ("y.zarr::one", "y.zarr::two")],
)  # fmt: skip
@pytest.mark.parametrize("extra", [(), ("--force",)])
def test_the_second_writer_of_a_target_is_refused(
    shell: Any, whole: np.ndarray, hold: Any, first: str, second: str, extra: tuple[str, ...]
) -> None:
    with h5py.File("s.h5", "w") as file:
        file["old"] = 1
    zarr.open_group("s.zarr", mode="w").create_array("old", data=np.ones(1))
    (shell.folder / "link.npy").symlink_to("y.npy")
    run = hold(*JOIN, first, *extra)
    during = shell.snapshot()
    refused = shell.run(*JOIN, second, *extra)
    assert refused.code == 5, refused.err
    shell.one_line(refused.err, Path(second.partition("::")[0]).name)
    assert shell.snapshot() == during
    assert run.let_go() == 0, run.errors
    assert shell.hidden() == []
    np.testing.assert_array_equal(shell.read(first), whole)


@pytest.mark.parametrize(("first", "second"), [("y.npy", "z.npy"), ("s.zarr::one", "s.zarr::two")])
def test_neighbours_leave_each_other_alone(
    shell: Any, whole: np.ndarray, hold: Any, first: str, second: str
) -> None:
    zarr.open_group("s.zarr", mode="w").create_array("old", data=np.ones(1))
    run = hold(*JOIN, first)
    staged = shell.hidden()
    assert shell.run(*JOIN, second).code == 0
    assert shell.hidden() == staged
    np.testing.assert_array_equal(shell.read(second), whole)
    assert run.let_go() == 0, run.errors
    assert shell.hidden() == []
    np.testing.assert_array_equal(shell.read(first), whole)


def test_a_target_that_appears_in_the_meantime_is_not_overwritten(
    shell: Any, whole: np.ndarray, hold: Any
) -> None:
    run = hold(*JOIN, "y.npy")
    shell.save(y=whole[:3])
    during = shell.snapshot()["y.npy"]
    assert run.let_go() == 5
    shell.one_line(run.errors, "y.npy")
    assert shell.snapshot()["y.npy"] == during
    assert shell.hidden() == []


def test_a_target_that_appears_takes_the_whole_set_back(
    shell: Any, whole: np.ndarray, hold: Any
) -> None:
    run = hold("split", "a.npy", "-o", "p{index}.npy", "--parts", 4)
    shell.save(p2=whole[:3])
    assert run.let_go() == 5
    shell.one_line(run.errors, "p2.npy")
    assert shell.names() == ["a.npy", "b.npy", "p2.npy"]


@pytest.mark.parametrize("extra", [(), ("--force",)])
def test_a_staging_folder_may_vanish_before_it_is_locked(
    shell: Any, whole: np.ndarray, hold: Any, extra: tuple[str, ...]
) -> None:
    run = hold(*JOIN, "y.npy", *extra, call="open", match=".concatsplit-")
    assert shell.run(*JOIN, "y.npy").code == 0
    assert run.let_go() == 5, run.errors  # nothing had the name when it was looked at
    assert shell.hidden() == []
    np.testing.assert_array_equal(shell.read("y.npy"), whole)


@pytest.mark.parametrize("target", ["y.npy", "y.zarr", "y.h5"])
def test_of_many_at_once_one_wins(shell: Any, whole: np.ndarray, target: str) -> None:
    errors = [str(shell.folder.parent / f"errors-{index}") for index in range(6)]
    args = [*JOIN, target]
    runs = [children.start(children.plain, str(shell.folder), args, log) for log in errors]
    codes = [children.finish(run) for run in runs]
    assert set(codes) <= {0, 5}, (codes, *(Path(log).read_text()[-90:] for log in errors))
    assert codes.count(0) == 1  # the first one that says what it writes
    assert shell.hidden() == []
    np.testing.assert_array_equal(shell.read(target), whole)


@pytest.mark.parametrize("target", ["y.npy", "y.zarr"])
def test_many_at_once_with_force_leave_one_whole_target(
    shell: Any, whole: np.ndarray, target: str
) -> None:
    errors = [str(shell.folder.parent / f"errors-{index}") for index in range(6)]
    shell.ok("concat", "a.npy", "-o", target)
    args = [*JOIN, target, "--force"]
    runs = [children.start(children.plain, str(shell.folder), args, log) for log in errors]
    codes = [children.finish(run) for run in runs]
    assert set(codes) <= {0, 5}, (codes, *(Path(log).read_text()[-90:] for log in errors))
    assert 0 in codes
    assert shell.hidden() == []
    np.testing.assert_array_equal(shell.read(target), whole)
