"""Chunks that expand to more than they may: exit 10, and never more memory than was promised."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bombs
import h5py
import pytest

pytest.importorskip("hdf5plugin")

ELEMENTS = ("--routes", "mapped,decoded")
BOUND = 110 << 20
"""Resident bytes of a whole process, libraries included, that refuses 160 MiB in time."""

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
    shell.fails(10, "concat", "x.zarr", "-o", output, *ELEMENTS, says="x.zarr")


@pytest.mark.parametrize("kind", bombs.HDF5)
@pytest.mark.parametrize("output", ["y.npy", "y.h5"])
def test_an_hdf5_chunk_that_expands_too_far_is_exit_10(shell: Any, kind: str, output: str) -> None:
    bombs.hdf5_bomb(shell.folder / "x.h5", kind, bombs.SMALL)
    shell.fails(10, "concat", f"{shell.folder}/x.h5", "-o", output, *ELEMENTS, says="x.h5")


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


MOVING_HDF5 = [kind for kind in bombs.HDF5 if kind not in {"deflate and scale-offset", "lz4"}]
"""Of the others HDF5 alone knows how a chunk comes about, so it decodes them."""


@pytest.mark.parametrize("kind", [kind for kind in bombs.ZARR if kind != "none"])
def test_a_zarr_chunk_that_moves_does_not_expand(shell: Any, kind: str) -> None:
    bombs.zarr_bomb(shell.folder / "x.zarr", kind, bombs.SMALL)
    shell.ok("concat", "x.zarr", "-o", "y.zarr", "--routes", "encoded")
    (chunk,) = (p for p in Path("x.zarr").rglob("*0") if p.is_file())
    assert (Path("y.zarr") / chunk.relative_to("x.zarr")).read_bytes() == chunk.read_bytes()
    shell.fails(10, "concat", "x.zarr", "-o", "z.zarr", "--routes", "decoded", says="x.zarr")


@pytest.mark.parametrize("kind", MOVING_HDF5)
def test_an_hdf5_chunk_that_moves_does_not_expand(shell: Any, kind: str) -> None:
    bombs.hdf5_bomb(shell.folder / "x.h5", kind, bombs.SMALL)
    shell.ok("concat", "x.h5", "-o", "y.h5", "--routes", "encoded")
    with h5py.File("x.h5") as here, h5py.File("y.h5") as there:
        moved = there["data"].id.read_direct_chunk((0,))
        assert moved == here["x"].id.read_direct_chunk((0,))
    shell.fails(10, "concat", "x.h5", "-o", "z.h5", "--routes", "decoded", says="x.h5")


OVERSIZED: dict[str, tuple[Callable[[Path], None], str]] = {
    "hdf5": (lambda p: bombs.hdf5_bomb(p, "deflate", bombs.SMALL, bytes), "x.h5"),
    "hdf5 behind a user block": (
        lambda p: bombs.hdf5_bomb(p, "deflate behind a user block", bombs.SMALL, bytes),
        "x.h5",
    ),
    "zarr": (lambda p: bombs.zarr_bomb(p, "zlib", bombs.SMALL, bytes), "x.zarr"),
    "zarr in shards": (bombs.fat_shard, "x.zarr"),
}


@pytest.mark.parametrize("kind", OVERSIZED)
def test_a_chunk_stored_in_far_too_many_bytes_does_not_move(shell: Any, kind: str) -> None:
    build, name = OVERSIZED[kind]
    build(shell.folder / name)
    args = ("concat", name, "-o", name.replace("x", "y"), "--routes", "encoded")
    shell.fails(10, *args, says=(name, f"{bombs.SMALL} bytes"))


def test_a_chunk_without_a_codec_moves_in_its_very_size_only(shell: Any) -> None:
    bombs.zarr_bomb(shell.folder / "x.zarr", "none", bombs.SMALL)
    args = ("concat", "x.zarr", "-o", "y.zarr", "--routes", "encoded")
    shell.fails(3, *args, says=("x.zarr", f"{bombs.SMALL} bytes", "4096"))
