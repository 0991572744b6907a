"""Monthly netCDF files are joined as ncrcat and xarray do it, and open in netCDF-C and xarray."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import xarray as xr

import concatsplit_core as cs

MONTHS = (3, 1, 4)


def month(path: str, first: int, length: int, **how: Any) -> str:
    """A file as climate models write them: a record axis, bounds, coordinates, a constant field."""
    rng = np.random.default_rng(first)
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("time", None if how.get("unlimited", True) else length)
        file.createDimension("lat", 4)
        file.createDimension("lon", 5)
        file.createDimension("bnds", 2)
        file.title = "a model"
        file.history = "made"
        time = file.createVariable("time", "f8", ("time",))
        time.units = how.get("units", "days since 2000-01-01")
        time.calendar = "standard"
        time.bounds = "time_bnds"
        start = first - how.get("shift", 0)
        time[:] = start + np.arange(length) + 0.5
        bounds = file.createVariable("time_bnds", "f8", ("time", "bnds"))
        bounds[:] = start + np.arange(length)[:, None] + np.arange(2.0)
        lat = file.createVariable("lat", "f4", ("lat",))
        lat[:] = np.linspace(-60, 60, 4)
        lat.units = "degrees_north"
        lon = file.createVariable("lon", "f4", ("lon",))
        lon[:] = np.arange(5) * 72
        t2m = file.createVariable(
            "t2m", "f4", ("time", "lat", "lon"), zlib=True, fill_value=np.float32(-999)
        )
        t2m.units, t2m.long_name = "K", "2 metre temperature"
        values = rng.random((length, 4, 5)).astype("f4")
        t2m[:] = np.ma.masked_where(values < 0.1, values)
        packed = file.createVariable("rain", "i2", ("time", "lat", "lon"), fill_value=-1)
        packed.scale_factor, packed.add_offset = 0.01, 5.0
        packed.set_auto_scale(False)
        packed[:] = rng.integers(0, 999, (length, 4, 5))
        orography = file.createVariable("orog", "f4", ("lat", "lon"))
        orography[:] = np.arange(20).reshape(4, 5)
        file.createVariable("crs", "i4", ()).grid_mapping_name = "latitude_longitude"
        file["crs"][...] = 1
    return path


@pytest.fixture
def months() -> list[str]:
    """Files of a few days each."""
    first, paths = 0, []
    for number, length in enumerate(MONTHS):
        paths.append(month(f"m{number}.nc", first, length))
        first += length
    return paths


def ncrcat(paths: Sequence[str], out: str) -> None:
    subprocess.run(["ncrcat", "-h", "--no_cll_mth", *paths, out], check=True, capture_output=True)


def xarrays(paths: Sequence[str], out: str) -> None:
    opened = [xr.open_dataset(path, decode_cf=False) for path in paths]
    joined = concatenated(opened)
    for variable in joined.variables.values():
        variable.encoding.setdefault("_FillValue", None)
    joined.to_netcdf(out, unlimited_dims=["time"])


def concatenated(opened: Sequence[xr.Dataset]) -> xr.Dataset:
    """Months as xarray joins them."""
    return xr.concat(
        opened, "time", data_vars="minimal", coords="minimal", compat="override", join="override"
    )


def same_in_netcdf(one: str, other: str) -> None:
    """Variables, dimensions, types, values and attributes, as netCDF-C has them."""
    with netCDF4.Dataset(one) as a, netCDF4.Dataset(other) as b:
        assert list(a.dimensions) == list(b.dimensions) or set(a.dimensions) == set(b.dimensions)
        for name, dimension in a.dimensions.items():
            assert len(dimension) == len(b.dimensions[name]), name
            assert dimension.isunlimited() == b.dimensions[name].isunlimited(), name
        assert set(a.variables) == set(b.variables)
        assert {k: a.getncattr(k) for k in a.ncattrs()} == {k: b.getncattr(k) for k in b.ncattrs()}
        for name, variable in a.variables.items():
            other_one = b.variables[name]
            assert variable.dimensions == other_one.dimensions, name
            assert variable.dtype == other_one.dtype, name
            assert {k: str(variable.getncattr(k)) for k in variable.ncattrs()} == {
                k: str(other_one.getncattr(k)) for k in other_one.ncattrs()
            }, name
            variable.set_auto_maskandscale(False)
            other_one.set_auto_maskandscale(False)
            np.testing.assert_array_equal(variable[...], other_one[...], err_msg=name)


@pytest.mark.parametrize("peer", [ncrcat, xarrays])
def test_months_are_joined_as_others_do_it(
    months: list[str], peer: Callable[[Sequence[str], str], None]
) -> None:
    if peer is ncrcat and shutil.which("ncrcat") is None:
        pytest.skip("NCO is not installed")
    peer(months, "peer.nc")
    cs.concat(months, "ours.nc", axis="time")
    same_in_netcdf("ours.nc", "peer.nc")


def test_xarray_opens_the_year_with_its_times(months: list[str]) -> None:
    cs.concat(months, "year.nc", axis="time")
    wanted = concatenated([xr.open_dataset(path) for path in months])
    with xr.open_dataset("year.nc") as found:
        xr.testing.assert_identical(found.load(), wanted.load())


def test_times_are_rebased_with_their_bounds(months: list[str]) -> None:
    months[1] = month("other.nc", 3, 1, units="days since 2000-01-03", shift=2)
    cs.concat(months, "year.nc", axis="time")
    with netCDF4.Dataset("year.nc") as file:
        np.testing.assert_array_equal(file["time"][:], np.arange(8) + 0.5)
        np.testing.assert_array_equal(file["time_bnds"][:, 0], np.arange(8))


def test_a_year_goes_to_zarr_and_back(months: list[str]) -> None:
    cs.concat(months, "year.zarr", axis="time")
    cs.split("year.zarr", "part-{index}.nc", axis="time", lengths=MONTHS)
    for path, part in zip(months, sorted(Path().glob("part-*.nc")), strict=True):
        with xr.open_dataset(path) as wanted, xr.open_dataset(part) as found:
            xr.testing.assert_equal(found.load(), wanted.load())


def test_the_command_line_joins_a_year(months: list[str]) -> None:
    from click.testing import CliRunner

    from concatsplit_cli.main import main

    done = CliRunner().invoke(main, ["concat", "m*.nc", "-o", "year.nc", "--axis", "time"])
    assert done.exit_code == 0, done.output
    assert len(months) == 3
    with netCDF4.Dataset("year.nc") as file:
        assert len(file.dimensions["time"]) == 8
