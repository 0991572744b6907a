"""Suffixes of HDF5 files whose readers expect more than arrays."""

from __future__ import annotations

NETCDF = (".nc", ".nc4")
APPLICATIONS = (".h5ad", ".nwb", ".nxs", ".mat", ".keras", ".loom")
"""Suffixes of programs that look for their own groups and attributes in a file."""


def has_netcdf_name(name: str) -> bool:
    """Whether whoever reads a file of this name expects netCDF-4."""
    return name.lower().endswith(NETCDF)


def is_of_application(name: str) -> bool:
    """Whether a program looks for its own groups and attributes in a file of this name."""
    return name.lower().endswith(APPLICATIONS)
