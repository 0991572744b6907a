"""Bounds count in the units of their coordinate, which only the coordinate says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

import concatsplit_core as cs
from concatsplit_core.foundation.errors import MeaningMismatch


def _months(folder: Path, kind: str, unit: str = "days") -> list[str]:
    """Two files of a time axis with bounds, each counted from its own first day."""
    refs = []
    for month in (1, 2):
        attrs: dict[str, Any] = {"units": f"{unit} since 2020-0{month}-01", "bounds": "edges"}
        edges = np.array([[0, 1], [1, 2]], "f8")
        path = str(folder / f"m{month}.{kind[:4]}")
        if kind == "h5":
            with h5py.File(path, "w") as file:
                file["time"], file["edges"] = edges[:, 0], edges
                file["time"].attrs.update(attrs)
                file["gone"] = h5py.ExternalLink("nowhere.h5", "/x")
        else:
            group = zarr.open_group(path, mode="w", zarr_format=int(kind[-1]))  # type: ignore[arg-type]
            group.create_array("time", shape=(2,), dtype="f8").attrs.update(attrs)
            group.create_array("edges", shape=(2, 2), dtype="f8")[...] = edges
        refs.append(f"{path}::edges")
    return refs


@pytest.mark.parametrize("kind", ["h5", "zarr2", "zarr3"])
def test_bounds_are_joined_as_dates(tmp_path: Path, kind: str) -> None:
    refs = _months(tmp_path, kind)
    out = str(tmp_path / "y.zarr")
    cs.concat(refs, out)
    assert cs.fetch(out).tolist() == [[0, 1], [1, 2], [31, 32], [32, 33]]
    assert cs.info(out)[0].attrs["units"] == "days since 2020-01-01"
    with pytest.raises(MeaningMismatch, match="units"):
        cs.concat(refs, str(tmp_path / "z.zarr"), conflicts="refuse")


def test_other_arrays_beside_a_coordinate_have_no_units(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["time"], file["v"] = np.zeros(2), np.zeros((2, 2))
        file["time"].attrs.update({"units": "days since 2020-01-01", "bounds": "edges"})
    assert "units" not in cs.info(str(tmp_path / "a.h5::v"))[0].attrs
