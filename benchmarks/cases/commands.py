"""The command lines of the contestants."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.model import OURS, Check, Contestant, Role

OURS_NOTHING, CAT_NOTHING, CP_NOTHING = (
    "no-op of concatsplit",
    "no-op of cat",
    "no-op of cp",
)
"""What start-up alone takes: a join of two tiny arrays, and a copy of nothing."""

CODECS_ALONE = "codecs alone"
"""The chunks of a misaligned join decoded and encoded in memory, on as many threads as CPUs."""


def ours(
    operator: str,
    inputs: Sequence[str],
    output: str,
    *options: str,
    check: Check,
    name: str = OURS,
    role: Role = Role.OURS,
) -> Contestant:
    """Our command; nothing is forced to the disk, as with all others."""
    argv = ("concatsplit", operator, *inputs, "-o", output, "--no-sync", "--json", *options)
    return Contestant(name, role, argv, check)


def ours_nothing(suffix: str) -> Contestant:
    """Our command on two tiny arrays of a format."""
    inputs = (f"a-tiny{suffix}", f"b-tiny{suffix}")
    output = f"out/tiny{suffix}"
    check = Check(0, output, inputs)
    return ours("concat", inputs, output, check=check, name=OURS_NOTHING, role=Role.PROBE)


def peer(
    name: str,
    program: str,
    operator: str,
    inputs: Sequence[str],
    output: str,
    *options: str,
    check: Check,
    needs: tuple[str, ...] = (),
) -> Contestant:
    """A program of ``benchmarks/peers``."""
    module = f"benchmarks.peers.{program}"
    argv = ("python", "-m", module, operator, *inputs, "-o", output, *options)
    return Contestant(name, Role.PEER, argv, check, needs=needs)


def codecs_alone(*inputs: str) -> Contestant:
    """What the codecs of a join along the first axis take, without start-up, disk and copies."""
    argv = ("python", "-m", "benchmarks.peers.codecs_alone", *inputs)
    return Contestant(CODECS_ALONE, Role.PROBE, argv, tells_seconds=True)


def cat(*inputs: str) -> Contestant:
    """The reference of a join: the same bytes, one file after the other."""
    return Contestant("cat", Role.REFERENCE, ("cat", *inputs), stdout="out/bytes")


def cat_nothing() -> Contestant:
    """The start-up of cat."""
    return Contestant(CAT_NOTHING, Role.PROBE, ("cat", "/dev/null"), stdout="out/bytes")


def cp(*inputs: str) -> Contestant:
    """The reference of a split: the same bytes to another file."""
    return Contestant("cp", Role.REFERENCE, ("cp", *inputs, "out"))


def cp_nothing(suffix: str) -> Contestant:
    """The start-up of cp, with a file or a folder of next to nothing."""
    return Contestant(CP_NOTHING, Role.PROBE, ("cp", "-r", f"a-tiny{suffix}", "out"))


def cp_folders(*inputs: str) -> Contestant:
    """The reference of Zarr arrays: the same files to another place."""
    return Contestant("cp -r", Role.REFERENCE, ("cp", "-r", *inputs, "out"))
