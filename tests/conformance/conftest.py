"""Cheap routes for arrays as small as those here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from concatsplit_core.planning import thresholds
from concatsplit_core.planning.thresholds import Thresholds


@pytest.fixture(scope="module", autouse=True)
def _short_runs() -> Iterator[None]:
    """Let the kernel have runs of any length."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(thresholds, "DEFAULT", Thresholds(long_run=1))
        yield
