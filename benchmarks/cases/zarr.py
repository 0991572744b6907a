"""Cases of Zarr arrays, format 3 with zstd: aligned, misaligned, sharded and re-encoded."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.bounds import AtMost, Bound, FasterThan, PeakMemory, ShareOf
from benchmarks.cases.commands import (
    CODECS_ALONE,
    CP_NOTHING,
    OURS_NOTHING,
    codecs_alone,
    cp_folders,
    cp_nothing,
    ours,
    ours_nothing,
    peer,
)
from benchmarks.model import Case, Check, Contestant
from benchmarks.sizes import Sizes

_OUT = "out/joined.zarr"

ENOUGH_BYTES = 512 << 20
"""With less, start-up is most of what is measured of a program that moves chunks as they are."""

_ALIGNED: tuple[Bound, ...] = (
    AtMost(2, "cp -r", (OURS_NOTHING, CP_NOTHING)),
    FasterThan(5, minimum_bytes=ENOUGH_BYTES),
    PeakMemory(),
)
_DECODED: tuple[Bound, ...] = (FasterThan(1.5), PeakMemory())

_MISALIGNED: tuple[Bound, ...] = (*_DECODED, ShareOf(0.85, CODECS_ALONE))


def zarr_cases(sizes: Sizes) -> list[Case]:
    """All cases of Zarr arrays."""
    whole, sharded = ("a.zarr", "b.zarr"), ("a-sharded.zarr", "b-sharded.zarr")
    first, inner = ("a-short-first.zarr", "b.zarr"), ("a-short-inner.zarr", "b.zarr")
    return [
        _case(sizes, "aligned-first", "aligned, first axis", whole, 0, _ALIGNED),
        _case(sizes, "aligned-inner", "aligned, last axis", whole, 2, _ALIGNED),
        _case(sizes, "sharded-first", "shards, aligned, first axis", sharded, 0, _ALIGNED),
        _case(sizes, "sharded-inner", "shards, aligned, last axis", sharded, 2, _ALIGNED),
        _case(sizes, "misaligned-first", "misaligned, first axis", first, 0, _MISALIGNED),
        _case(sizes, "misaligned-inner", "misaligned, last axis", inner, 2, _DECODED),
        _case(sizes, "re-encoded", "zstd 1 to zstd 3", whole, 0, _DECODED, codec="zstd:3"),
    ]


def zarr_peers(
    inputs: Sequence[str], output: str, *options: str, check: Check
) -> tuple[Contestant, ...]:
    """All programs that join Zarr arrays."""

    def made(name: str, program: str, *more: str, needs: tuple[str, ...]) -> Contestant:
        given = (*options, *more)
        return peer(name, program, "concat", inputs, output, *given, check=check, needs=needs)

    return (
        made("TensorStore", "tensorstore_join", needs=("tensorstore",)),
        made("zarr-python, batched", "zarr_join", needs=("zarr",)),
        made("zarr-python, fused", "zarr_join", "--pipeline", "fused", needs=("zarr",)),
        made("zarrs", "zarr_join", "--pipeline", "zarrs", needs=("zarrs",)),
        made("Dask", "dask_join", needs=("dask",)),
    )


def _case(
    sizes: Sizes,
    name: str,
    title: str,
    inputs: tuple[str, ...],
    axis: int,
    bounds: tuple[Bound, ...],
    codec: str = "",
) -> Case:
    check = Check(axis, _OUT, inputs)
    options = ("--axis", str(axis), *(("--codec", codec) if codec else ()))
    contestants = (
        ours("concat", inputs, _OUT, *options, check=check),
        cp_folders(*inputs),
        *zarr_peers(inputs, _OUT, *options, check=check),
        *((codecs_alone(*inputs),) if bounds == _MISALIGNED else ()),
        ours_nothing(".zarr"),
        cp_nothing(".zarr"),
    )
    made = (*inputs, "a-tiny.zarr", "b-tiny.zarr")
    return Case(f"zarr/{name}", title, 2 * sizes.large_bytes, made, contestants, bounds)
