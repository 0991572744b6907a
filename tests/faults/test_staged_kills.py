"""Staged runs that are killed at any moment: going on, they end with the bytes of a whole run."""

from __future__ import annotations

from pathlib import Path

import children
import examples
import numpy as np
import pytest
from chains import FORMATS, KILLED, Chain

KINDS = list(enumerate(FORMATS))
CHAINS = [
    *((kind, ("resumed", "staged")[number % 2], "suite") for number, kind in KINDS),
    *((kind, ("staged", "resumed")[number % 2], "suite, manifest") for number, kind in KINDS[:9]),
]


@pytest.mark.deep
@pytest.mark.parametrize(("kind", "way", "seed"), CHAINS)
def test_killed_again_and_again_it_ends_with_the_same_bytes(
    tmp_path: Path, kind: str, way: str, seed: str
) -> None:
    chain = Chain(tmp_path, kind, examples.seed(f"{seed} {way}"), kills=2)
    getattr(chain, way)()
    chain.check()
    assert chain.kills


def test_killed_at_its_very_end_a_resumed_run_is_complete(tmp_path: Path) -> None:
    """Up to its last change of the disk, something tells that the outputs are there."""
    here, signs = tmp_path / "here", tmp_path / "signs"
    here.mkdir()
    signs.mkdir()
    np.save(here / "a.npy", np.arange(6))
    words = ["split", "a.npy", "-o", "p{index}.npy", "--parts", "2", "--resume", "--no-sync"]

    def do(last: int) -> int:
        return children.finish(children.start(children.until, str(here), words, str(signs), last))

    def clear() -> None:
        for path in here.glob("p?.npy"):
            path.unlink()

    assert do(0) == 0
    changes, kills = int((signs / "count").read_text()), 0
    for last in range(changes, changes // 2, -1):
        clear()
        assert do(last) == KILLED
        if not list(here.glob(".*")):
            continue  # it had changed all that it changes, and was about to end
        if len(list(here.glob("p?.npy"))) < 2:
            break
        kills += 1
        assert do(0) == 0, (last, changes, (signs / "errors").read_text())
        assert list(here.glob(".*")) == []
    assert kills >= 8
