"""Cases of looking: descriptions of containers with many arrays."""

from __future__ import annotations

from benchmarks.bounds import Within
from benchmarks.model import OURS, Case, Contestant, Role
from benchmarks.sizes import Sizes


def looking_cases(sizes: Sizes) -> list[Case]:
    """All cases of `info`."""
    return [
        _case("npz", "NumPy", sizes.members),
        _case("h5", "h5py", sizes.members),
        _case("zarr", "zarr-python", sizes.members // 2),
    ]


def _case(suffix: str, library: str, members: int) -> Case:
    name = f"a-members.{suffix}"
    argv = ("python", "-m", "benchmarks.peers.list_members", name)
    contestants = (
        Contestant(OURS, Role.OURS, ("concatsplit", "info", name)),
        Contestant(library, Role.PEER, argv),
    )
    title = f"info of {members:,} arrays in one .{suffix}"
    return Case(f"info/{suffix}", title, 0, (name,), contestants, (Within(0.6),))
