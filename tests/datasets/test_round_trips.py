"""netCDF files are cut and brought back with all that they hold, by undo and through Zarr."""

from __future__ import annotations

import pytest
from datasets.climate import call
from datasets.test_netcdf_cases import CASES

import concatsplit_core as cs

NOT_IN_ZARR = {"enums", "compounds", "groups"}
"""Cases with types that Zarr lacks, or dimensions that one group has from another."""


@pytest.mark.parametrize("case", CASES)
def test_cut_and_undone(case: str) -> None:
    call("netcdf_cases.make", case, (5,))
    cs.split("in0.nc", "part{index}.nc", axis="time", size=2, manifest="run.json")
    cs.undo("run.json", "again.nc")
    skipped = ["chunks"] if case == "several_unlimited" else []
    call("netcdf_checks.joined", ["in0.nc"], "again.nc", {}, skipped)


@pytest.mark.parametrize("case", [name for name in CASES if name not in NOT_IN_ZARR])
def test_to_zarr_and_back(case: str) -> None:
    call("netcdf_cases.make", case, (5,))
    cs.concat("in0.nc", "all.zarr")
    cs.concat("all.zarr", "again.nc")
    call("netcdf_checks.agrees", "again.nc", "in0.nc")
