"""--shards: chunks of a Zarr output in files that hold several, with zarr-python as the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import zarr

import concatsplit_core as cs
from concatsplit_core.formats.zarr.sharding import largest_divisor

ARRAY = np.arange(20 * 12, dtype="f4").reshape(20, 12)


@pytest.fixture(autouse=True)
def inputs(shell: Any) -> None:
    shell.save(a=ARRAY[:8], b=ARRAY[8:])


@pytest.mark.parametrize(
    ("options", "chunks", "shards"),
    [
        (("--shards", "8,6", "--chunks", "2,3"), (2, 3), (8, 6)),
        (("--shards", "8,6"), (8, 6), (8, 6)),
        (("--shards", "32,24"), (16, 12), (32, 24)),
        (("--shards", "auto", "--chunks", "4,5"), (4, 5), (20, 15)),
        (("--shards", "none", "--chunks", "4,5"), (4, 5), None),
    ],
)
def test_chunks_lie_in_shards(shell: Any, options: Any, chunks: Any, shards: Any) -> None:
    shell.ok("concat", "a.npy", "b.npy", "-o", "y.zarr", *options)
    made = zarr.open_array("y.zarr", mode="r")
    assert (made.chunks, made.shards) == (chunks, shards)
    np.testing.assert_array_equal(made[...], ARRAY)


def test_shards_are_kept_or_dropped_and_their_chunks_move_as_they_are_stored(shell: Any) -> None:
    shell.ok("concat", "a.npy", "-o", "x.zarr", "--shards", "4,12", "--chunks", "2,6")
    for given, kept in ((None, (4, 12)), ("none", None), ((8, 6), (8, 6)), ("auto", (8, 12))):
        result = cs.concat(["x.zarr"], "y.zarr", shards=given, force=True)
        made = zarr.open_array("y.zarr", mode="r")
        assert (made.chunks, made.shards) == ((2, 6), kept)
        np.testing.assert_array_equal(made[...], ARRAY[:8])
        assert result.plan.routes["encoded"] == ARRAY[:8].nbytes


def test_arrays_of_a_data_set_get_shards_of_their_own(shell: Any) -> None:
    np.savez("s.npz", x=ARRAY, y=ARRAY[:, 0], z=np.float32(3))
    shell.ok("concat", "s.npz", "-o", "s.zarr", "--shards", "auto")
    group = zarr.open_group("s.zarr", mode="r")
    assert (group["x"].shards, group["y"].shards) == ((20, 12), (20,))
    assert group["z"][...] == 3


def test_chunks_are_made_shorter_until_they_fill_a_shard() -> None:
    for shard in range(1, 61):
        for chunk in range(1, 70):
            longest = max(n for n in range(1, min(shard, chunk) + 1) if shard % n == 0)
            assert largest_divisor(shard, chunk) == longest
    a_prime = 1_000_000_007
    assert largest_divisor(a_prime, 1_000_000_000) == 1  # a count of all lengths takes minutes


WRONG = {
    "--shards 4,4 --chunks 3,2": "--shards 4,4: is no multiple of the chunks, 3,2",
    "--shards 4": "--shards 4 has 1 axis, the output (20, 12) has 2",
    "--shards 4,0": "--shards 4,0: a shard has a length of 1 or more",
    "--chunks 4": "--chunks 4 has 1 axis, the output (20, 12) has 2",
    "--chunks 4,0": "--chunks 4,0: a chunk has a length of 1 or more",
    "--shards 4,4 --zarr-format 2": "Zarr format 2 has none; give --zarr-format 3",
    "--shards 4,4 --grid rectilinear": "its chunks lie in no shards",
    "--shards many": "--shards: 'many' is not a list of whole numbers",
}


@pytest.mark.parametrize("options", WRONG)
def test_what_does_not_fit_is_refused(shell: Any, options: str) -> None:
    shell.fails(
        2, "concat", "a.npy", "b.npy", "-o", "y.zarr", *options.split(), says=WRONG[options]
    )


def test_only_zarr_has_shards(shell: Any) -> None:
    for name in ("y.npy", "y.h5"):
        says = f"--shards: output {name} is not Zarr"
        shell.fails(2, "concat", "a.npy", "-o", name, "--shards", "4,4", says=says)
    shell.ok("concat", "a.npy", "-o", "y.npy", "--shards", "none")
    with pytest.raises(cs.ConcatsplitError, match="--shards many is not a shape, auto or none"):
        cs.concat(["a.npy"], "z.zarr", shards="many")  # type: ignore[arg-type]


def test_a_shard_that_does_not_fit_the_memory_is_refused(shell: Any) -> None:
    shell.fails(
        10, "concat", "a.npy", "-o", "y.zarr", "--shards", "1000000,1000", "--memory", "1MiB",
        says="or smaller --chunks or --shards",
    )  # fmt: skip
