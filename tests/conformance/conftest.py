"""Cheap routes for arrays as small as those here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conformance.base import Shared

from concatsplit_core.planning import thresholds
from concatsplit_core.planning.thresholds import Thresholds


@pytest.fixture(scope="module", autouse=True)
def _short_runs() -> Iterator[None]:
    """Let the kernel have runs of any length."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(thresholds, "DEFAULT", Thresholds(long_run=1))
        yield


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """Inputs that are written once, by the tests that want them first."""
    return Shared(tmp_path_factory.mktemp("shared"), {})
