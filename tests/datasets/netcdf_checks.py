"""What joined netCDF files have to hold, looked at in a process without h5py: see `climate`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import netCDF4
import numpy as np


def joined(
    paths: Sequence[str],
    out: str,
    expected: dict[str, list[float]] | None = None,
    skipped: Sequence[str] = (),
) -> None:
    """Check a file against its inputs: names, order, types, attributes, dimensions and values.

    Parameters
    ----------
    paths, out
    expected : mapping, optional
        Values of variables that are not the inputs' stored numbers one after the other.
    skipped
        Facts of variables that may differ.
    """
    files = [netCDF4.Dataset(path) for path in paths]
    with netCDF4.Dataset(out) as found:
        try:
            _check_group(files, found, expected or {}, skipped)
        finally:
            for file in files:
                file.close()


def _check_group(
    files: Sequence[Any], found: Any, expected: dict[str, list[float]], skipped: Sequence[str]
) -> None:
    first, where = files[0], found.path
    _same(f"attributes of {where}", _attributes(found), _attributes(first))
    wanted = [
        (
            name,
            sum(len(f.dimensions[name]) for f in files) if name == "time" else len(dimension),
            dimension.isunlimited(),
        )
        for name, dimension in first.dimensions.items()
    ]
    dimensions = found.dimensions.values()
    _same(f"dimensions of {where}", [(d.name, len(d), d.isunlimited()) for d in dimensions], wanted)
    _same(f"variables of {where}", list(found.variables), list(first.variables))
    for name, variable in first.variables.items():
        here = found[name]
        for fact, value in _facts(variable).items():
            if fact not in skipped:
                _same(f"{fact} of {name}", _facts(here)[fact], value)
        if name in expected:
            values = np.asarray(expected[name], variable.dtype).reshape(here.shape)
        else:
            values = _joined_values([file[name] for file in files])
        np.testing.assert_array_equal(_stored(here), values, err_msg=name)
    _same(f"groups of {where}", list(found.groups), list(first.groups))
    for name in first.groups:
        inside = [file.groups[name] for file in files]
        _check_group(inside, found.groups[name], expected, skipped)


def _same(what: str, found: Any, wanted: Any) -> None:
    assert found == wanted, f"{what}: {found} in place of {wanted}"


def _facts(variable: Any) -> dict[str, Any]:
    return {
        "name": variable.name,
        "dimensions": variable.dimensions,
        "type": str(variable.datatype),
        "endian": variable.endian() if getattr(variable.dtype, "itemsize", 1) > 1 else "",
        "filters": variable.filters() if variable.ndim else None,
        "chunks": variable.chunking(),
        "attributes": _attributes(variable),
    }


def _attributes(item: Any) -> list[tuple[str, str, str]]:
    pairs = ((name, item.getncattr(name)) for name in item.ncattrs())
    return [(name, repr(value), str(getattr(value, "dtype", ""))) for name, value in pairs]


def _stored(variable: Any) -> Any:
    variable.set_auto_maskandscale(False)
    return variable[...]


def _joined_values(variables: Sequence[Any]) -> Any:
    first = variables[0]
    if "time" not in first.dimensions:
        return _stored(first)
    return np.concatenate(list(map(_stored, variables)), axis=first.dimensions.index("time"))


def agrees(one: str, other: str, without: Sequence[str] = ()) -> None:
    """Check that a file has all that another one has: unpacked values, and times as dates.

    Parameters
    ----------
    one, other
    without
        Variables that the other one lacks.
    """
    with netCDF4.Dataset(one) as a, netCDF4.Dataset(other) as b:
        _agree(a, b, without)


def _agree(a: Any, b: Any, without: Sequence[str]) -> None:
    _same(f"variables of {a.path}", set(a.variables).difference(without), set(b.variables))
    for name, there in b.variables.items():
        found, wanted = _decoded(a[name], a), _decoded(there, b)
        _same(f"dimensions of {name}", a[name].dimensions, there.dimensions)
        _same(f"missing in {name}", _mask(found), _mask(wanted))
        np.testing.assert_array_equal(np.ma.compressed(found), np.ma.compressed(wanted), name)
    for name in a.groups:
        _agree(a.groups[name], b.groups[name], without)


def _mask(values: Any) -> Any:
    return np.ma.getmaskarray(values).tolist()


def _decoded(variable: Any, file: Any) -> Any:
    time = file.variables.get("time")
    counts = time is not None and variable.name in ("time", getattr(time, "bounds", None))
    if counts and "since" in getattr(time, "units", ""):
        return netCDF4.num2date(variable[...], time.units, time.calendar)
    return variable[...]


def as_xarray(one: str, paths: Sequence[str]) -> None:
    """Check the values and names of a file against those that xarray gives after joining."""
    import xarray as xr
    from climate import concatenated

    wanted = concatenated([xr.open_dataset(path) for path in paths])
    with xr.open_dataset(one) as found:
        xr.testing.assert_equal(found.load(), wanted.load())
