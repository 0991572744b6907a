"""How much memory a run takes unless told: little enough for the limits that the process has."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator

USUAL = 256 << 20
"""Bytes of the default budget on a machine without limits."""

SMALLEST = 16 << 20
"""Bytes of the default budget under the tightest limit."""

_SHARE = 4
"""The part of a limit that array data may take; the rest is for libraries and the page cache."""

_FILES = {"cgroup": ("memory.limit_in_bytes",), "cgroup2": ("memory.max", "memory.high")}


def default_budget() -> int:
    """Bytes of array data to hold in memory where nobody says how many."""
    limits = [*_process_limits(), *group_limits()]
    return max(SMALLEST, min([USUAL, *(limit // _SHARE for limit in limits)]))


def _process_limits() -> Iterator[int]:
    """Limits of the process itself, as ``ulimit -v`` and ``ulimit -d`` set them."""
    for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        soft, _ = resource.getrlimit(kind)
        if soft != resource.RLIM_INFINITY:
            yield soft


def group_limits(proc: str = "/proc/self") -> Iterator[int]:
    """Limits of the control group of this process and of all groups around it, if any.

    Parameters
    ----------
    proc : str
        Folder of what the system says of the process.
    """
    try:
        with open(f"{proc}/cgroup") as file:
            groups = dict(_own_groups(file))
        with open(f"{proc}/mountinfo") as file:
            mounts = [mount for line in file if (mount := _mount(line)) is not None]
    except (OSError, UnicodeDecodeError):
        return
    for kind, root, place in mounts:
        if kind in groups:
            for folder in _upwards(groups[kind], root, place):
                yield from _read(folder, _FILES[kind])


def _own_groups(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    """The path of this process's group, in the old hierarchy of memory and in the new one."""
    for line in lines:
        number, controllers, path = line.rstrip("\n").split(":", 2)
        if number == "0" and not controllers:
            yield "cgroup2", path
        elif "memory" in controllers.split(","):
            yield "cgroup", path


def _mount(line: str) -> tuple[str, str, str] | None:
    """Kind, root and place of a hierarchy that may limit memory."""
    left, _, right = line.partition(" - ")
    fields, rest = left.split(" "), right.split()
    if len(fields) < 5 or len(rest) < 3 or rest[0] not in _FILES:
        return None
    if rest[0] == "cgroup" and "memory" not in rest[2].split(","):
        return None
    return rest[0], _plain(fields[3]), _plain(fields[4])


def _plain(field: str) -> str:
    """A path as it is, without the escapes of mountinfo."""
    for code in ("\\040", "\\011", "\\012", "\\134"):
        field = field.replace(code, chr(int(code[1:], 8)))
    return field


def _upwards(path: str, root: str, place: str) -> Iterator[str]:
    """Folders from a group up to where its hierarchy is mounted, as far as it can be seen."""
    inner = os.path.relpath(path, root)
    parts = [] if inner.startswith("..") or inner == "." else inner.split("/")
    for depth in range(len(parts), -1, -1):
        yield "/".join((place, *parts[:depth]))


def _read(folder: str, names: tuple[str, ...]) -> Iterator[int]:
    for name in names:
        try:
            with open(f"{folder}/{name}") as file:
                yield int(file.read())
        except (OSError, ValueError):  # no such group here, or "max"
            continue
