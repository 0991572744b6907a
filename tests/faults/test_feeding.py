"""Fed while being killed: a container keeps what it had, and the new member is whole or absent."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from test_kill import Victim

A = np.random.default_rng(3).integers(0, 1 << 40, (64, 500))


@pytest.mark.parametrize("suffix", ["h5", "zarr"])
def test_killed_while_feeding(shell: Any, suffix: str) -> None:
    np.save("a.npy", A)
    with h5py.File("s.h5", "w") as file:
        file["x"] = -A
    zarr.open_group("s.zarr", mode="w").create_array("x", data=-A)
    victim = Victim(shell, "feed", "a.npy", f"s.{suffix}::new/a", "--force")
    for at in victim.moments(suffix):
        victim.killed(at)
        np.testing.assert_array_equal(shell.read(f"s.{suffix}::x"), -A)
        if f"s.{suffix}::new/a" in _members(suffix):
            np.testing.assert_array_equal(shell.read(f"s.{suffix}::new/a"), A)
    shell.heals("feed", "a.npy", f"s.{suffix}::new/a", "--force")
    np.testing.assert_array_equal(shell.read(f"s.{suffix}::new/a"), A)


def _members(suffix: str) -> list[str]:
    if suffix == "zarr":
        group = zarr.open_group("s.zarr", mode="r")
        found = ["new/a"] if "new" in group and "a" in group["new"] else []
    else:
        with h5py.File("s.h5") as file:
            found = ["new/a"] if "new/a" in file else []
    return [f"s.{suffix}::{name}" for name in found]
