"""A folder to work in, and inputs that say what they mean in each format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

Make = Callable[..., str]


@pytest.fixture(params=["h5", "nc", "zarr2", "zarr3"])
def make(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes an array ``NAME`` with attributes, in one of the formats that have them."""
    monkeypatch.chdir(tmp_path)
    return MAKERS[request.param]


def in_hdf5(name: str, data: Any, missing: Any = None, **attrs: Any) -> str:
    return _in_file(f"{name}.h5", data, missing, attrs)


def in_netcdf(name: str, data: Any, missing: Any = None, **attrs: Any) -> str:
    return _in_file(f"{name}.nc", data, missing, attrs)


def _in_file(path: str, data: Any, missing: Any, attrs: dict[str, Any]) -> str:
    with h5py.File(path, "w") as file:
        made = file.create_dataset("v", data=np.asarray(data), chunks=(2,))
        if missing is not None:
            made.attrs["_FillValue"] = np.asarray([missing], made.dtype)
        for key, value in attrs.items():
            made.attrs[key] = value
        made.dims[0].label = "x"
        if path.endswith(".nc"):
            file.create_dataset("x", data=np.zeros(len(made), ">f4")).make_scale(
                f"This is a netCDF dimension but not a netCDF variable.{len(made):10d}"
            )
            made.dims[0].attach_scale(file["x"])
    return f"{path}::v"


def in_zarr2(name: str, data: Any, missing: Any = None, **attrs: Any) -> str:
    return _in_store(name, data, 2, {"fill_value": missing}, attrs | {"_ARRAY_DIMENSIONS": ["x"]})


def in_zarr3(name: str, data: Any, missing: Any = None, **attrs: Any) -> str:
    from concatsplit_core.meaning.missing import to_zarr3

    dtype = np.asarray(data).dtype
    if missing is not None:
        attrs["_FillValue"] = to_zarr3(dtype.type(missing), dtype)
    return _in_store(name, data, 3, {"dimension_names": ["x"]}, attrs)


def _in_store(name: str, data: Any, form: Any, more: Any, attrs: dict[str, Any]) -> str:
    data = np.asarray(data)
    group = zarr.open_group(f"{name}.zarr", mode="w", zarr_format=form)
    made = group.create_array(
        "v", shape=data.shape, dtype=data.dtype, chunks=(2,), attributes=attrs, **more
    )
    made[...] = data
    return f"{name}.zarr::v"


MAKERS: dict[str, Make] = {
    "h5": in_hdf5, "nc": in_netcdf, "zarr2": in_zarr2, "zarr3": in_zarr3,
}  # fmt: skip


@pytest.fixture
def read() -> Callable[[str], Any]:
    """Reads an output of the library back through it: elements, meaning and all."""
    from concatsplit_core.endpoints.inputs import open_ref
    from concatsplit_core.run.loading import load

    def found(ref: str) -> tuple[np.ndarray, Any]:
        source = open_ref(ref)
        try:
            return load(source), source.storage.meaning
        finally:
            source.close()

    return found
