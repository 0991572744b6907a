"""Everything that is measured, in the order of the report."""

from __future__ import annotations

from fnmatch import fnmatch

from benchmarks.cases.disk import disk_cases
from benchmarks.cases.hdf5 import hdf5_cases
from benchmarks.cases.looking import looking_cases
from benchmarks.cases.many import many_cases
from benchmarks.cases.memory import memory_cases
from benchmarks.cases.netcdf import netcdf_cases
from benchmarks.cases.npy import npy_cases
from benchmarks.cases.safetensors import safetensors_cases
from benchmarks.cases.startup import startup_cases
from benchmarks.cases.zarr import zarr_cases
from benchmarks.model import Case
from benchmarks.sizes import Sizes


def all_cases(sizes: Sizes, pattern: str = "*") -> list[Case]:
    """All cases whose names match a shell pattern or contain it."""
    groups = (
        npy_cases,
        zarr_cases,
        hdf5_cases,
        netcdf_cases,
        safetensors_cases,
        many_cases,
        looking_cases,
        memory_cases,
        startup_cases,
        disk_cases,
    )
    found = [case for group in groups for case in group(sizes)]
    return [case for case in found if fnmatch(case.name, pattern) or pattern in case.name]
