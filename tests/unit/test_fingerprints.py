"""What is looked at to notice that an input changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import concatsplit_core as cs
from concatsplit_core.stores.local import LocalStore


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of all files that are looked at from now on."""
    names: list[str] = []
    look = LocalStore.look

    def noted(self: LocalStore, key: str) -> Any:
        names.append(Path(key).name)
        return look(self, key)

    monkeypatch.setattr(LocalStore, "look", noted)
    return names


def test_a_dry_run_looks_only_at_what_may_hold_links(tmp_path: Path, looked: list[str]) -> None:
    np.save(tmp_path / "a.npy", np.arange(6.0))
    cs.concat([tmp_path / "a.npy"], str(tmp_path / "b.zarr"))
    assert looked.count("a.npy") == 2  # before its elements are read, and after it
    looked.clear()
    cs.concat([tmp_path / "a.npy", tmp_path / "b.zarr"], str(tmp_path / "c.npy"), dry_run=True)
    assert looked == ["b.zarr"]
