"""What the command line asks the operators for: lists, and what a word can be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import concatsplit_core as cs
from concatsplit_core.operators import words


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("a.npz", x=np.zeros(2), y=np.zeros(3))
    np.save("b.npy", np.zeros(2))


def test_members_of_a_container_and_of_a_bare_array() -> None:
    assert words.member_names("a.npz") == ["x", "y"]
    assert words.member_names("b.npy") == []


def test_files_are_those_that_are_there() -> None:
    assert list(words.files_of(["?.np?", "none.npy", "a.npz::x"])) == ["a.npz", "b.npy", "a.npz::x"]


def test_a_list_is_a_file_or_its_bytes() -> None:
    Path("list").write_bytes(b"a.npy\nb.npy\n")
    assert (
        words.references_in("list")
        == words.references_in(b"a.npy\0b.npy\0", null=True)
        == ["a.npy", "b.npy"]
    )


def test_events_are_public() -> None:
    seen: list[type] = []
    cs.concat(["b.npy"], "y.npy", on_event=lambda event: seen.append(type(event)), sync=False)
    assert seen == [cs.Started, cs.Moved, cs.Publishing, cs.Finished]


def test_a_strip_of_a_plan() -> None:
    plan = cs.concat(["b.npy", "b.npy"], "y.npy", dry_run=True)
    rows = ["".join(text for text, _ in runs) for runs in plan.strip(40, plain=True)]
    assert rows[1] == f"moves     {':' * 30}"
    assert rows[3] == "          : mapped"
    assert cs.concat(["b.npy"], "y.npy", dry_run=True).strip(20) == []
