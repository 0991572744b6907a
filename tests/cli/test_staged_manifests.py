"""A manifest of a run that several processes did, or that was gone on with, is that of one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

A = np.arange(6_000, dtype="<i8").reshape(12, 500)
SMALL = ("--memory", "1MiB", "-j", "1")


@pytest.fixture
def two(shell: Any) -> Any:
    """A shell with a.npy and b.npy."""
    shell.save(a=A, b=A + 7)
    return shell


def _remove(*names: str) -> None:
    for name in names:
        path = Path(name)
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _staged(shell: Any, *words: str) -> None:
    assert shell.run("stage", *words, "--to", "RUN").code == 0
    for share in ("2/2", "1/2"):
        assert shell.run("run", "RUN", "--tasks", share).code == 0
    shell.ok("commit", "RUN")


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("npy", ()),
        ("npz", ("--codec", "gzip:1")),
        ("h5", ("--chunks", "4,500", "--codec", "gzip:1")),
        ("zarr", ("--chunks", "4,500")),
        ("zarr.zip", ("--chunks", "4,500")),
    ],
)
def test_the_manifest_has_the_bytes_that_it_has_without(
    two: Any, suffix: str, options: tuple[str, ...]
) -> None:
    words = ("split", "a.npy", "-o", f"y{{index}}.{suffix}", "--parts", "2", *options)
    words = (*words, "--manifest", "m.json", *SMALL)
    outputs = [f"y{number}.{suffix}" for number in range(2)]
    two.ok(*words)
    expected = Path("m.json").read_bytes()
    for way in ("resumed", "staged"):
        _remove("m.json", *outputs)
        if way == "resumed":
            two.ok(*words, "--resume")
        else:
            _staged(two, *words)
        assert Path("m.json").read_bytes() == expected
        assert two.names() == sorted(["a.npy", "b.npy", "m.json", *outputs])
    two.ok("verify", "m.json")


def test_chunks_that_move_as_they_are_stored_have_the_same_hashes(two: Any) -> None:
    for name in ("a", "b"):
        two.ok("fetch", f"{name}.npy", "-o", f"{name}.zarr", "--chunks", "4,500")
    words = ("concat", "a.zarr", "b.zarr", "-o", "y.zarr", "--manifest", "sub/m.json", *SMALL)
    Path("sub").mkdir()
    result = json.loads(two.run(*words, "--json").out)
    assert result["routes"]["encoded"] == 2 * A.nbytes
    expected = Path("sub/m.json").read_bytes()
    _remove("y.zarr", "sub/m.json")
    _staged(two, *words)
    assert Path("sub/m.json").read_bytes() == expected
    assert [path.name for path in Path("sub").iterdir()] == ["m.json"]


def test_the_manifest_of_a_data_set(shell: Any) -> None:
    for name in "ab":
        with h5py.File(f"{name}.h5", "w") as file:
            file["x"], file["y"] = A, A[:, 0].astype("f4")
    words = ("concat", "a.h5", "b.h5", "-o", "c.h5", "--manifest", "m.json", *SMALL)
    shell.ok(*words)
    expected = Path("m.json").read_bytes()
    shell.ok(*words, "--force", "--resume")
    assert Path("m.json").read_bytes() == expected
    shell.ok("verify", "m.json")


class Stop(Exception):
    """Stops a run in its midst."""


def test_a_run_that_was_stopped_before_its_manifest_goes_on(
    two: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from concatsplit_core.run.staged.outputs import SharedOutputSet

    def stop(*_: Any) -> None:
        raise Stop

    words = ("concat", "a.npy", "b.npy", "-o", "y.npy", "--manifest", "m.json", "--resume", *SMALL)
    with monkeypatch.context() as patched:
        patched.setattr(SharedOutputSet, "write_record", stop)
        assert two.run(*words).code == 1
    assert not Path("y.npy").exists()
    assert not Path("m.json").exists()
    other = ("concat", "a.npy", "b.npy", "-o", "z.npy", "--manifest", "m.json")
    two.fails(5, *other, says="a staged run is going to write it")
    two.ok(*words)
    two.ok("verify", "m.json")
    assert two.hidden() == []


def test_an_input_that_changed_after_the_tasks_is_not_hashed(two: Any) -> None:
    words = ("concat", "a.npy", "b.npy", "-o", "y.npy", "--manifest", "m.json", *SMALL)
    assert two.run("stage", *words, "--to", "RUN").code == 0
    assert two.run("run", "RUN").code == 0
    np.save("b.npy", A + 8)
    two.fails(12, "commit", "RUN", says="b.npy) was changed since")
    assert not Path("m.json").exists()


def test_if_changed_says_that_a_resumed_run_is_up_to_date(two: Any) -> None:
    words = ("concat", "a.npy", "b.npy", "-o", "y.npy", "--manifest", "m.json", "--if-changed",
             "--resume", *SMALL)  # fmt: skip
    two.ok(*words)
    assert json.loads(two.run(*words, "--json").out)["unchanged"]
    np.save("b.npy", A + 8)
    two.ok(*words)
    np.testing.assert_array_equal(np.load("y.npy")[12:], A + 8)
    two.ok("verify", "m.json")
