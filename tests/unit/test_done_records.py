"""The record of what is done of a staged run, and who is at work on it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import concatsplit_core as cs
from concatsplit_core.run.staged.done import DoneRecord, at_work, ranges_of, read_done


def test_ranges_are_found_and_read_back(tmp_path: Path) -> None:
    assert list(ranges_of([5, 1, 2, 9, 3])) == [(1, 3), (5, 5), (9, 9)]
    assert list(ranges_of([])) == []
    record = DoneRecord(tmp_path, "N", sync=False)
    record.add([5, 1, 2, 9, 3])
    assert at_work(tmp_path, but=record.path) == []
    assert len(at_work(tmp_path)) == 1
    record.close()
    record.close()
    assert at_work(tmp_path) == []
    assert [n for n, done in enumerate(read_done(tmp_path, "N", 9)) if done] == [1, 2, 3, 5]


@pytest.mark.parametrize("cut", range(1, 14))
def test_a_torn_last_line_is_ignored(tmp_path: Path, cut: int) -> None:
    record = DoneRecord(tmp_path, "N", sync=False)
    record.add([0])
    record.add(range(1, 12))
    record.close()
    whole = record.path.read_bytes().removesuffix(b"end\n")
    record.path.write_bytes(whole[:-cut])
    assert sum(read_done(tmp_path, "N", 20)) == (12 if cut == 1 else 1)
    again = DoneRecord(tmp_path, "N", sync=False)
    again.add([19])
    again.close()
    assert sum(read_done(tmp_path, "N", 20)) == (13 if cut == 1 else 2)


def test_without_locks_a_record_tells_by_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from concatsplit_core.run.staged import done, locks
    from concatsplit_core.stores.owner import Owner

    for module in (done, locks):
        monkeypatch.setattr(module, "lock", lambda *_, **__: None)
    record = DoneRecord(tmp_path, "N", sync=False)
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


def test_two_processes_of_one_name_have_a_record_each(tmp_path: Path) -> None:
    first, second = DoneRecord(tmp_path, "N", sync=False), DoneRecord(tmp_path, "N", sync=False)
    assert first.path != second.path
    first.add([0])
    second.add([1])
    assert len(at_work(tmp_path)) == 2
    first.close()
    second.close()
    assert sum(read_done(tmp_path, "N", 2)) == 2


def test_lines_of_another_run_and_files_of_other_users_are_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = DoneRecord(tmp_path, "another", sync=False)
    record.add([0, 1])
    record.close()
    assert sum(read_done(tmp_path, "another", 2)) == 2
    assert sum(read_done(tmp_path, "N", 2)) == 0
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    assert sum(read_done(tmp_path, "another", 2)) == 0


def test_a_hard_link_to_another_file_is_not_appended_to(tmp_path: Path) -> None:
    other, run = tmp_path / "other", tmp_path / "run"
    run.mkdir()
    other.write_text("as it was")
    os.link(other, run / f"done.{os.uname().nodename}.{os.getpid()}")
    record = DoneRecord(run, "N", sync=False)
    record.add([0])
    record.close()
    assert other.read_text() == "as it was"
    assert sum(read_done(run, "N", 1)) == 1
