"""How many examples a property is tried with: some in every run, very many in a deep one."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings

USUAL, DEEP = "usual", "deep"
"""Profiles: the same examples in each run, or other ones and thirty times as many."""
_COUNT = 100
"""What a property gets that says no number, as Hypothesis has it."""
_LEAST = 25


def register_profiles() -> None:
    """Make both profiles known, and take the usual one unless an option asks for the other.

    In a usual run, what fails is what somebody has changed. A deep one finds what is new. Each
    says everything itself: what it leaves out, Hypothesis would take from its profile `ci` where a
    CI runs the tests, and that one has the same examples each time.
    """
    common: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
    settings.register_profile(
        USUAL, **common, max_examples=_few(_COUNT), derandomize=True, database=None
    )
    settings.register_profile(
        DEEP, **common, max_examples=_many(_COUNT), derandomize=False, print_blob=True
    )
    settings.load_profile(USUAL)


def examples(count: int, **more: Any) -> settings:
    """Settings for a property that deserves `count` examples.

    A usual run has a third of them, and no fewer than 25: the others hardly ever find what these
    do not, and took a tenth of the time of all tests. A deep run has ten times as many.
    """
    return settings(max_examples=_many(count) if _is_deep() else _few(count), **more)


def times(count: int) -> int:
    """How often to try what a test of the mark `deep` chooses itself: tenfold in a deep run."""
    return _many(count) if _is_deep() else count


def seed(text: str) -> str:
    """What such a test chooses by: this text, or in a deep run one of its own, which it prints."""
    if _is_deep():
        text += os.urandom(8).hex()
        print(f"seed: {text}")
    return text


def _is_deep() -> bool:
    return settings.get_current_profile_name() == DEEP


def _few(count: int) -> int:
    return max(count // 3, min(count, _LEAST))


def _many(count: int) -> int:
    return 10 * count
