"""What failure tests share: a shell, arrays worth a few writes, and runs that can be stopped."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))

import children
from children import PATIENCE, wait_for
from shells import Shell


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell in an empty folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Shell(folder)


@pytest.fixture
def whole(shell: Shell) -> np.ndarray:
    """Noise that no codec makes small, in a.npy and b.npy, joined along axis 0."""
    whole = np.random.default_rng(7).integers(0, 1 << 62, (2, 64, 500))
    shell.save(a=whole[0], b=whole[1])
    joined: np.ndarray = whole.reshape(128, 500)
    return joined


class Held:
    """A run that waits in the midst of a certain call until it is let go."""

    def __init__(
        self, shell: Shell, args: tuple[Any, ...], call: str, nth: int, match: str
    ) -> None:
        self.signs = shell.folder.parent / f"signs-{time.monotonic_ns()}"
        self.signs.mkdir()
        texts = [str(arg) for arg in args]
        job = (str(shell.folder), texts, str(self.signs), call, nth, match)
        self.process = children.start(children.held, *job)
        wait_for(lambda: (self.signs / "held").exists() or not self.process.is_alive())
        assert self.process.is_alive(), self.errors

    def let_go(self) -> int:
        """Let the run go on to its end, and say its exit code."""
        (self.signs / "go").touch()
        self.process.join(PATIENCE)
        code = self.process.exitcode
        assert code is not None, "it hangs"
        return code

    @property
    def errors(self) -> str:
        """What the run wrote to stderr."""
        return (self.signs / "errors").read_text()


@pytest.fixture
def hold(shell: Shell) -> Iterator[Callable[..., Held]]:
    """Starts runs that wait; ends all of them."""
    started: list[Held] = []

    def start(*args: Any, call: str = "pwrite", nth: int = 0, match: str = "") -> Held:
        started.append(Held(shell, args, call, nth, match))
        return started[-1]

    yield start
    for run in started:
        run.process.kill()
        run.process.join()
        run.process.close()
