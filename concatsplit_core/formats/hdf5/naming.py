"""Which names of HDF5 files promise netCDF-4."""

from __future__ import annotations

SUFFIXES = (".nc", ".nc4")


def has_netcdf_name(name: str) -> bool:
    """Whether whoever reads a file of this name expects netCDF-4."""
    return name.lower().endswith(SUFFIXES)
