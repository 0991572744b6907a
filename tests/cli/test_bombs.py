"""Chunks that expand to more than they may: exit 10, and never more memory than was promised."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bombs
import pytest

pytest.importorskip("hdf5plugin")

BOUND = 200 << 20
"""Resident bytes of a whole process, libraries included, that refuses 300 MiB in time."""

EXPLOSIVE: dict[str, tuple[Callable[[Path], None], str]] = {
    "hdf5 deflate": (lambda p: bombs.hdf5_bomb(p, "deflate", bombs.LARGE), "x.h5"),
    "hdf5 user block": (
        lambda p: bombs.hdf5_bomb(p, "deflate behind a user block", bombs.LARGE),
        "x.h5",
    ),
    "hdf5 of 1 GiB a chunk": (bombs.wide_chunk, "x.h5"),
    "zarr gzip": (lambda p: bombs.zarr_bomb(p, "gzip", bombs.LARGE), "x.zarr"),
    "zarr zstd": (lambda p: bombs.zarr_bomb(p, "zstd that claims", bombs.LARGE), "x.zarr"),
    "zarr silent zstd": (
        lambda p: bombs.zarr_bomb(p, "zstd that says nothing", bombs.LARGE),
        "x.zarr",
    ),
    "zarr blosc": (lambda p: bombs.zarr_bomb(p, "blosc", bombs.LARGE), "x.zarr"),
    "zarr of 1 GiB a chunk": (bombs.wide_zarr_chunk, "x.zarr"),
}


@pytest.mark.parametrize("kind", bombs.ZARR)
@pytest.mark.parametrize("output", ["y.npy", "y.zarr"])
def test_a_zarr_chunk_that_expands_too_far_is_exit_10(shell: Any, kind: str, output: str) -> None:
    bombs.zarr_bomb(shell.folder / "x.zarr", kind, bombs.SMALL)
    shell.fails(10, "concat", "x.zarr", "-o", output, says="x.zarr")


@pytest.mark.parametrize("kind", bombs.HDF5)
@pytest.mark.parametrize("output", ["y.npy", "y.h5"])
def test_an_hdf5_chunk_that_expands_too_far_is_exit_10(shell: Any, kind: str, output: str) -> None:
    bombs.hdf5_bomb(shell.folder / "x.h5", kind, bombs.SMALL)
    shell.fails(10, "concat", f"{shell.folder}/x.h5", "-o", output, says="x.h5")


@pytest.mark.parametrize("kind", EXPLOSIVE)
def test_an_explosion_does_not_happen_in_memory(shell: Any, kind: str) -> None:
    build, name = EXPLOSIVE[kind]
    build(shell.folder / name)
    before = shell.snapshot()
    outcome, peak = shell.measured("concat", name, "-o", "y.npy")
    assert outcome.code == 10, outcome.err
    shell.one_line(outcome.err)
    assert shell.snapshot() == before
    assert peak < BOUND


def test_a_chunk_of_1_gib_fits_a_budget_that_is_named(shell: Any) -> None:
    bombs.wide_chunk(shell.folder / "x.h5")
    outcome = shell.fails(10, "concat", "x.h5", "-o", "y.npy", says="--memory")
    named = outcome.message.partition("give --memory ")[2].split()[0]
    assert shell.ok("concat", "x.h5", "-o", "y.npy", "-n", "--memory", named, "--json").json
