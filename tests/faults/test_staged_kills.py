"""Staged runs that are killed at any moment: going on, they end with the bytes of a whole run."""

from __future__ import annotations

from pathlib import Path

import pytest
from chains import FORMATS, Chain

WAYS = [(kind, ("resumed", "staged")[number % 2]) for number, kind in enumerate(FORMATS)]


@pytest.mark.parametrize(("kind", "way"), WAYS)
def test_killed_again_and_again_it_ends_with_the_same_bytes(
    tmp_path: Path, kind: str, way: str
) -> None:
    chain = Chain(tmp_path, kind, f"suite {way}", kills=2)
    getattr(chain, way)()
    chain.check()
    assert chain.kills
