"""Names of axes travel between all formats, through stacks and splits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import readers
import zarr

import concatsplit_core as cs
from concatsplit_core.foundation.errors import AxisError, UsageError
from concatsplit_core.meaning.dimensions import name_all_axes

OUTPUTS = {"nc": {}, "h5": {}, "zarr2": {"zarr_format": 2}, "zarr3": {"zarr_format": 3}}


@pytest.fixture(params=OUTPUTS)
def source(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An array with the axes y and x in each format."""
    monkeypatch.chdir(tmp_path)
    kind = request.param
    path = f"a.{kind}"[: 6 if "zarr" in kind else None]
    if kind == "h5":
        with h5py.File(path, "w") as file:
            made = file.create_dataset("v", data=np.ones((2, 3)))
            made.dims[0].label, made.dims[1].label = "y", "x"
    elif kind == "nc":
        with h5py.File(path, "w") as file:
            made = file.create_dataset("v", data=np.ones((2, 3)))
            for axis, name in enumerate("yx"):
                file[name] = np.arange(float(made.shape[axis]))
                file[name].make_scale(name)
                made.dims[axis].attach_scale(file[name])
    else:
        group = zarr.open_group(path, mode="w", zarr_format=int(kind[-1]))  # type: ignore[arg-type]
        more: Any = (
            {"dimension_names": ["y", "x"]}
            if kind == "zarr3"
            else {"attributes": {"_ARRAY_DIMENSIONS": ["y", "x"]}, "fill_value": None}
        )
        group.create_array("v", data=np.ones((2, 3)), **more) if kind == "zarr3" else _filled(
            group, more
        )
    return f"{path}::v"


def _filled(group: Any, more: dict[str, Any]) -> None:
    group.create_array("v", shape=(2, 3), dtype="f8", **more)[...] = 1


def names(ref: str) -> tuple[str | None, ...] | None:
    """What the format's own readers call the axes."""
    path, _, member = ref.partition("::")
    if path.endswith(".h5"):
        with h5py.File(path) as file:
            return tuple(d.label or None for d in file[member].dims)
    return readers.xarray(path, member).dims


@pytest.mark.parametrize("out", OUTPUTS)
def test_names_travel(source: str, out: str) -> None:
    y = f"y.{out[:4] if 'zarr' in out else out}::v"
    part = y.replace("y.", "p{index}.")
    options: Any = OUTPUTS[out]
    cs.concat([source, source], y, **options)
    assert names(y) == ("y", "x")
    cs.unstack(source, part, axis="x", **options)
    assert names(part.format(index=0)) == ("y",)
    cs.stack([source, source], y, axis=1, force=True, **options)
    first, new, last = names(y) or ()
    assert (first, last) == ("y", "x")
    assert new in ({None} if out in {"h5", "zarr3"} else {"x1"})
    cs.concat(y, "back.zarr::v")
    assert cs.info("back.zarr")[0].dims == (first, new, last)


def test_an_axis_is_called_by_its_name(source: str) -> None:
    cs.concat([source, source], "y.npy", axis="x")
    assert np.load("y.npy").shape == (2, 6)
    result = cs.split(source, "p{index}.npy", axis="x", size=2)
    assert [b.shape for b in result.outputs] == [(2, 2), (2, 1)]
    with pytest.raises(AxisError, match="no axis of that name: its axes are y, x"):
        cs.concat(source, "z.npy", axis="t")
    with pytest.raises(UsageError, match="a new axis has no name yet"):
        cs.stack([source, source], "z.npy", axis="x")
    with pytest.raises(AxisError, match="have no names; give a number"):
        cs.concat("y.npy", "z.npy", axis="x")


def test_a_label_shorter_than_the_rank_is_read(tmp_path: Path) -> None:
    path = str(tmp_path / "a.h5")
    with h5py.File(path, "w") as file:
        file["v"] = np.ones((2, 3, 4))
        file["v"].attrs["DIMENSION_LABELS"] = np.array(["a", "b"], object)
    assert cs.info(path)[0].dims == ("a", "b", None)


@pytest.mark.parametrize("form", [2, 3])
def test_images_have_the_names_of_their_multiscales(tmp_path: Path, form: int) -> None:
    path = str(tmp_path / "image.zarr")
    axes = [{"name": name, "type": "space"} for name in "zyx"]
    scales: Any = [{"axes": axes, "datasets": [{"path": "0"}, {"path": "1"}]}]
    attrs = {"multiscales": scales} if form == 2 else {"ome": {"multiscales": scales}}
    group = zarr.open_group(path, mode="w", zarr_format=form, attributes=attrs)  # type: ignore[arg-type]
    for name in ("0", "1", "other"):
        group.create_array(name, shape=(2, 3, 4), dtype="u1", fill_value=0)
    known = {blob.ref.rpartition("::")[2]: blob.dims for blob in cs.info(path)}
    assert known == {"0": ("z", "y", "x"), "1": ("z", "y", "x"), "other": None}
    out = str(tmp_path / "y.zarr")
    cs.concat(f"{path}::0", f"{out}::v", axis="z", zarr_format=2)
    metadata = json.loads((tmp_path / "y.zarr/v/.zarray").read_bytes())
    assert metadata["fill_value"] is None  # with names, readers would take zeros for missing


def test_every_axis_gets_a_name_of_its_own() -> None:
    assert name_all_axes(None, 3) == ("x0", "x1", "x2")
    assert name_all_axes(("x1", None, None), 3) == ("x1", "x2", "x3")
    assert name_all_axes((None, "x0"), 2) == ("x1", "x0")


@pytest.mark.parametrize("name", ["y.nc", "y.zarr", "y.h5"])
def test_two_axes_of_one_name(tmp_path: Path, name: str) -> None:
    """A covariance has one dimension twice, until one of the two axes gets another length."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        made = file.create_dataset("v", data=np.arange(9).reshape(3, 3))
        made.dims[0].label = made.dims[1].label = "x"
    source, ref = str(tmp_path / "a.h5"), f"{tmp_path / name}::v"
    cs.stack([source, source], ref, axis=2)
    assert cs.info(ref)[0].dims == ("x", "x", "x2" if name == "y.nc" else None)
    cs.concat([source, source], ref, axis=1, force=True)
    second = {"y.nc": "x1", "y.zarr": None, "y.h5": "x"}[name]
    assert cs.info(ref)[0].dims == ("x", second)
    if name != "y.h5":
        assert readers.xarray(tmp_path / name, "v").values.shape == (3, 6)
