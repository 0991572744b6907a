"""Monthly netCDF files are joined as ncrcat and xarray do it, and open in netCDF-C and xarray."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from datasets.climate import call

import concatsplit_core as cs
from concatsplit_cli.main import main

LENGTHS = (3, 1, 4)


@pytest.fixture
def months() -> list[str]:
    """Files of a few days each."""
    first, paths = 0, []
    for number, length in enumerate(LENGTHS):
        call("month", f"m{number}.nc", first, length)
        paths.append(f"m{number}.nc")
        first += length
    return paths


@pytest.mark.parametrize("peer", ["ncrcat", "xarrays"])
def test_months_are_joined_as_others_do_it(months: list[str], peer: str) -> None:
    if peer == "ncrcat" and shutil.which("ncrcat") is None:
        pytest.skip("NCO is not installed")
    call(peer, months, "peer.nc")
    cs.concat(months, "ours.nc", axis="time")
    call("same_in_netcdf", "ours.nc", "peer.nc")


def test_xarray_opens_the_year_with_its_times(months: list[str]) -> None:
    cs.concat(months, "year.nc", axis="time")
    call("same_in_xarray", "year.nc", months)


def test_times_are_rebased_with_their_bounds(months: list[str]) -> None:
    call("month", "m1.nc", 3, 1, units="days since 2000-01-03", shift=2)
    cs.concat(months, "year.nc", axis="time")
    call("holds", "year.nc", "time", [day + 0.5 for day in range(8)])
    call("holds", "year.nc", "time_bnds", [edge for day in range(8) for edge in (day, day + 1)])


def test_a_year_goes_to_zarr_and_back(months: list[str]) -> None:
    cs.concat(months, "year.zarr", axis="time")
    cs.split("year.zarr", "part-{index}.nc", axis="time", lengths=LENGTHS)
    for path, part in zip(months, sorted(Path().glob("part-*.nc")), strict=True):
        call("equal_in_xarray", str(part), path)


def test_the_command_line_joins_a_year(months: list[str]) -> None:
    done = CliRunner().invoke(main, ["concat", "m*.nc", "-o", "year.nc", "--axis", "time"])
    assert done.exit_code == 0, done.output
    call("same_in_xarray", "year.nc", months)
