"""stage, run, commit and discard: what they do, and what they refuse."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import concatsplit_core as cs
from concatsplit_core.run.staged.done import DoneRecord

A = np.arange(24_000, dtype="<i8").reshape(48, 500)
B = A + 7
WHOLE = np.concatenate([A, B])
CHUNKED = ("--chunks", "4,500", "--memory", "64KiB", "-j", "1")


@pytest.fixture
def two(shell: Any) -> Any:
    """A shell with a.npy and b.npy."""
    shell.save(a=A, b=B)
    return shell


def _run(shell: Any, *args: Any) -> Any:
    outcome = shell.run(*args)
    assert (outcome.code, outcome.err) == (0, "")
    return outcome


def _stage(shell: Any, output: str = "y.zarr", *options: str) -> None:
    _run(shell, "stage", "concat", "a.npy", "b.npy", "-o", output, "--to", "RUN", *options)


def test_any_number_of_processes_do_the_tasks(two: Any) -> None:
    staged = _run(
        two, "stage", "concat", "a.npy", "b.npy", "-o", "y.zarr", *CHUNKED, "--to", "RUN", "--json"
    ).json
    assert staged["tasks"] > 4
    assert "y.zarr" not in two.names()
    for share in ("0/3", "1/3", "1/3"):
        _run(two, "run", "RUN", "--tasks", share)
    state = _run(two, "run", "RUN", "--tasks", "3/3", "--json").json
    assert state["missing"] > 0
    two.fails(12, "commit", "RUN", says=("tasks still to do", "concatsplit run"))
    assert _run(two, "run", "RUN").out == "RUN: all done\n"
    two.ok("commit", "RUN")
    assert sorted(two.names()) == ["a.npy", "b.npy", "y.zarr"]
    np.testing.assert_array_equal(two.read("y.zarr"), WHOLE)


def test_it_works_from_another_working_folder(two: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _stage(two)
    Path("inner").mkdir()
    monkeypatch.chdir("inner")
    with pytest.raises(cs.ConcatsplitError, match="was staged in the working folder"):
        cs.run_tasks("../RUN")
    _run(two, "run", "../RUN")
    _run(two, "commit", "../RUN")
    np.testing.assert_array_equal(two.read("../y.zarr"), WHOLE)


def test_a_data_set_of_all_kinds_of_arrays(two: Any) -> None:
    with h5py.File("d.h5", "w") as file:
        file["g/plain"] = A
        file.create_dataset("packed", data=B, chunks=(4, 500), compression="gzip")
        file.create_dataset("text", data=["a", "\0b"[1:], "ü"] * 16, dtype=h5py.string_dtype())
    words = ("split", "d.h5", "--parts", "2", "--axis", "0", "--memory", "1MiB", "-j", "1")
    two.ok(*words, "-o", "plain{index}.h5")
    _run(two, "stage", *words, "-o", "y{index}.h5", "--to", "RUN")
    for share in (2, 1):
        _run(two, "run", "RUN", "--tasks", f"{share}/2")
    two.ok("commit", "RUN")
    two.ok(*words, "-o", "z{index}.h5", "--resume")
    for index in range(2):
        expected = Path(f"plain{index}.h5").read_bytes()
        assert Path(f"y{index}.h5").read_bytes() == expected
        assert Path(f"z{index}.h5").read_bytes() == expected


@pytest.mark.parametrize("suffix", ["h5", "zarr", "npz", "safetensors"])
def test_a_member_is_added_with_its_split_info(two: Any, suffix: str) -> None:
    for name in ("plain", "y"):
        two.ok("feed", "a.npy", f"{name}.{suffix}::old")
    words = ("concat", "a.npy", "b.npy", "--memory", "2MiB")
    outputs = [
        ("-o", f"{n}.{suffix}::new", "--split-info", f"{n}.{suffix}::s") for n in ("plain", "y")
    ]
    two.ok(*words, *outputs[0])
    _run(two, "stage", *words, *outputs[1], "--to", "RUN")
    _run(two, "run", "RUN")
    two.ok("commit", "RUN")
    for name, expected in (("new", WHOLE), ("old", A), ("s", [48, 48])):
        np.testing.assert_array_equal(two.read(f"y.{suffix}::{name}"), expected)
    if suffix != "zarr":
        assert Path(f"y.{suffix}").read_bytes() == Path(f"plain.{suffix}").read_bytes()


def test_others_leave_it_alone_and_are_told_whose_it_is(two: Any) -> None:
    _stage(two)
    before = two.snapshot()
    for words in (("concat", "a.npy", "-o", "y.zarr"), ("feed", "a.npy", "y.zarr::x")):
        outcome = two.run(*words)
        assert outcome.code == 5
        for word in ("concatsplit run", "concatsplit commit", "concatsplit discard", "RUN"):
            assert word in outcome.message
    assert "belongs to the staged run in" in _run(two, "recover", ".").out
    _run(two, "concat", "a.npy", "-o", "other.npy")
    os.remove("other.npy")
    assert two.snapshot().keys() == before.keys()
    _run(two, "run", "RUN")
    two.ok("commit", "RUN")
    np.testing.assert_array_equal(two.read("y.zarr"), WHOLE)


def test_what_is_given_up_leaves_nothing(two: Any) -> None:
    before = two.names()
    _stage(two, "new/deep/y.h5", *CHUNKED)
    _run(two, "run", "RUN", "--tasks", "1/2")
    two.ok("discard", "RUN")
    assert two.names() == before
    two.fails(4, "discard", "RUN", says="there is no such staged run")
    _stage(two)
    (hidden,) = two.hidden()
    two.ok("discard", hidden)
    assert two.names() == before
    _stage(two)
    shutil.rmtree("RUN")
    (hidden,) = two.hidden()
    two.fails(12, "discard", hidden, says="which is not there")


@pytest.mark.parametrize("step", ["run", "commit"])
def test_a_changed_input_is_found(two: Any, step: str) -> None:
    _stage(two)
    if step == "commit":
        _run(two, "run", "RUN")
    two.save(b=B + 1)
    two.fails(12, step, "RUN", says=("input 1 (b.npy) was changed since", "concatsplit discard"))


def test_usage_of_a_gradient_that_is_staged_names_it_whole(two: Any) -> None:
    outcome = two.run("stage", "gradient", "concat", "a.npy", "--what", "--to", "RUN")
    assert outcome.code == 2
    assert " gradient concat [OPTIONS] DY" in outcome.err
    assert "gradient concat has no option --what" in outcome.message


def test_staging_that_is_not_seen_here_is_named(two: Any) -> None:
    _stage(two)
    (hidden,) = two.hidden()
    os.rename(hidden, "elsewhere")
    two.fails(12, "run", "RUN", says=("is not there", "this machine does not see"))
    two.ok("discard", "RUN")


def test_a_process_at_work_is_waited_for(two: Any) -> None:
    _stage(two)
    _run(two, "run", "RUN")
    record = DoneRecord(Path("RUN"), "", sync=True)
    try:
        two.fails(5, "commit", "RUN", says="processes are still at work on it")
        two.fails(5, "discard", "RUN", says="processes are still at work on it")
    finally:
        record.close()
    two.ok("commit", "RUN")


def test_of_two_commits_one_wins(two: Any) -> None:
    from concatsplit_core.run.staged.locks import alone

    _stage(two)
    _run(two, "run", "RUN")
    with alone(Path("RUN").absolute()):
        two.fails(5, "commit", "RUN", says="another process is committing this run")
    two.ok("commit", "RUN")
    two.fails(4, "commit", "RUN", says="is not the folder of a staged run")


def test_no_task_is_begun_while_it_is_committed(two: Any) -> None:
    from concatsplit_core.run.staged.locks import alone

    _stage(two)
    with alone(Path("RUN").absolute()):
        outcome = two.run("run", "RUN")
    assert outcome.code == 5
    assert "another process is committing this run" in outcome.message


def test_a_target_that_appears_meanwhile_is_not_replaced(two: Any) -> None:
    _stage(two, "y.npy")
    _run(two, "run", "RUN")
    two.save(y=A)
    outcome = two.run("commit", "RUN")
    assert outcome.code == 5
    np.testing.assert_array_equal(np.load("y.npy"), A)
    os.remove("y.npy")
    two.ok("commit", "RUN")
    np.testing.assert_array_equal(np.load("y.npy"), WHOLE)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("concat", "-", "-o", "y.npy"), "stdin"),
        (("fetch", "a.npy"), "stdout"),
        (("concat", "a.npy", "-o", "y.npy", "--executor", "dask"), "--executor"),
        (("concat", "a.npy", "-o", "y.npy", "--manifest", "m", "--if-changed"), "--if-changed"),
        (("concat", "a.npy", "-o", "y.npy", "--dry-run"), "--dry-run"),
        (("undo", "m.json"), "cannot be staged"),
        (("info", "a.npy"), "cannot be staged"),
        (("nothing", "a.npy"), "nothing"),
    ],
)
def test_what_cannot_be_staged_is_refused(two: Any, words: tuple[str, ...], says: str) -> None:
    two.fails(2, "stage", *words, "--to", "RUN", says=says)


def test_a_folder_that_holds_something_is_refused(two: Any) -> None:
    Path("full").mkdir()
    Path("full/x").touch()
    words = ("stage", "concat", "a.npy", "-o", "y.npy", "--to")
    two.fails(2, *words, "full", says="is no empty folder")
    two.fails(2, *words, "no/where", says="the folder around it is not there")
    _stage(two)
    two.fails(2, *words, "RUN", says="holds a staged run already")
    two.fails(4, "run", "full", says="is not the folder of a staged run")
    for share in ("4/3", "x/3", "3", "1/0", "0/0"):
        two.fails(2, "run", "RUN", "--tasks", share, says="--tasks")


@pytest.mark.parametrize("output", ["y.zarr", "y.zarr/RUN", "m.json", "y.d"])
def test_a_folder_that_is_an_output_is_refused(two: Any, output: str) -> None:
    join = ("concat", "a.npy", "b.npy", "-o", "y.zarr", "--manifest", "m.json", "--depfile", "y.d")
    if "/" in output:
        two.ok("concat", "a.npy", "-o", "y.zarr")
    two.fails(2, "stage", *join, "-f", "--to", output, says=f"--to {Path(output).absolute()}: is")
    assert "m.json" not in two.names()


def test_a_folder_that_cannot_be_made_is_refused(two: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make = Path.mkdir

    def refuse(path: Path, *args: Any, **settings: Any) -> None:
        if path.name == "RUN":
            raise PermissionError(errno.EACCES, "not here", str(path))
        make(path, *args, **settings)

    monkeypatch.setattr(Path, "mkdir", refuse)
    words = ("stage", "concat", "a.npy", "-o", "y.npy", "--to", "RUN")
    two.fails(5, *words, says=("RUN: no permission to write to the folder", "give another"))


def test_an_array_in_memory_is_refused(two: Any) -> None:
    with pytest.raises(cs.ConcatsplitError, match="a ndarray in memory cannot be staged"):
        cs.stage("concat", [A], "y.npy", to="RUN")
    with pytest.raises(cs.ConcatsplitError, match="reads its inputs from files"):
        cs.concat([A, B], "y.npy", resume=True)
    assert two.names() == ["a.npy", "b.npy"]


def test_a_commit_that_was_killed_at_its_very_end_is_repeated(two: Any) -> None:
    _stage(two, "y.npy")
    _run(two, "run", "RUN")
    shutil.copytree("RUN", "kept")
    two.ok("commit", "RUN")
    os.rename("kept", "RUN")
    state = two.ok("commit", "RUN", "--json").json
    assert state["missing"] == 0
    assert two.names() == ["a.npy", "b.npy", "y.npy"]


def test_staging_that_another_process_has_is_busy(two: Any) -> None:
    from concatsplit_core.run.staged.record import read_record
    from concatsplit_core.stores.kept_staging import KeptStaging

    _stage(two, "y.npy")
    _run(two, "run", "RUN")
    record = read_record(Path("RUN"))
    folders = [Path(name) for name in record.folders]
    other = KeptStaging.adopt(False, folders, [], record.outputs, record.nonce)
    two.fails(5, "commit", "RUN", says="another process is publishing the outputs")
    other.release()
    two.ok("commit", "RUN")


def test_a_quiet_run_and_its_progress(two: Any) -> None:
    _stage(two)
    outcome = two.run("run", "RUN", "--progress")
    assert outcome.code == 0
    assert _run(two, "run", "RUN", "--quiet").out == ""
