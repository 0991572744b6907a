"""Cases of start-up: what a command costs that has nothing to do."""

from __future__ import annotations

from benchmarks.bounds import AtMost
from benchmarks.cases.commands import ours
from benchmarks.model import OURS, Case, Check, Contestant, Role
from benchmarks.sizes import Sizes

_ROUND_FACTOR = 4


def startup_cases(sizes: Sizes) -> list[Case]:
    """All cases of start-up, which no size changes."""
    return [
        _case("version", "--version", _asked("--version"), (), "click", 2),
        _case("help", "--help", _asked("--help"), (), "click", 2),
        _join("tiny-join", ".npy", "click, numpy"),
        _join("tiny-join-hdf5", ".h5", "click, numpy, h5py"),
        _join("tiny-join-zarr", ".zarr", "click, numpy"),
    ]


def _join(name: str, suffix: str, imported: str) -> Case:
    inputs, out = (f"a-tiny{suffix}", f"b-tiny{suffix}"), f"out/tiny{suffix}"
    join = ours("concat", inputs, out, check=Check(0, out, inputs))
    return _case(name, f"join of two tiny {suffix}", join, inputs, imported, 1.2)


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
