"""Cases of a disk: results that are durable, and inputs that are not in memory."""

from __future__ import annotations

from benchmarks.bounds import AtMost, PeakMemory
from benchmarks.cases.commands import cat, cp_folders, ours
from benchmarks.model import Case, Check, Contestant, Role
from benchmarks.sizes import PARTS, Sizes


def disk_cases(sizes: Sizes) -> list[Case]:
    """All cases of a disk, which a RAM disk leaves out."""
    return [_join(sizes), _split(sizes), _cold_npy(sizes), _cold_zarr(sizes)]


def _synced(name: str, command: str) -> Contestant:
    return Contestant(name, Role.REFERENCE, ("sh", "-c", f"{command} && sync -f out"))


def _join(sizes: Sizes) -> Case:
    inputs, out = ("a.npy", "b.npy"), "out/joined.npy"
    contestants = (
        ours("concat", inputs, out, "--sync", check=Check(0, out, inputs)),
        _synced("cat, sync -f", "cat a.npy b.npy > out/bytes"),
    )
    bounds = (AtMost(1.2, "cat, sync -f"), PeakMemory())
    title, nbytes = "durable join on the first axis", 2 * sizes.large_bytes
    return Case("disk/join-durable", title, nbytes, inputs, contestants, bounds, on_disk=True)


def _split(sizes: Sizes) -> Case:
    whole, template = "a-joined.npy", "out/part-{index}.npy"
    parts = tuple(template.format(index=index) for index in range(PARTS))
    check = Check(0, whole, parts)
    contestants = (
        ours("split", (whole,), template, "--parts", str(PARTS), "--sync", check=check),
        _synced("cp, sync -f", f"cp {whole} out"),
    )
    bounds = (AtMost(1.3, "cp, sync -f"), PeakMemory())
    title, nbytes = f"durable split in {PARTS} on the first axis", 2 * sizes.large_bytes
    return Case("disk/split-durable", title, nbytes, (whole,), contestants, bounds, on_disk=True)


def _cold_npy(sizes: Sizes) -> Case:
    inputs, out = ("a.npy", "b.npy"), "out/joined.npy"
    contestants = (ours("concat", inputs, out, check=Check(0, out, inputs)), cat(*inputs))
    title, nbytes = "join of .npy that are not in memory", 2 * sizes.large_bytes
    bounds = (AtMost(1.2, "cat"),)
    return Case(
        "disk/cold-npy", title, nbytes, inputs, contestants, bounds, on_disk=True, cold=True
    )


def _cold_zarr(sizes: Sizes) -> Case:
    inputs, out = ("a.zarr", "b.zarr"), "out/joined.zarr"
    contestants = (ours("concat", inputs, out, check=Check(0, out, inputs)), cp_folders(*inputs))
    title, nbytes = "join of Zarr that are not in memory, aligned", 2 * sizes.large_bytes
    bounds = (AtMost(1.5, "cp -r"),)
    return Case(
        "disk/cold-zarr", title, nbytes, inputs, contestants, bounds, on_disk=True, cold=True
    )
