"""netCDF files are cut and brought back with all that they hold, by undo and through Zarr."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import zarr
from datasets.climate import call
from datasets.test_netcdf_cases import CASES

import concatsplit_core as cs

NOT_IN_ZARR = {"enums", "compounds", "without_coordinate"}
"""Cases with types that Zarr lacks, and with one array, which is the store itself."""


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


def test_bounds_do_not_get_the_units_of_their_coordinate() -> None:
    call("netcdf_cases.make", "records", (5,))
    cs.concat("in0.nc", "copy.nc")
    call("netcdf_checks.joined", ["in0.nc"], "copy.nc")


@pytest.mark.parametrize("path", ["x.h5", "x.nc"])
def test_undo_keeps_the_names_of_an_enum(path: str) -> None:
    names = {"dry": 0, "wet": 1}
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=np.arange(4) % 2, dtype=h5py.enum_dtype(names, "u1"))
    cs.split(f"{path}::x", f"part{{index}}.{path[2:]}::x", parts=2, manifest="run.json")
    cs.undo("run.json", f"again{path}::x")
    with h5py.File(f"again{path}") as file:
        assert h5py.check_enum_dtype(file["x"].dtype) == names


def test_texts_are_letters_in_netcdf_where_nothing_else_is_known() -> None:
    """NC_CHAR is the type that programs for classic files know; NC_STRING is kept where it was."""
    group = zarr.create_group("a.zarr", attributes={"title": "plain", "place": "Zürich"})
    group.create_array("x", data=np.arange(2.0), attributes={"units": "K"})
    group.create_array("y", data=np.arange(2.0))
    cs.concat("a.zarr", "y.nc", history=True)
    with h5py.File("y.nc") as file:
        kinds = {name: file.attrs.get_id(name).dtype.kind for name in file.attrs}
        assert kinds.items() >= {"title": "S", "place": "O", "history": "S"}.items()
        assert file["x"].attrs["units"] == b"K"
    with h5py.File("y.nc", "r+") as file:
        file.attrs["title"] = "of any length"
    cs.concat("y.nc", "z.nc")
    with h5py.File("z.nc") as file:
        assert file.attrs["title"] == "of any length"
