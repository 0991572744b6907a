"""A year of monthly netCDF files, joined to one."""

from __future__ import annotations

from math import prod

from benchmarks.bounds import FasterThan, PeakMemory
from benchmarks.cases.commands import cat, ours, peer
from benchmarks.model import Case, Check, Contestant, Role
from benchmarks.sizes import FIELDS, ITEM_BYTES, MONTHS, Sizes


def netcdf_cases(sizes: Sizes) -> list[Case]:
    """All cases of netCDF data sets."""
    inputs = tuple(f"a-months/{month:02d}.nc" for month in range(MONTHS))
    out = "out/year.nc"
    check = Check(0, out, inputs)
    contestants = (
        ours("concat", inputs, out, "--axis", "time", check=check),
        cat(*inputs),
        Contestant("ncrcat", Role.PEER, ("ncrcat", "-h", *inputs, "-o", out), check),
        peer(
            "xarray",
            "xarray_join",
            "concat",
            inputs,
            out,
            check=check,
            needs=("xarray", "dask", "netCDF4"),
        ),
    )
    bounds = (FasterThan(5, ("ncrcat",)), FasterThan(10, ("xarray",)), PeakMemory())
    array_bytes = MONTHS * len(FIELDS) * prod(sizes.month_shape) * ITEM_BYTES
    title = f"{MONTHS} monthly files of 7 variables, gzip 1 with shuffle"
    return [Case("netcdf/year", title, array_bytes, ("a-months",), contestants, bounds)]
