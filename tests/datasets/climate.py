"""Monthly files, what other programs make of them, and comparisons, in a process without h5py.

netCDF4 and h5py each bring an HDF5 library, and these do not mix. The process is started once; it
reads a function's name and arguments from each line, and answers with its error, if any.
"""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any


@cache
def _child() -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-W", "ignore", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(child.kill)
    return child


def call(function: str, *args: Any, **more: Any) -> None:
    """Call a function of this module, or ``MODULE.FUNCTION``, in the other process."""
    import os

    child = _child()
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(json.dumps([os.getcwd(), function, args, more]) + "\n")
    child.stdin.flush()
    error = json.loads(child.stdout.readline())
    assert error is None, error


def month(path: str, first: int, length: int, **how: Any) -> str:
    """A file as climate models write them: a record axis, bounds, coordinates, a constant field."""
    import netCDF4
    import numpy as np

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


def ncrcat(paths: Sequence[str], out: str) -> None:
    subprocess.run(["ncrcat", "-h", "--no_cll_mth", *paths, out], check=True, capture_output=True)


def xarrays(paths: Sequence[str], out: str) -> None:
    import xarray as xr

    opened = [xr.open_dataset(path, decode_cf=False) for path in paths]
    joined = concatenated(opened)
    for variable in joined.variables.values():
        variable.encoding.setdefault("_FillValue", None)
    joined.to_netcdf(out, unlimited_dims=["time"])


def concatenated(opened: Sequence[Any]) -> Any:
    """Months as xarray joins them."""
    import xarray as xr

    return xr.concat(
        opened, "time", data_vars="minimal", coords="minimal", compat="override", join="override"
    )


def same_in_netcdf(one: str, other: str) -> None:
    """Compare variables, dimensions, types, values and attributes, as netCDF-C has them."""
    import netCDF4
    import numpy as np

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


def same_in_xarray(one: str, months: Sequence[str]) -> None:
    """Compare a file with what xarray makes of months, times and missing values decoded."""
    import xarray as xr

    wanted = concatenated([xr.open_dataset(path) for path in months])
    with xr.open_dataset(one) as found:
        xr.testing.assert_identical(found.load(), wanted.load())


def equal_in_xarray(one: str, other: str) -> None:
    """Compare the values and names of two files."""
    import xarray as xr

    with xr.open_dataset(one) as found, xr.open_dataset(other) as wanted:
        xr.testing.assert_equal(found.load(), wanted.load())


def holds(path: str, name: str, values: Sequence[float]) -> None:
    """Compare one variable with a list."""
    import netCDF4
    import numpy as np

    with netCDF4.Dataset(path) as file:
        np.testing.assert_array_equal(np.ravel(file[name][...]), values)


def _serve() -> None:
    import os
    import traceback
    from importlib import import_module

    sys.modules["dask"] = None  # xarray would load it for nothing
    for line in sys.stdin:
        folder, function, args, more = json.loads(line)
        os.chdir(folder)
        try:
            module, _, name = function.rpartition(".")
            found = vars(import_module(module)) if module else globals()
            found[name](*args, **more)
            print("null", flush=True)
        except BaseException:
            print(json.dumps(traceback.format_exc()), flush=True)


if __name__ == "__main__":
    _serve()
