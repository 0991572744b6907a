"""Which names of HDF5 files promise netCDF-4."""

from __future__ import annotations

from pathlib import Path

SUFFIXES = (".nc", ".nc4")


def has_netcdf_name(path: Path) -> bool:
    """Whether whoever reads a file of this name expects netCDF-4."""
    return path.suffix.lower() in SUFFIXES
