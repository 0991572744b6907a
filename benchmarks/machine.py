"""What a run was made on: the machine and the versions; no names, no paths."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.running import program

_PACKAGES = ("concatsplit", "numpy", "h5py", "zarr", "numcodecs", "dask", "tensorstore", "zarrs")
_PROGRAMS = {"cat": "--version", "cp": "--version", "ncrcat": "--version", "h5repack": "--version"}


def facts(folder: Path) -> dict[str, str]:
    """The machine, and the file system of a folder, in words."""
    pages, page_bytes = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{pages * page_bytes / (1 << 30):.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "file system": file_system(folder),
        "load at the start": f"{os.getloadavg()[0]:.1f}",
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def file_system(folder: Path) -> str:
    """Type of the file system that a folder lies on, such as tmpfs."""
    best, kind = "", "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, point, this = line.split()[:3]
        if folder.resolve().is_relative_to(point) and len(point) >= len(best):
            best, kind = point, this
    return kind


def versions() -> dict[str, str]:
    """Versions of Python, the packages and the programs, of those that are installed."""
    found = {"Python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    if "h5py" in found:
        found["HDF5"] = _printed(
            [sys.executable, "-c", "import h5py; print(h5py.version.hdf5_version)"]
        )
    for name, option in _PROGRAMS.items():
        if path := program(name):
            found[name] = _number(_printed([path, option]))
    return found


def _printed(argv: list[str]) -> str:
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip()


def _number(text: str) -> str:
    """The first word that looks like a version."""
    words = text.replace('"', " ").split()
    return next((word for word in words if word[:1].isdigit() and "." in word), "unknown")


def own_peak_bytes() -> int:
    """Peak resident memory of this process: a child that needs less is shown with this much.

    A new process is a copy of its parent until its program is loaded, and the kernel counts that.
    """
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
