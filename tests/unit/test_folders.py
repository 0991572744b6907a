"""Folders in which a run looks up many names: listed once, and never wrong about what is there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import concatsplit_core as cs
from concatsplit_core.stores.folders import Folders


def test_names_that_are_there_are_found_before_and_after_the_folder_is_listed(
    tmp_path: Path,
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "there").touch()
    (tmp_path / "link").symlink_to("real")
    known, folder = Folders(), str(tmp_path)
    for _ in range(40):
        assert known.may_hold(folder, "there")
        assert known.resolve(f"{folder}/link") == os.path.realpath(tmp_path / "real")
        assert known.resolve(f"{folder}/new") == f"{os.path.realpath(folder)}/new"
        assert known.is_folder(f"{folder}/real") is True
        assert known.is_folder(f"{folder}/link") is True
        assert known.is_folder(f"{folder}/there") is False
        assert known.is_folder(f"{folder}/nothing") is None
    assert not known.may_hold(folder, "new")
    for _ in range(40):
        known.may_hold(f"{folder}/missing", "x")
    assert not known.may_hold(f"{folder}/missing", "x")
    for _ in range(40):
        assert known.may_hold(f"{folder}/there", "x")  # it is no folder: nothing is known
        assert known.is_folder(f"{folder}/there/x") is None
    assert known.resolve("/x") == "/x"


def test_a_split_into_many_files_looks_at_each_a_few_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []
    for name in ("stat", "lstat"):
        real = getattr(os, name)

        def counted(*args: Any, real: Any = real, **named: Any) -> Any:
            calls.append(args)
            return real(*args, **named)

        monkeypatch.setattr(os, name, counted)
    count = 400
    monkeypatch.chdir(tmp_path)
    cs.split(np.arange(count), "out/p{index:03d}.npy", size=1)
    assert len(calls) < 2 * count
    monkeypatch.undo()
    assert [int(np.load(tmp_path / f"out/p{i:03d}.npy")[0]) for i in (0, 7, 399)] == [0, 7, 399]


def test_a_name_among_many_that_exists_is_refused_and_one_that_is_a_link_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("out").mkdir()
    Path("out/p077.npy").symlink_to("../elsewhere.npy")
    cs.split(np.arange(100), "out/p{index:03d}.npy", size=1, sync=False)
    assert Path("out/p077.npy").is_symlink()
    assert np.load("elsewhere.npy").tolist() == [77]
    with pytest.raises(cs.ConcatsplitError, match=r"p000\.npy exists"):
        cs.split(np.arange(100), "out/p{index:03d}.npy", size=1)
    Path("new").mkdir()
    Path("new/p088.npy").write_bytes(b"x")
    with pytest.raises(cs.ConcatsplitError, match=r"p088\.npy exists"):
        cs.split(np.arange(100), "new/p{index:03d}.npy", size=1)
    assert os.listdir("new") == ["p088.npy"]
