"""Cases of .npy files: joined, stacked and split along every axis."""

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
from benchmarks.model import Case, Check, Contestant
from benchmarks.sizes import PARTS, Sizes

_OUT = "out/joined.npy"
_CAT, _CP = (OURS_NOTHING, CAT_NOTHING), (OURS_NOTHING, CP_NOTHING)
_TINY = ("a-tiny.npy", "b-tiny.npy")


def npy_cases(sizes: Sizes) -> list[Case]:
    """All cases of .npy files."""
    return [
        _join(sizes, "join-first", "join on the first axis", 0, 1.1),
        _join(sizes, "join-middle", "join on the middle axis", 1, 1.4),
        _join(sizes, "join-last", "join on the last axis, runs of 1 KiB", 2, 1.4),
        _join(sizes, "stack-last", "stack on a new last axis", -1, 2.0, operator="stack"),
        _join(sizes, "join-rows", "join of 12-byte rows on the last axis", 1, 3.0, kind="-rows"),
        _split(sizes, "split-first", "split in 64 on the first axis", 0, 1.4),
        _split(sizes, "split-last", "split in 64 on the last axis, runs of 16 bytes", 2, 2.5),
        _join(sizes, "fortran-first", "Fortran order, first axis", 0, 1.4, kind="-fortran"),
        _join(sizes, "fortran-last", "Fortran order, last axis", 2, 1.1, kind="-fortran"),
    ]


def _join(
    sizes: Sizes,
    name: str,
    title: str,
    axis: int,
    factor: float,
    kind: str = "",
    operator: str = "concat",
) -> Case:
    inputs = (f"a{kind}.npy", f"b{kind}.npy")
    check = Check(axis, _OUT, inputs, stacked=operator == "stack")
    along = ("--axis", str(axis))
    contestants = [
        ours(operator, inputs, _OUT, *along, check=check),
        cat(*inputs),
        peer("np.memmap loop", "numpy_memmap", operator, inputs, _OUT, *along, check=check),
        peer("np.concatenate, np.save", "numpy_save", operator, inputs, _OUT, *along, check=check),
    ]
    if kind != "-fortran":
        # Dask has no notion of an output's memory order.
        contestants.append(
            peer("Dask", "dask_join", operator, inputs, _OUT, *along, check=check, needs=("dask",))
        )
    contestants += [ours_nothing(".npy"), cat_nothing()]
    bounds = (AtMost(factor, "cat", _CAT, net=True), PeakMemory())
    return Case(
        f"npy/{name}",
        title,
        2 * sizes.large_bytes,
        (*inputs, *_TINY),
        tuple(contestants),
        bounds,
    )


def _split(sizes: Sizes, name: str, title: str, axis: int, factor: float) -> Case:
    whole, along = "a-joined.npy", ("--axis", str(axis), "--parts", str(PARTS))
    template = "out/part-{index}.npy"
    parts = tuple(template.format(index=index) for index in range(PARTS))
    check = Check(axis, whole, parts)

    def numpy(title: str, program: str) -> Contestant:
        return peer(title, program, "split", (whole,), template, *along, check=check)

    contestants = (
        ours("split", (whole,), template, *along, check=check),
        cp(whole),
        numpy("np.memmap loop", "numpy_memmap"),
        numpy("np.split, np.save", "numpy_save"),
        ours_nothing(".npy"),
        cp_nothing(".npy"),
    )
    bounds = (AtMost(factor, "cp", _CP, net=True), PeakMemory())
    inputs = (whole, *_TINY)
    return Case(f"npy/{name}", title, 2 * sizes.large_bytes, inputs, contestants, bounds)
