"""What a run that was killed left behind, as a user meets it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from concatsplit_core.stores.journal import JournalEntry

A = np.arange(40.0).reshape(8, 5)
SPLIT = ("split", "a.npy", "-o", "p{index}.npy", "--parts", 4)


class Killed(BaseException):
    """Stands for a kill: nothing is cleaned up after it."""


@pytest.fixture
def killed(shell: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command line that ends when it has given two of its names."""

    def run(*args: Any, after: int = 2) -> None:
        child = os.fork()
        if not child:
            do, count = JournalEntry.publish, 0

            def counted(self: JournalEntry, *given: Any) -> None:
                nonlocal count
                if count == after:
                    os._exit(9)
                count += 1
                do(self, *given)

            JournalEntry.publish = counted  # type: ignore[method-assign]
            shell.run(*args)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9

    shell.save(a=A)
    return run


def parts() -> list[Any]:
    """The parts that are there."""
    return [np.load(f"p{i}.npy").tolist() if Path(f"p{i}.npy").exists() else None for i in range(4)]


NEW = [part.tolist() for part in np.split(A, 4)]


def test_recover_completes_a_set(shell: Any, killed: Any) -> None:
    killed(*SPLIT, "--manifest", "m.json")
    assert parts()[2:] == [None, None]
    outcome = shell.ok("recover", ".")
    assert "5 outputs (p0.npy, p1.npy, p2.npy, p3.npy, ...)" in outcome.out
    assert parts() == NEW
    assert Path("m.json").exists()
    assert "no killed run has left anything" in shell.ok("recover", ".").out


def test_recover_as_json(shell: Any, killed: Any) -> None:
    killed(*SPLIT)
    found = shell.ok("recover", ".", "--json").json
    assert found["folder"] == "."
    (one,) = found["found"]
    assert one == {
        "action": "completed",
        "folder": str(shell.folder),
        "names": [f"p{i}.npy" for i in range(4)],
        "why": "",
    }


def test_a_run_that_only_reads_there_completes_it_first(shell: Any, killed: Any) -> None:
    for index in range(4):
        np.save(f"p{index}.npy", A[:1])
    killed(*SPLIT, "--force")
    assert len({str(part) for part in parts()}) > 2
    outcome = shell.run("concat", "p*.npy", "-o", str(shell.folder.parent / "y.npy"))
    assert outcome.code == 0
    assert outcome.err.startswith("concatsplit: note: ")
    np.testing.assert_array_equal(np.load(shell.folder.parent / "y.npy"), A)
    assert parts() == NEW
    assert shell.hidden() == []


def test_a_pattern_sees_what_a_recovery_brings(shell: Any, killed: Any) -> None:
    killed(*SPLIT, after=0)
    assert shell.run("concat", "p*.npy", "-o", "y.npy").code == 0
    np.testing.assert_array_equal(np.load("y.npy"), A)


def test_a_dry_run_recovers_nothing(shell: Any, killed: Any) -> None:
    killed(*SPLIT)
    before = shell.snapshot()
    assert shell.run("concat", "a.npy", "-o", "y.npy", "--dry-run").code == 0
    assert shell.snapshot() == before


@pytest.mark.parametrize("force", [False, True])
def test_where_someone_has_taken_a_name_all_is_taken_back(
    shell: Any, killed: Any, force: bool
) -> None:
    for index in range(4 * force):
        np.save(f"p{index}.npy", A[:1])
    killed(*SPLIT, *(["--force"] if force else []))
    np.save("theirs.npy", np.arange(3))
    os.replace("theirs.npy", "p3.npy")
    outcome = shell.ok("recover", ".")
    assert "taken back" in outcome.out
    old = A[:1].tolist() if force else None
    assert parts() == [old, old, old, [0, 1, 2]]


def test_what_somebody_has_changed_since_keeps_its_name(shell: Any, killed: Any) -> None:
    killed(*SPLIT)
    np.save("p1.npy", np.arange(3))
    shell.ok("recover", ".")
    assert parts() == [NEW[0], [0, 1, 2], *NEW[2:]]


@pytest.mark.parametrize("force", [False, True])
def test_where_a_part_was_removed_since_all_is_taken_back(
    shell: Any, killed: Any, force: bool
) -> None:
    for index in range(4 * force):
        np.save(f"p{index}.npy", A[:1])
    killed(*SPLIT, *(["--force"] if force else []))
    os.unlink("p0.npy")
    assert "taken back" in shell.ok("recover", ".").out
    assert parts() == [A[:1].tolist() if force else None] * 4


