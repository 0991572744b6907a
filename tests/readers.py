"""What other programs read: netCDF-C and xarray, in a process without h5py.

netCDF4 and h5py each bring an HDF5 library, and the two do not mix. The process is started once; it
is asked for one variable after another, and answers with the variable or with an error.
"""

from __future__ import annotations

import atexit
import base64
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

_SERVER = """
import base64, io, json, os, sys, warnings
sys.modules["dask"] = None  # xarray would load it, and needs it for nothing here
import netCDF4, numpy as np, xarray as xr
warnings.simplefilter("ignore")

def plain(value):
    if isinstance(value, np.ndarray): return plain(value.tolist())
    if isinstance(value, np.generic): return plain(value.item())
    if isinstance(value, (list, tuple)): return [plain(each) for each in value]
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)

def netcdf(path, group):
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        inside = file[group] if group else file
        return {name: answer(lambda: (
            found[...], found.dimensions, {k: found.getncattr(k) for k in found.ncattrs()},
            [d.name for d in found.get_dims() if d.isunlimited()], sorted(inside.variables),
        )) for name, found in inside.variables.items()}

def xarray(path, group):
    how = {"engine": "netcdf4"}
    if path.endswith(".zarr"): how = {"engine": "zarr", "consolidated": False}
    with xr.open_dataset(path, group=group or None, **how) as file:
        return {name: answer(lambda: (
            found.values, found.dims, found.attrs, [], sorted(file.variables)
        )) for name, found in file.variables.items()}

def answer(look):
    try:
        array, dims, attrs, unlimited, names = look()
        array = np.asarray(array)
        if array.dtype.kind == "O": array = array.astype("U")
        data = io.BytesIO(); np.lib.format.write_array(data, np.asarray(array, order="C"))
        return {"data": base64.b64encode(data.getvalue()).decode(), "dims": list(dims),
                "attrs": {k: plain(v) for k, v in attrs.items()}, "unlimited": unlimited,
                "names": names}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}

kept = {}
def answers(how, path, group):
    # a file that has not changed is opened once for all its variables
    status = os.stat(path)
    facts = path, group, status.st_ino, status.st_mtime_ns, status.st_size
    if os.path.isdir(path) or kept.get(how, (None,))[0] != facts:
        kept[how] = facts, globals()[how](path, group)
    return kept[how][1]

for line in sys.stdin:
    how, path, name = json.loads(line)
    try:
        group, _, last = name.rpartition("/")
        found = answers(how, path, group)[last]
    except Exception as error:
        found = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(found), flush=True)
"""


@dataclass(frozen=True)
class Variable:
    """A variable as another program has it."""

    values: np.ndarray
    dims: tuple[str | None, ...]
    attrs: dict[str, Any]
    unlimited: tuple[str, ...]
    names: tuple[str, ...]
    """Of all variables of its group."""


@cache
def _server() -> subprocess.Popen[str]:
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(_end, server)
    return server


def _end(server: subprocess.Popen[str]) -> None:
    server.communicate()


def _ask(how: str, path: Any, name: str) -> Variable:
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps([how, os.path.abspath(path), name]) + "\n")
    server.stdin.flush()
    answer = json.loads(server.stdout.readline())
    assert "error" not in answer, f"{how} of {path}: {answer['error']}"
    data = io.BytesIO(base64.b64decode(answer["data"]))
    array = np.lib.format.read_array(data)
    dims, unlimited, names = (tuple(answer[key]) for key in ("dims", "unlimited", "names"))
    return Variable(array, dims, answer["attrs"], unlimited, names)


def netcdf(path: Any, name: str) -> Variable:
    """A variable as netCDF-C has it, numbers as they are stored."""
    return _ask("netcdf", path, name)


def xarray(path: Any, name: str) -> Variable:
    """A variable as xarray has it, decoded: times as times, missing values as NaN."""
    return _ask("xarray", path, name)
