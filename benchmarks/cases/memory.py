"""Cases of a small budget: only ours, and only its resident memory is judged."""

from __future__ import annotations

from benchmarks.bounds import PeakMemory
from benchmarks.cases.commands import ours
from benchmarks.model import Case, Check
from benchmarks.sizes import Sizes

_BUDGET_MIB = 64


def memory_cases(sizes: Sizes) -> list[Case]:
    """All cases of a small budget."""
    return [
        _case(sizes, "npy-last", "64 MiB: .npy, last axis", ("a.npy", "b.npy"), 2),
        _case(sizes, "zarr-misaligned", "64 MiB: Zarr", ("a-short-first.zarr", "b.zarr"), 0),
        _case(sizes, "hdf5-misaligned", "64 MiB: HDF5", ("a-short-first.h5", "b.h5"), 0),
    ]


def _case(sizes: Sizes, name: str, title: str, inputs: tuple[str, ...], axis: int) -> Case:
    out = f"out/joined.{inputs[1].partition('.')[2]}"
    options = ("--axis", str(axis), "--memory", f"{_BUDGET_MIB}MiB")
    check = Check(axis, out, inputs)
    return Case(
        f"memory/{name}",
        title,
        2 * sizes.large_bytes,
        inputs,
        (ours("concat", inputs, out, *options, check=check),),
        (PeakMemory(_BUDGET_MIB << 20),),
    )
