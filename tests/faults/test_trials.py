"""Which files and arrays of HDF5 are tried before they are opened, and how often."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import concatsplit_core as cs
from concatsplit_core.formats.hdf5 import files, trials
from concatsplit_core.foundation.errors import InputChanged, MalformedInput


class Counting:
    """Stands for the child: looks at nothing, and notes the names of what it is asked."""

    def __init__(self) -> None:
        self.looks: list[str] = []

    def check(self, look: object, path: str, member: str | None, ref: str, *_: object) -> bytes:
        self.looks.append(ref)
        return b""


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    """What counts the trials of files of which nothing was tried."""
    made = Counting()
    monkeypatch.setattr(trials, "scouts", made)
    monkeypatch.setattr(trials, "_tried", {})
    monkeypatch.setattr(trials, "_passed", set())
    return made


def test_of_many_inputs_the_first_are_looked_at(tmp_path: Path, counting: Counting) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for number in range(80):
            file[f"x{number}"] = np.arange(3)
    output = str(tmp_path / "y.npy")
    cs.concat([f"{tmp_path}/a.h5::x{number}" for number in range(80)], output)
    assert len(counting.looks) == 64


def test_a_member_is_looked_at_once_while_its_file_stays_the_same(
    tmp_path: Path, counting: Counting
) -> None:
    path = tmp_path / "a.h5"
    for times in (1, 2):
        with h5py.File(path, "a") as file:
            file.require_dataset("x", (3,), "i4")[0] = times
        for _ in range(3):
            assert cs.fetch(path)[0] == times
        assert len(counting.looks) == times


@pytest.mark.parametrize("times", [1, 9])
def test_a_file_that_is_replaced_after_a_look_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counting: Counting, times: int
) -> None:
    path, note = tmp_path / "a.h5", counting.check
    left = list(range(times))

    def write(value: int) -> None:
        with h5py.File(tmp_path / "new.h5", "w") as file:
            file["x"] = np.full(3, value)
        os.replace(tmp_path / "new.h5", path)

    def replace(*asked: Any) -> bytes:
        if asked[0] is trials._look_at_member and left:
            write(left.pop())
        return note(*asked)

    write(7)
    monkeypatch.setattr(counting, "check", replace)
    if times == 1:
        assert cs.fetch(f"{path}::x")[0] == 0
        assert len(counting.looks) == 2
        return
    with pytest.raises(InputChanged, match="again and again"):
        cs.fetch(f"{path}::x")


class Child:
    """Stands for the child: notes what it is asked, in this process."""

    def __init__(self, crashes: bool = False) -> None:
        self.crashes = crashes
        self.asked: list[str] = []

    def check(self, look: Any, path: str, member: str, ref: str, *_: object) -> bytes:
        several = look is trials._look_at_members
        self.asked += json.loads(member) if several else [member]
        if several and self.crashes:
            raise MalformedInput(f"{ref}: crashes the library")
        return look(path, member) or b""


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file of 80 arrays, of which nothing was tried."""
    monkeypatch.setattr(trials, "_tried", {})
    monkeypatch.setattr(trials, "_passed", set())
    with h5py.File(tmp_path / "m.h5", "w") as file:
        for number in range(80):
            file[f"x{number:02}"] = np.arange(3)
    return str(tmp_path / "m.h5")


@pytest.mark.parametrize("crashes", [False, True])
def test_members_are_tried_together_and_alone_where_one_crashes(
    many: str, crashes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    child, first = Child(crashes), [f"x{number:02}" for number in range(64)]
    monkeypatch.setattr(trials, "scouts", child)
    assert len(cs.info(many)) == 80
    assert child.asked == (first * 2 if crashes else first)
    cs.info(many)  # so much was tried of this file
    assert len(child.asked) == len(first) * (1 + crashes)


def test_the_file_is_open_once_while_members_are_tried_together(
    many: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    true = files._opened
    monkeypatch.setattr(files, "_opened", lambda *given: opened.append(given[0]) or true(*given))
    names = json.dumps([f"x{number:02}" for number in range(9)] + ["not there"])
    assert trials._look_at_members(many, names) == b"10"
    assert opened == [many]
    assert files.pool.peek(many) is None


def test_members_that_take_long_are_tried_in_several_goes(
    many: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = Child()
    monkeypatch.setattr(trials, "scouts", child)
    monkeypatch.setattr(trials, "_LONG", -1)
    names = ["x00", "x01", "x02"]
    trials.try_members(many, names)
    assert child.asked == [*names, "x01", "x02"]
    for name in names:  # the last one is tried alone, when it is opened
        trials.open_member(many, name, many).close()
    assert child.asked[5:] == ["x02"]
    monkeypatch.setattr(trials, "_FIRST", 2)
    trials.try_members(many, names)  # more than so many were tried already
    assert len(child.asked) == 6


def test_of_many_members_that_are_closed_one_by_one_the_first_are_looked_at(
    many: str, tmp_path: Path, counting: Counting
) -> None:
    cs.split(many, [f"{tmp_path}/y{{index}}.h5"], parts=3, manifest=tmp_path / "m.json")
    counting.looks.clear()
    trials._tried.clear()
    trials._passed.clear()
    assert cs.verify(tmp_path / "m.json").exit_code == 0
    assert len(counting.looks) == 4 * 64


def test_a_program_that_looks_says_that_it_is_there_and_asks_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[Any] = []
    monkeypatch.setattr(trials, "serve", lambda *asked: done.append(asked))
    monkeypatch.setattr(trials, "write_text", lambda *told: done.append(told))
    monkeypatch.setattr(files.scouts, "_is_child", False)
    trials.answer_others(3, 4)
    assert files.scouts._is_child
    assert done == [(4, b""), (3, 4, files.pool.close, None, 10_000)]
