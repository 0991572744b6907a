"""The default memory budget: it depends on the memory limits of the process."""

from __future__ import annotations

import functools
import os
import resource
from collections.abc import Iterator

USUAL = 256 << 20
"""The default budget in bytes, without limits."""

SMALLEST = 16 << 20
"""The smallest default budget in bytes, under any limit."""

_SHARE = 4
"""Array data may take a quarter of a limit; the rest is for libraries and the page cache."""

_FILES = {"cgroup": ("memory.limit_in_bytes",), "cgroup2": ("memory.max", "memory.high")}


@functools.cache  # to look takes 0.2 ms, a tenth of a join of two small .npy files
def default_budget() -> int:
    """The budget in bytes if ``--memory`` is not given; a process looks once for its limits."""
    limits = [*_process_limits(), *group_limits()]
    return max(SMALLEST, min([USUAL, *(limit // _SHARE for limit in limits)]))


def _process_limits() -> Iterator[int]:
    """The limits of the process itself, as set by ``ulimit -v`` and ``ulimit -d``."""
    for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        soft, _ = resource.getrlimit(kind)
        if soft != resource.RLIM_INFINITY:
            yield soft


def group_limits(proc: str = "/proc/self") -> Iterator[int]:
    """The memory limits of this process's control group and of all groups that contain it.

    Parameters
    ----------
    proc : str
        The folder with the system's files about the process.
    """
    try:
        with open(f"{proc}/cgroup") as file:
            groups = dict(_own_groups(file))
        with open(f"{proc}/mountinfo") as file:
            mounts = [mount for line in file if (mount := _mount(line)) is not None]
    except (OSError, UnicodeDecodeError):
        return
    for kind, root, mount_point in mounts:
        if kind in groups:
            for folder in _upwards(groups[kind], root, mount_point):
                yield from _read(folder, _FILES[kind])


def _own_groups(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    """The paths of this process's group: in the memory hierarchy of version 1 and in version 2."""
    for line in lines:
        number, controllers, path = line.rstrip("\n").split(":", 2)
        if number == "0" and not controllers:
            yield "cgroup2", path
        elif "memory" in controllers.split(","):
            yield "cgroup", path


def _mount(line: str) -> tuple[str, str, str] | None:
    """The kind, root and mount point of a hierarchy that may limit memory; None of others."""
    left, _, right = line.partition(" - ")
    fields, rest = left.split(" "), right.split()
    if len(fields) < 5 or len(rest) < 3 or rest[0] not in _FILES:
        return None
    if rest[0] == "cgroup" and "memory" not in rest[2].split(","):
        return None
    return rest[0], _unescaped(fields[3]), _unescaped(fields[4])


def _unescaped(field: str) -> str:
    """A path without the escapes of mountinfo."""
    for code in ("\\040", "\\011", "\\012", "\\134"):
        field = field.replace(code, chr(int(code[1:], 8)))
    return field


def _upwards(path: str, root: str, mount_point: str) -> Iterator[str]:
    """The folder of a group and those of all groups above it, up to the mount point."""
    inner = os.path.relpath(path, root)
    parts = [] if inner.startswith("..") or inner == "." else inner.split("/")
    for depth in range(len(parts), -1, -1):
        yield "/".join((mount_point, *parts[:depth]))


def _read(folder: str, names: tuple[str, ...]) -> Iterator[int]:
    for name in names:
        try:
            with open(f"{folder}/{name}") as file:
                yield int(file.read())
        except (OSError, ValueError):  # there is no such file, or it says "max"
            continue
