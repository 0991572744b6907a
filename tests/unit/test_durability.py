"""Making files durable while other processes rename and remove theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from concatsplit_core.stores import durability


@pytest.mark.parametrize("may_vanish", [False, True])
def test_a_file_that_vanishes_matters_only_where_nobody_else_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, may_vanish: bool
) -> None:
    for name in "ab":
        (tmp_path / name).touch()
    original = durability.sync_path

    def sync(path: Path) -> None:
        if path.name == "a":
            path.unlink()
        original(path)

    monkeypatch.setattr(durability, "sync_path", sync)
    if may_vanish:  # then all of the file system is made durable
        durability.make_durable([tmp_path], may_vanish=True)
        assert [path.name for path in tmp_path.iterdir()] == ["b"]
    else:
        with pytest.raises(FileNotFoundError):
            durability.make_durable([tmp_path])
