"""Records of staged runs that were damaged or changed: refused, and never in the way for ever."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def two(shell: Any) -> Any:
    """A shell with a.npy and b.npy."""
    shell.save(a=np.arange(6), b=np.arange(6))
    return shell


def _stage(shell: Any, output: str = "y.zarr", *options: str) -> None:
    words = ("concat", "a.npy", "b.npy", "-o", output, *options)
    assert shell.run("stage", *words, "--to", "RUN").code == 0


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
    text = _changed(key, value)
    kept = _kept()
    digest = hashlib.sha256(text.encode()).hexdigest()
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"digest": digest}))
    outcome = two.run("run", "RUN")
    assert outcome.code == code, outcome.err
    assert "internal" not in outcome.err


def _changed(key: str, value: Any) -> str:
    """Change one thing in the record of the run."""
    text = json.dumps(json.loads(Path("RUN/run.json").read_text()) | {key: value})
    Path("RUN/run.json").write_text(text)
    return text


def _kept(folder: str = ".") -> Path:
    """The file `kept` of the only staging folder in a folder."""
    (home,) = Path(folder).glob(".concatsplit-*")
    return home / "kept"


@pytest.mark.parametrize(
    ("key", "value"),
    [("tasks", 10**14), ("folders", [None]), ("made", ["\0"]), ("cwd", "\ud800"), ("jobs", -1),
     ("request", {"operator": "concat", "args": 3, "options": {"raw": 3}})],
)  # fmt: skip
def test_a_record_that_was_changed_is_refused_and_can_be_given_up(
    two: Any, key: str, value: Any
) -> None:
    _stage(two)
    _changed(key, value)
    for step in ("run", "commit", "discard"):
        two.fails(12, step, "RUN", says="'concatsplit discard FOLDER'")
    two.ok("discard", str(_kept().parent))
    assert two.names() == ["a.npy", "b.npy"]
    assert not list(Path().glob(".concatsplit-*"))


def test_a_damaged_record_of_outputs_in_two_folders_can_be_given_up(two: Any) -> None:
    words = ("split", "a.npy", "-o", "m/y.npy", "-o", "n/y.npy")
    assert two.run("stage", *words, "--to", "RUN").code == 0
    Path("RUN/run.json").write_bytes(b"{")
    (other,) = (path for path in Path().glob("[mn]/.concatsplit-*") if not (path / "kept").exists())
    two.ok("discard", str(other))
    assert not list(Path().rglob(".concatsplit-*"))
    two.ok(*words)


def test_staging_that_does_not_know_its_run_any_more_can_be_given_up(two: Any) -> None:
    _stage(two)
    _kept().write_bytes(b"{")
    two.fails(12, "run", "RUN", says="was changed since it was written")
    two.ok("discard", str(_kept().parent))
    two.ok("discard", "RUN")
    assert two.names() == ["a.npy", "b.npy"]


def test_staging_that_is_gone_is_missed_before_the_number_of_tasks_is_believed(two: Any) -> None:
    _stage(two)
    shutil.rmtree(_kept().parent)
    _changed("tasks", 10**14)
    for step in ("run", "commit"):
        two.fails(12, step, "RUN", says="is not there")
    two.ok("discard", "RUN")


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_concatsplit_did_not_make_is_not_written_through(two: Any, kind: str) -> None:
    _stage(two)
    Path("victim").write_text("as it was")
    names = [f"done.{os.uname().nodename}.{os.getpid()}", "commit"]
    for name in names:
        path = Path("RUN", name)
        if kind == "link":
            path.symlink_to("../victim")
        elif kind == "pipe":
            os.mkfifo(path)
        else:
            path.mkdir()
    for step in ("commit", "discard"):
        two.fails(11, step, "RUN", says="remove it")
    path.rmdir() if kind == "folder" else path.unlink()
    assert two.run("run", "RUN").code == 0
    assert two.run("commit", "RUN").code == 0
    assert Path("victim").read_text() == "as it was"


def test_a_record_of_done_tasks_without_lines_is_not_read_to_its_end(two: Any) -> None:
    _stage(two)
    Path("RUN/done.evil").write_bytes(b"")
    os.truncate("RUN/done.evil", 1 << 42)
    state = json.loads(two.run("run", "RUN", "--json").out)
    assert state["missing"] == 0
    two.ok("commit", "RUN")


def test_a_working_folder_that_was_renamed_is_named(
    two: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("old").mkdir()
    monkeypatch.chdir("old")
    words = ("concat", "../a.npy", "../b.npy", "-o", "y.npy")
    assert two.run("stage", *words, "--to", "../RUN").code == 0
    monkeypatch.chdir("..")
    Path("old").rename("new")
    two.fails(4, "run", "RUN", says=("working folder", "move it back", "discard"))
    Path("new").rename("old")
    assert two.run("run", "RUN").code == 0
    assert two.run("commit", "RUN").code == 0
    assert np.load("old/y.npy").size == 12


def _forged(shell: Any, **values: Any) -> None:
    """Make the folder of a run that another user may have made, and says what they want."""
    _stage(shell, "y.npy")
    document = json.loads(Path("RUN/run.json").read_text())
    shell.ok("discard", "RUN")
    Path("RUN").mkdir()
    Path("RUN/run.json").write_text(json.dumps(document | values))


@pytest.mark.parametrize("step", ["run", "commit"])
def test_a_forged_run_writes_nowhere(two: Any, step: str) -> None:
    victim = Path("victim.npy")
    np.save(victim, np.zeros(12, int))
    before = victim.read_bytes()
    two.run("stage", "concat", "a.npy", "b.npy", "-o", "y.npy", "--to", "OTHER")
    (output,) = json.loads(Path("OTHER/run.json").read_text())["outputs"]
    two.ok("discard", "OTHER")
    forged = output | {"staged": str(victim.absolute()), "made": ["file", 1, 1, 1]}
    here = str(Path.cwd())
    for folders in ([], [here], [f"{here}/.concatsplit-0123456789ab"]):
        _forged(two, folders=folders, outputs=[forged], offsets={str(victim.absolute()): [128]})
        two.fails(12, step, "RUN")
        shutil.rmtree("RUN")
    assert victim.read_bytes() == before
    assert two.names() == ["a.npy", "b.npy", "victim.npy"]


def test_done_tasks_that_another_run_tells_of_are_not_believed(two: Any) -> None:
    _stage(two, "y.npy")
    assert two.run("run", "RUN").code == 0
    (record,) = Path("RUN").glob("done.*")
    text = record.read_bytes()
    two.ok("discard", "RUN")
    _stage(two, "y.npy")
    Path("RUN/done.from.1").write_bytes(text)
    two.fails(12, "commit", "RUN", says="tasks still to do")
    assert two.run("run", "RUN").code == 0
    two.ok("commit", "RUN")
    np.testing.assert_array_equal(np.load("y.npy"), [*range(6), *range(6)])


def test_a_run_that_was_moved_goes_on_and_one_without_its_staging_says_so(two: Any) -> None:
    Path("out").mkdir()
    _stage(two, "out/y.npy")
    Path("RUN").rename("MOVED")
    Path("out").rename("elsewhere")
    for step in ("run", "commit"):
        two.fails(12, step, "MOVED", says=("moved or removed", "move it back"))
    Path("elsewhere").rename("out")
    assert two.run("run", "MOVED").code == 0
    two.ok("commit", "MOVED")
    assert np.load("out/y.npy").size == 12
    assert two.names() == ["a.npy", "b.npy", "out"]


@pytest.mark.parametrize("given", ["run", "hidden"])
def test_a_run_that_was_moved_with_all_around_it_is_given_up_where_it_is(
    two: Any, given: str
) -> None:
    Path("tree/in").mkdir(parents=True)
    words = ("concat", "a.npy", "b.npy", "-o", "tree/in/new/deep/y.npy", "--to", "tree/RUN")
    assert two.run("stage", *words).code == 0
    Path("tree").rename("moved")
    Path("tree/in/new/deep").mkdir(parents=True)
    (hidden,) = Path("moved/in/new/deep").glob(".concatsplit-*")
    state = two.run("discard", "moved/RUN" if given == "run" else str(hidden), "--json")
    assert (state.code, state.json["missing"]) == (0, 1)
    assert [str(path) for path in Path("moved").rglob("*")] == ["moved/in"]
    assert Path("tree/in/new/deep").is_dir()


def test_a_run_that_was_left_when_its_staging_was_moved_is_not_looked_for_elsewhere(
    two: Any,
) -> None:
    Path("tree").mkdir()
    _stage(two, "tree/y.npy")
    Path("tree").rename("moved")
    Path("moved/RUN").mkdir()
    (hidden,) = Path("moved").glob(".concatsplit-*")
    document = json.loads(Path("RUN/run.json").read_text())
    Path("RUN").rename("there")
    Path("moved/RUN/run.json").write_text(json.dumps(document | {"nonce": "another"}))
    two.fails(12, "discard", str(hidden), says="which is not there")
    assert hidden.is_dir()
    assert Path("moved/RUN/run.json").exists()
