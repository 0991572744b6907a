"""Two containers are compared array by array."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from datasets.conftest import write

import concatsplit_core as cs
from concatsplit_cli.main import main


@pytest.fixture
def pair(suffix: str, made: str) -> tuple[str, str]:
    """Two containers with the same arrays."""
    arrays = {"x": np.arange(6.0).reshape(2, 3), "g/y": np.arange(3)}
    return write(f"a.{suffix}", arrays), write(f"b.{made}", arrays)


def test_equal_containers(pair: tuple[str, str]) -> None:
    found = cs.diff(*pair)
    assert found.equal
    assert sorted(found.arrays) == ["g/y", "x"]


def test_what_differs_is_named(suffix: str, made: str) -> None:
    a = write(f"a.{suffix}", {"x": np.arange(6.0), "y": np.zeros(2), "z": np.zeros(3)})
    b = write(
        f"b.{made}", {"x": np.arange(6.0) + (np.arange(6) == 4), "y": np.zeros(2), "w": np.ones(1)}
    )
    done = CliRunner().invoke(main, ["diff", a, b])
    assert done.exit_code == 8
    assert "x: elements: 1 of 6 differ" in done.stdout
    assert "x: first: [4] 4.0 and 5.0" in done.stdout
    assert f"z: only in {a}" in done.stdout
    assert f"w: only in {b}" in done.stdout
    facts = json.loads(CliRunner().invoke(main, ["diff", a, b, "--json"]).stdout)
    assert not facts["equal"]
    assert (facts["only_in_a"], facts["only_in_b"]) == (["z"], ["w"])
    assert facts["arrays"]["y"]["equal"]
    assert facts["arrays"]["x"]["first"]["index"] == [4]


def test_a_container_and_an_array(pair: tuple[str, str]) -> None:
    np.save("x.npy", np.zeros(3))
    found = cs.diff(pair[0], "x.npy")
    assert not found.equal
    assert found.only_in_b == ("",)
    told = CliRunner().invoke(main, ["diff", pair[0], "x.npy"])
    assert told.exit_code == 8
    says = f"x.npy is one array, {pair[0]} holds several; name one: {pair[0]}::NAME"
    assert says in told.stdout.splitlines()
