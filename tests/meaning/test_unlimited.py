"""Arrays shorter than their unlimited dimension: netCDF readers see fill values behind the end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import readers

import concatsplit_core as cs

_MAKE = """
import netCDF4, numpy as np
file = netCDF4.Dataset("short.nc", "w")
for name, length in dict(t=None, n=None, x=3).items():
    file.createDimension(name, length)
t = file.createVariable("t", "f8", ("t",)); t[:] = [1, 2]
file.createVariable("long", "f4", ("t", "x"))[:] = np.ones((5, 3))
for name, kind, more in (
    ("set", "i4", dict(fill_value=-9)), ("unset", "i2", {}), ("packed", "f8", dict(zlib=True)),
    ("wide", "u1", dict(fill_value=False)), ("twice", "i4", dict(chunksizes=(4, 2))),
):
    file.createVariable(name, kind, ("t", "x"), **more)[0:2] = np.arange(6).reshape(2, 3)
file.createVariable("none", "i8", ("t", "x"))
file.createVariable("text", str, ("t",))[0:2] = np.array(["a", "bb"], object)
file.createVariable("char", "S1", ("t", "x"))[0:1] = np.array([[b"a", b"b", b"c"]])
file.createVariable("both", "i4", ("n", "t"))[0:2, 0:1] = 7
file.createVariable("n", "i4", ("n",))[:] = [1, 2, 3]
file.close()
"""
NAMES = (
    "t", "set", "unset", "packed", "wide", "twice", "none", "text", "char", "long",
)  # fmt: skip


@pytest.fixture(scope="module")
def short_nc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("short")
    subprocess.run([sys.executable, "-W", "ignore", "-c", _MAKE], cwd=folder, check=True)
    return folder / "short.nc"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_an_array_is_as_long_as_its_unlimited_dimension(
    here: Path, short_nc: Path, name: str
) -> None:
    whole = readers.netcdf(short_nc, name)
    ref = f"{short_nc}::{name}"
    assert cs.info(ref)[0].shape == whole.values.shape
    cs.concat([ref, ref], f"y.nc::{name}", axis=-1)
    made = readers.netcdf("y.nc", name)
    assert made.values.tolist() == np.concatenate([whole.values] * 2, -1).tolist()
    cs.split(ref, ["a.nc", "b.nc"], lengths=[1, -1])
    for part, values in (("a.nc", whole.values[:1]), ("b.nc", whole.values[1:])):
        made = readers.netcdf(part, "data")
        assert made.values.tolist() == values.tolist()
        assert made.dims == whole.dims
        assert made.unlimited == whole.unlimited


def test_two_axes_that_are_shorter(here: Path, short_nc: Path) -> None:
    expected = np.full((3, 5), -2147483647)
    expected[:2, 0] = 7
    assert cs.fetch(f"{short_nc}::both").tolist() == expected.tolist()


def test_an_array_of_hdf5_is_as_long_as_it_is(here: Path) -> None:
    with h5py.File("a.h5", "w") as file:
        scale = file.create_dataset("t", data=np.arange(2), maxshape=(None,))
        scale.make_scale("t")
        for name, length in (("short", 2), ("long", 5)):
            made = file.create_dataset(name, data=np.arange(length), maxshape=(None,))
            made.dims[0].attach_scale(scale)
    for name, length in (("t", 2), ("short", 2), ("long", 5)):
        assert cs.info(f"a.h5::{name}")[0].shape == (length,)


@pytest.mark.parametrize("dtype", ["S3", h5py.string_dtype("utf-8", 3), "i4", "?"])
def test_stack_of_scalars_of_any_type(here: Path, dtype: Any) -> None:
    with h5py.File("a.h5", "w") as file:
        kind = h5py.h5t.py_create(np.dtype(dtype), logical=True)
        if isinstance(kind, h5py.h5t.TypeStringID):
            kind.set_strpad(h5py.h5t.STR_NULLTERM)
        space = h5py.h5s.create(h5py.h5s.SCALAR)
        h5py.Dataset(h5py.h5d.create(file.id, b"v", kind, space))[()] = 1
    with h5py.File("a.h5") as file:
        expected = [file["v"][()]] * 2
    cs.stack(["a.h5", "a.h5"], "y.h5")
    with h5py.File("y.h5") as file:
        assert file["data"][:].tolist() == expected
