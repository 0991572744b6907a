"""A shell in an empty folder, and two arrays in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from shells import Shell


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell in an empty folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Shell(folder)


@pytest.fixture
def pair(shell: Shell) -> tuple[np.ndarray, np.ndarray]:
    """Two arrays, in a.npy and b.npy, that join along axis 0 and along axis 1."""
    a = np.arange(24, dtype="<f4").reshape(4, 6)
    b = -np.arange(24, dtype="<f4").reshape(4, 6)
    shell.save(a=a, b=b)
    return a, b
