"""Cases of safetensors: the shards of a checkpoint merged, and a file cut into shards."""

from __future__ import annotations

from benchmarks.bounds import AtMost, PeakMemory
from benchmarks.cases.commands import (
    CAT_NOTHING,
    CP_NOTHING,
    OURS_NOTHING,
    cat,
    cat_nothing,
    cp,
    cp_nothing,
    ours,
    ours_nothing,
    peer,
)
from benchmarks.model import Case, Check
from benchmarks.sizes import TENSORS, Sizes

_SHARDS = ("a-shard.safetensors", "b-shard.safetensors")
_INDEX, _OUT = "a-shard.safetensors.index.json", "out/merged.safetensors"
_TINY = ("a-tiny.npy", "b-tiny.npy")


def safetensors_cases(sizes: Sizes) -> list[Case]:
    """All cases of safetensors."""
    return [_merge(sizes), _share_out(sizes)]


def _merge(sizes: Sizes) -> Case:
    check = Check(0, _OUT, _SHARDS)
    contestants = (
        ours("concat", (_INDEX,), _OUT, check=check),
        cat(*_SHARDS),
        peer(
            "safetensors, save_file",
            "safetensors_save",
            "concat",
            _SHARDS,
            _OUT,
            check=check,
            needs=("safetensors",),
        ),
        ours_nothing(".npy"),
        cat_nothing(),
    )
    bounds = (AtMost(1.2, "cat", (OURS_NOTHING, CAT_NOTHING), net=True), PeakMemory())
    title = f"two shards of {TENSORS} tensors merged by their index"
    inputs = (*_SHARDS, _INDEX, *_TINY)
    return Case("safetensors/merge", title, 2 * sizes.large_bytes, inputs, contestants, bounds)


def _share_out(sizes: Sizes) -> Case:
    count = 8
    whole, template = _SHARDS[0], "out/part-{index}.safetensors"
    parts = tuple(template.format(index=index) for index in range(count))
    most = str(sizes.large_bytes // count)
    check = Check(0, whole, parts)
    contestants = (
        ours("split", (whole,), template, "--by-array", "--max-bytes", most, check=check),
        cp(whole),
        ours_nothing(".npy"),
        cp_nothing(".npy"),
    )
    bounds = (AtMost(1.4, "cp", (OURS_NOTHING, CP_NOTHING), net=True), PeakMemory())
    title = f"{TENSORS} tensors shared out to {count} files"
    inputs = (whole, *_TINY)
    return Case("safetensors/share-out", title, sizes.large_bytes, inputs, contestants, bounds)
