"""Single bits flipped in stored chunks: whatever carries a checksum is never passed on damaged."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import hdf5plugin  # noqa: F401 - so that HDF5 reads what it has no filter for
import numpy as np
import pytest
import zarr

from concatsplit_core.planning.thresholds import Thresholds

FLIPS = 4
WHOLE = np.random.default_rng(0).integers(0, 1000, (60, 40)).astype("<i4")
CHUNKS = (20, 40)
WIDE = np.random.default_rng(1).integers(0, 1000, (60, 8192)).astype("<i4")
"""For shards, whose chunks are looked at one by one where they are not too small for it."""


class Kind(NamedTuple):
    """An array of three chunks.

    Parameters
    ----------
    name : str
        Of the file or store.
    options : tuple
        Of the run that writes it.
    cheap : bool
        Its checksum is looked at without being asked for.
    """

    name: str
    options: tuple[Any, ...]
    cheap: bool = False


KINDS = {
    "zarr 3": Kind("x.zarr", (), True),
    "zarr 3, crc32c": Kind("x.zarr", ("--codec", "zstd:3", "--checksum", "crc32c"), True),
    "zarr 3, blosc": Kind("x.zarr", ("--codec", "blosc", "--checksum", "crc32c"), True),
    "zarr 3, zstd": Kind("x.zarr", ("--codec", "zstd:3")),
    "zarr 3, gzip": Kind("x.zarr", ("--codec", "gzip:1")),
    "zarr 3, zlib": Kind("x.zarr", ("--codec", "zlib:1")),
    "zarr 3, bz2": Kind("x.zarr", ("--codec", "bz2:1")),
    "zarr 2, zstd": Kind("x.zarr", ("--codec", "zstd:3", "--zarr-format", 2)),
    "zarr 2, gzip": Kind("x.zarr", ("--codec", "gzip:1", "--zarr-format", 2)),
    "zarr 2, crc32c": Kind("x.zarr", ("--checksum", "crc32c", "--zarr-format", 2), True),
    "zarr 2, fletcher32": Kind(
        "x.zarr",
        ("--codec", "zstd:1", "--checksum", "fletcher32", "--zarr-format", 2),
        True,
    ),
    "hdf5": Kind("x.h5", ("--checksum", "fletcher32"), True),
    "hdf5, gzip": Kind("x.h5", ("--codec", "gzip:1")),
    "hdf5, gzip and fletcher32": Kind("x.h5", ("--codec", "shuffle+gzip:1+fletcher32"), True),
    "hdf5, zstd": Kind("x.h5", ("--codec", "zstd:3")),
    "hdf5, bz2": Kind("x.h5", ("--codec", "bz2:1")),
    "zarr 3 in shards": Kind("x.zarr", ("shards",), True),
}


def _make(shell: Any, kind: Kind) -> None:
    if kind.options == ("shards",):
        codecs = (zarr.codecs.ZstdCodec(level=1), zarr.codecs.Crc32cCodec())
        sharded = {"chunks": (20, 2048), "shards": (20, 8192), "compressors": codecs}
        zarr.create_array(kind.name, shape=WIDE.shape, dtype="i4", **sharded)[...] = WIDE
        return
    shell.save(a=WHOLE)
    shape = ",".join(map(str, CHUNKS))
    shell.ok("concat", "a.npy", "-o", kind.name, "--chunks", shape, *kind.options)


def _stored(name: str) -> list[tuple[Path, int, int]]:
    """Where every chunk lies: a file, a place in it, and a size."""
    if name.endswith(".h5"):
        with h5py.File(name) as file:
            dataset = file["data"]
            found = [dataset.id.get_chunk_info(i) for i in range(dataset.id.get_num_chunks())]
            return [(Path(name), place.byte_offset, place.size) for place in found]
    files = [p for p in Path(name).rglob("*") if p.is_file() and not p.name.startswith((".z", "z"))]
    return [(path, 0, path.stat().st_size) for path in sorted(files)]


def _flipped(place: tuple[Path, int, int], at: int, bit: int) -> Callable[[], None]:
    """Flip a bit; gives what flips it back."""
    path, offset, _ = place

    def flip() -> None:
        with path.open("r+b") as file:
            file.seek(offset + at)
            (value,) = file.read(1)
            file.seek(offset + at)
            file.write(bytes([value ^ 1 << bit]))

    flip()
    return flip


ROUTES = {"decoded": ("y.npy",), "encoded": (None, "--check"), "encoded, unasked": (None,)}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("what", KINDS)
def test_a_flipped_bit_is_exit_3_with_its_place(shell: Any, what: str, route: str) -> None:
    kind, whole = KINDS[what], WIDE if "shards" in what else WHOLE
    output, *more = ROUTES[route]
    if route == "encoded, unasked" and not kind.cheap:
        pytest.skip("its checksum is one of what is decoded")
    output = output or f"y{Path(kind.name).suffix}"
    allowed = ("--routes", "decoded" if route == "decoded" else "encoded")
    _make(shell, kind)
    args = ("concat", kind.name, "-o", output, "--no-sync", *more, *allowed)
    before = shell.names()
    dice = random.Random(what)
    found = 0
    for _ in range(FLIPS):
        places = _stored(kind.name)
        row = dice.randrange(len(places))
        back = _flipped(places[row], dice.randrange(places[row][2]), dice.randrange(8))
        outcome = shell.run(*args)
        back()
        if outcome.code == 0:  # bits that nothing depends on, as in a gzip header
            np.testing.assert_array_equal(shell.read(output), whole)
            shutil.rmtree(output) if Path(output).is_dir() else Path(output).unlink()
            continue
        found += 1
        assert outcome.code == 3 or (outcome.code == 10 and "bz2" in what), outcome.err
        shell.one_line(outcome.err, kind.name)
        assert shell.names() == before
        if "shard" not in outcome.err:  # the index of one, which has no elements
            assert f"{20 * row}:{20 * row + 20}" in outcome.err
    assert found > FLIPS // 2
    shell.ok(*args)
    np.testing.assert_array_equal(shell.read(output), whole)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_flipped_bit_in_an_archive_is_exit_3(shell: Any, compressed: bool) -> None:
    save = np.savez_compressed if compressed else np.savez
    save("x.npz", x=WHOLE)
    content = Path("x.npz").read_bytes()
    middle = (Path("x.npz"), 0, len(content))
    for at in (300, 1000, len(content) // 2):
        back = _flipped(middle, at, at % 8)
        for route in ("kernel,mapped", "decoded,mapped"):
            shell.fails(3, "concat", "x.npz", "-o", "y.npy", "--routes", route, "--check",
                        says="x.npz")  # fmt: skip
        back()
    shell.ok("concat", "x.npz", "-o", "y.npy", "--check")
    np.testing.assert_array_equal(np.load("y.npy"), WHOLE)


@pytest.mark.parametrize("what", ["zarr 3", "hdf5", "zarr 3 in shards"])
def test_much_that_moves_is_looked_at_when_asked_only(
    shell: Any, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    kind = KINDS[what]
    _make(shell, kind)
    path, offset, size = _stored(kind.name)[1]
    _flipped((path, offset, size), size // 2, 3)
    args = ("concat", kind.name, "-o", f"y{Path(kind.name).suffix}", "--routes", "encoded")
    shell.fails(3, *args, says="elements 20:40")
    monkeypatch.setattr(
        "concatsplit_core.planning.thresholds.DEFAULT", Thresholds(compared_bytes=0)
    )
    shell.ok(*args)
    shell.fails(3, *args, "--force", "--check", says="elements 20:40")


def test_the_plan_says_what_is_looked_at(shell: Any) -> None:
    shell.save(a=WHOLE)
    shell.ok("concat", "a.npy", "-o", "x.zarr")
    np.savez("s.npz", x=WHOLE)

    def planned(*args: Any) -> Any:
        outcome = shell.run("concat", *args, "--dry-run", "--json")
        assert outcome.code == 0, outcome.err
        return outcome.json

    moved = ("x.zarr", "-o", "y.zarr")
    plan, without = planned(*moved, "--check"), planned(*moved)
    assert any(f"{WHOLE.nbytes} bytes" in note for note in plan["notes"])
    assert not without["notes"]
    assert plan["peak_memory_bytes"] > without["peak_memory_bytes"]
    notes = planned("a.npy", "s.npz", "-o", "y.npy", "--check")["notes"]
    assert any("a.npy: has no checksum" in note for note in notes)
    assert any("s.npz" in note and "CRC-32" in note for note in notes)
