"""stage, run, commit and discard, and --resume: what they do, and what they refuse."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import concatsplit_core as cs
from concatsplit_core.run.staged.done import DoneRecord, at_work, ranges_of, read_done

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
    two.fails(12, "commit", "RUN", says=("tasks are not done", "concatsplit run"))
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
    _run(two, "recover", ".")
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


def test_staging_that_is_not_seen_here_is_named(two: Any) -> None:
    _stage(two)
    (hidden,) = two.hidden()
    os.rename(hidden, "elsewhere")
    two.fails(12, "run", "RUN", says=("is not there", "this machine does not see"))
    two.ok("discard", "RUN")


def test_a_process_at_work_is_waited_for(two: Any) -> None:
    _stage(two)
    _run(two, "run", "RUN")
    record = DoneRecord(Path("RUN"), sync=True)
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
        (("concat", "a.npy", "-o", "y.npy", "--manifest", "m.json"), "--manifest"),
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
    for share in ("4/3", "x/3", "3", "1/0"):
        two.fails(2, "run", "RUN", "--tasks", share, says="--tasks")


def test_an_array_in_memory_is_refused(two: Any) -> None:
    with pytest.raises(cs.ConcatsplitError, match="a ndarray in memory cannot be staged"):
        cs.stage("concat", [A], "y.npy", to="RUN")
    with pytest.raises(cs.ConcatsplitError, match="reads its inputs from files"):
        cs.concat([A, B], "y.npy", resume=True)
    assert two.names() == ["a.npy", "b.npy"]


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[]", b'{"concatsplit": 2}', b'{"concatsplit": 1, "nonce": 3}'],
)
def test_a_damaged_record_is_named(two: Any, damage: bytes) -> None:
    _stage(two)
    Path("RUN/run.json").write_bytes(damage)
    two.fails(12, "run", "RUN", says="is not the record of a staged run")


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [("request", {"operator": "system", "args": [], "options": {}}, 12), ("request", {}, 12),
     ("outputs", [], 12), ("offsets", {}, 12), ("request", None, 2)],
)  # fmt: skip
def test_a_wrong_record_does_no_harm(two: Any, key: str, value: Any, code: int) -> None:
    _stage(two, "y.h5", "--chunks", "none")
    record = json.loads(Path("RUN/run.json").read_text())
    Path("RUN/run.json").write_text(json.dumps(record | {key: value}))
    outcome = two.run("run", "RUN")
    assert outcome.code == code, outcome.err
    assert "internal" not in outcome.err


def test_resume_without_interruption_leaves_nothing_behind(two: Any) -> None:
    two.ok("concat", "a.npy", "b.npy", "-o", "y.npy", "--resume")
    assert two.names() == ["a.npy", "b.npy", "y.npy"]
    np.testing.assert_array_equal(np.load("y.npy"), WHOLE)
    two.ok("gradient", "split", "a.npy", "zeros", "-o", "dx.npy", "--split-info",
           two.save(s=np.array([48, 2])) or "s.npy", "--resume")  # fmt: skip
    assert np.load("dx.npy").shape == (50, 500)


class Stop(Exception):
    """Stops a run in its midst."""


def _stopped(*words: Any, after: int = 2, **options: Any) -> None:
    """Begin a run with --resume that stops after some tasks."""
    seen = []

    def listen(event: Any) -> None:
        seen.append(event)
        if len([one for one in seen if type(one).__name__ == "Moved"]) == after:
            raise Stop

    with pytest.raises(Stop) as caught:
        cs.concat(*words, resume=True, on_event=listen, memory="64KiB", jobs=1, **options)
    assert "the same command with --resume goes on" in caught.value.__notes__[0]


WORDS = ("concat", "a.npy", "b.npy", "-o", "y.zarr", "--chunks", "4,500", "--resume")


def test_resume_does_only_what_is_missing(two: Any) -> None:
    _stopped(["a.npy", "b.npy"], "y.zarr", chunks=(4, 500), after=3)
    moved = []
    cs.concat(["a.npy", "b.npy"], "y.zarr", chunks=[4, 500], resume=True,
              on_event=lambda event: moved.append(type(event).__name__))  # fmt: skip
    total = len(cs.concat(["a.npy", "b.npy"], "z.zarr", chunks=(4, 500), memory="64KiB", jobs=1,
                          dry_run=True).plan)  # fmt: skip
    assert moved.count("Moved") == total - 2
    np.testing.assert_array_equal(two.read("y.zarr"), WHOLE)
    assert two.hidden() == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--codec", "gzip:1"), "--codec was not given and is gzip:1"),
        (("--memory", "1MiB"), "--memory was 64KiB and is 1MiB"),
        (("-j", "2"), "--jobs was 1 and is 2"),
        (("--check",), "--check was False and is True"),
    ],
)
def test_resume_names_the_option_that_changed(two: Any, words: tuple[str, ...], says: str) -> None:
    _stopped(["a.npy", "b.npy"], "y.zarr", chunks=(4, 500))
    outcome = two.run(*WORDS, *words)
    assert outcome.code == 12, outcome.err
    assert says in outcome.message
    assert "concatsplit discard" in outcome.message


def test_resume_names_the_input_that_changed(two: Any) -> None:
    _stopped(["a.npy", "b.npy"], "y.zarr", chunks=(4, 500))
    two.save(c=B)
    others = ("concat", "a.npy", "c.npy", *WORDS[3:])
    two.fails(12, *others, says="input 1 was b.npy and is c.npy")
    two.fails(12, "concat", "a.npy", *WORDS[3:], says="there were 2 inputs and there are 1")
    time_before = os.stat("b.npy").st_mtime_ns
    os.utime("b.npy", ns=(time_before, time_before + 1))
    two.fails(12, *WORDS, says="input 1 (b.npy) was changed since")


def test_without_resume_one_is_told_how_to_go_on(two: Any) -> None:
    _stopped(["a.npy", "b.npy"], "y.zarr", chunks=(4, 500))
    outcome = two.run(*WORDS[:-1])
    assert outcome.code == 5
    assert "give the same command with --resume" in outcome.message
    (hidden,) = two.hidden()
    two.fails(2, "commit", f"{hidden}/resume", says="is a run with --resume")
    two.ok("discard", hidden)
    two.ok(*WORDS[:-1])


def test_ranges_are_found_and_read_back(tmp_path: Path) -> None:
    assert list(ranges_of([5, 1, 2, 9, 3])) == [(1, 3), (5, 5), (9, 9)]
    assert list(ranges_of([])) == []
    record = DoneRecord(tmp_path, sync=False)
    record.add([5, 1, 2, 9, 3])
    assert at_work(tmp_path, but=record.path) == []
    assert len(at_work(tmp_path)) == 1
    record.close()
    record.close()
    assert at_work(tmp_path) == []
    assert [n for n, done in enumerate(read_done(tmp_path, 9)) if done] == [1, 2, 3, 5]


@pytest.mark.parametrize("cut", range(1, 14))
def test_a_torn_last_line_is_ignored(tmp_path: Path, cut: int) -> None:
    record = DoneRecord(tmp_path, sync=False)
    record.add([0])
    record.add(range(1, 12))
    record.close()
    whole = record.path.read_bytes().removesuffix(b"end\n")
    record.path.write_bytes(whole[:-cut])
    assert sum(read_done(tmp_path, 20)) == (12 if cut == 1 else 1)
    again = DoneRecord(tmp_path, sync=False)
    again.add([19])
    again.close()
    assert sum(read_done(tmp_path, 20)) == (13 if cut == 1 else 2)


def test_without_locks_a_record_tells_by_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from concatsplit_core.run.staged import done, locks
    from concatsplit_core.stores.owner import Owner

    for module in (done, locks):
        monkeypatch.setattr(module, "lock", lambda *_, **__: None)
    record = DoneRecord(tmp_path, sync=False)
    assert len(at_work(tmp_path)) == 1
    for fate, fresh, expected in (("dead", True, 0), ("unknown", True, 1), ("unknown", False, 0)):
        monkeypatch.setattr(Owner, "fate", property(lambda _, fate=fate: fate))
        now = time.time() - (0 if fresh else 1000)
        os.utime(record.path, (now, now))
        assert len(at_work(tmp_path)) == expected
    record.close()
    with locks.alone(tmp_path):
        with pytest.raises(cs.ConcatsplitError, match="committing"):
            locks.refuse_if_committing(tmp_path)
        monkeypatch.setattr(Owner, "fate", property(lambda _: "dead"))
        locks.refuse_if_committing(tmp_path)
