"""How many examples a property has, and that a deep run has others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import examples
import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=[examples.USUAL, examples.DEEP])
def profile(request: pytest.FixtureRequest) -> Iterator[str]:
    before = settings.get_current_profile_name()
    settings.load_profile(request.param)
    yield request.param
    settings.load_profile("default")
    examples.register_profiles()
    settings.load_profile(before)


@pytest.mark.parametrize(
    ("wanted", "usual", "deep"), [(300, 100, 3000), (60, 25, 600), (18, 18, 180)]
)
def test_a_deep_run_has_many_more(profile: str, wanted: int, usual: int, deep: int) -> None:
    found = examples.examples(wanted)
    assert found.max_examples == {"usual": usual, "deep": deep}[profile]
    assert found.deadline is None


@pytest.mark.parametrize("machine", ["default", "ci"])
def test_only_a_deep_run_has_others_each_time(profile: str, machine: str) -> None:
    """On a machine of a CI as well, where Hypothesis begins with a profile of its own."""
    settings.load_profile(machine)
    examples.register_profiles()
    settings.load_profile(profile)
    found = settings()
    assert found.derandomize == (profile == "usual")
    assert found.max_examples == {"usual": 33, "deep": 1000}[profile]


def test_the_target_asks_for_the_profile() -> None:
    assert f"--hypothesis-profile {examples.DEEP}" in (ROOT / "Makefile").read_text()


def test_what_a_test_chooses_itself(profile: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert examples.times(5) == {"usual": 5, "deep": 50}[profile]
    assert (examples.seed("x") == "x") == (profile == "usual")
    assert (examples.seed("x") == examples.seed("x")) == (profile == "usual")
    assert capsys.readouterr().out.count("seed: ") == (3 if profile == "deep" else 0)