def test_what_was_written_into_a_part_since_is_not_taken_back(shell: Any, killed: Any) -> None:
    killed(*SPLIT)
    np.save("p1.npy", np.arange(3))
    Path("p3.npy").write_text("theirs")
    shell.ok("recover", ".")
    assert np.load("p1.npy").tolist() == [0, 1, 2]
    assert Path("p3.npy").read_text() == "theirs"
    assert not Path("p0.npy").exists()


def test_a_set_whose_folders_are_not_all_there_waits(shell: Any, killed: Any) -> None:
    killed("split", "a.npy", "-o", "f/p.npy", "-o", "g/p.npy", "--parts", 2, after=1)
    os.rename("g", "elsewhere")
    assert "is not there now" in shell.run("recover", "f").out
    os.rename("elsewhere", "g")
    shell.ok("recover", "f")
    for output, part in zip(("f/p.npy", "g/p.npy"), np.split(A, 2), strict=True):
        np.testing.assert_array_equal(np.load(output), part)


def test_a_copied_or_hostile_staging_folder_is_nobodys(shell: Any, killed: Any) -> None:
    Path("victim").mkdir()
    killed(*SPLIT)
    (left,) = shell.folder.glob(".concatsplit-*")
    copied = shutil.copytree(left, shell.folder / ".concatsplit-0123456789ab")
    journal = {"concatsplit": 1, "folders": ["victim"], "entries": []}
    (left / "journal.json").write_text(json.dumps(journal))
    outcome = shell.run("recover", ".")
    assert outcome.code == 0
    assert outcome.out.count("is left alone") == 2
    assert Path("victim").exists()
    assert copied.exists()


def test_all_folders_of_a_run_that_had_not_finished_are_cleared(shell: Any, killed: Any) -> None:
    child = os.fork()
    if not child:
        from concatsplit_core.stores.staging import LocalStaging

        LocalStaging.publish = lambda *_: os._exit(9)  # type: ignore[method-assign, assignment]
        shell.run("split", "a.npy", "-o", "f/p.npy", "-o", "g/p.npy", "--parts", 2)
        os._exit(0)
    os.waitpid(child, 0)
    shell.ok("recover", "f")
    assert shell.hidden() == []


def test_folders_that_were_made_for_a_run_go_with_it(shell: Any, killed: Any) -> None:
    Path("kept").mkdir()
    child = os.fork()
    if not child:
        from concatsplit_core.stores.staging import LocalStaging

        LocalStaging.publish = lambda *_: os._exit(9)  # type: ignore[method-assign, assignment]
        shell.run("concat", "a.npy", "-o", "kept/new/er/y.npy")
        os._exit(0)
    os.waitpid(child, 0)
    assert "left behind were removed" in shell.ok("recover", "kept/new/er").out
    assert list(Path("kept").iterdir()) == []


def test_sets_in_several_folders_are_completed_from_any_of_them(shell: Any, killed: Any) -> None:
    outputs = [f"{name}/p.npy" for name in "fgh"]
    args = [word for output in outputs for word in ("-o", output)]
    for start in "fgh":
        killed("split", "a.npy", *args, "--lengths", "2,2,4", "--force", after=1)
        shell.ok("recover", start)
        for output, part in zip(outputs, np.split(A, [2, 4]), strict=True):
            np.testing.assert_array_equal(np.load(output), part)
            os.unlink(output)


def test_recover_wants_a_folder(shell: Any) -> None:
    shell.save(a=A)
    shell.fails(4, "recover", "nowhere", says="nowhere")
    shell.fails(4, "recover", "a.npy", says="is not a folder")


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000])
def test_a_journal_that_is_damaged_is_named_and_nothing_is_lost(
    shell: Any, killed: Any, text: str
) -> None:
    killed(*SPLIT)
    (journal,) = shell.folder.glob(".concatsplit-*/journal.json")
    whole = journal.read_text()
    journal.write_text(text)
    outcome = shell.run("concat", "a.npy", "-o", "y.npy")
    assert outcome.code == 0
    assert "its journal cannot be read" in outcome.err
    journal.write_text(whole)
    shell.ok("recover", ".")
    assert parts() == NEW
