"""Cases of start-up: what a command costs that has nothing to do."""

from __future__ import annotations

from benchmarks.bounds import AtMost
from benchmarks.cases.commands import ours
from benchmarks.model import OURS, Case, Check, Contestant, Role
from benchmarks.sizes import Sizes

_ROUND_FACTOR = 4


def startup_cases(sizes: Sizes) -> list[Case]:
    """All cases of start-up, which no size changes."""
    inputs, out = ("a-tiny.npy", "b-tiny.npy"), "out/tiny.npy"
    join = ours("concat", inputs, out, check=Check(0, out, inputs))
    return [
        _case("version", "--version", _asked("--version"), (), "click", 2),
        _case("help", "--help", _asked("--help"), (), "click", 2),
        _case("tiny-join", "join of two tiny .npy", join, inputs, "click, numpy", 1.8),
    ]


def _asked(option: str) -> Contestant:
    return Contestant(OURS, Role.OURS, ("concatsplit", option))


def _case(
    name: str,
    title: str,
    contestant: Contestant,
    inputs: tuple[str, ...],
    imported: str,
    factor: float,
) -> Case:
    command = f"import {imported}"
    reference = Contestant(command, Role.REFERENCE, ("python", "-c", command))
    bounds = (AtMost(factor, command),)
    name = f"start-up/{name}"
    return Case(name, title, 0, inputs, (contestant, reference), bounds, _ROUND_FACTOR)
