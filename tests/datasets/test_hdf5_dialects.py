"""HDF5 files of other names: what programs want of them beside the arrays."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

import concatsplit_core as cs
from concatsplit_core.formats.hdf5 import structure
from concatsplit_core.foundation.errors import UsageError

X = np.arange(40, dtype="<f8").reshape(10, 4)
BLOCK = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM"


@pytest.mark.parametrize("suffix", ["h5ad", "nwb", "nxs", "mat", "keras", "loom"])
def test_outputs_of_other_names_are_hdf5(tmp_path: Path, suffix: str) -> None:
    with h5py.File(tmp_path / f"in.{suffix}", "w") as file:
        file["group/x"], file["y"] = X, X
        file["group"].attrs["NX_class"] = "NXdata"
    cs.split(str(tmp_path / f"in.{suffix}"), str(tmp_path / f"p{{index}}.{suffix}"), parts=2)
    for index in range(2):
        with h5py.File(tmp_path / f"p{index}.{suffix}") as file:
            assert file["group"].attrs["NX_class"] == "NXdata"
            np.testing.assert_array_equal(file["group/x"], np.split(X, 2)[index])


@pytest.mark.parametrize("suffix", ["nwb", "nxs", "mat", "keras", "loom"])
def test_one_array_stays_where_its_program_looks_for_it(tmp_path: Path, suffix: str) -> None:
    with h5py.File(tmp_path / f"in.{suffix}", "w") as file:
        file["group/x"] = X
        file["group"].attrs["NX_class"] = "NXdata"
    cs.concat([str(tmp_path / f"in.{suffix}")] * 2, str(tmp_path / f"y.{suffix}"))
    with h5py.File(tmp_path / f"y.{suffix}") as file:
        assert file["group"].attrs["NX_class"] == "NXdata"
        np.testing.assert_array_equal(file["group/x"], np.concatenate([X, X]))


@pytest.fixture
def matlab(tmp_path: Path) -> Path:
    """A file as MATLAB 7.3 writes it."""
    path = tmp_path / "in.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_dataset("x", data=X).attrs["MATLAB_class"] = np.bytes_("double")
        file.create_dataset("y", data=X[:, 0], chunks=(3,), compression="gzip")
    with path.open("r+b") as file:
        file.write(BLOCK)
    return path


def test_a_data_set_keeps_the_user_block(tmp_path: Path, matlab: Path) -> None:
    record = str(tmp_path / "m.json")
    cs.split(str(matlab), str(tmp_path / "p{index}.mat"), parts=2, manifest=record)
    cs.concat([str(tmp_path / "p0.mat"), str(tmp_path / "p1.mat")], str(tmp_path / "joined.mat"))
    cs.undo(record, str(tmp_path / "again.mat"))
    assert cs.verify(record).exit_code == 0
    for name in ("p0", "p1", "joined", "again"):
        path = tmp_path / f"{name}.mat"
        assert path.read_bytes()[:512] == BLOCK.ljust(512, b"\0")
        with h5py.File(path) as file:
            assert file.userblock_size == 512
            assert file["x"].attrs["MATLAB_class"] == b"double"
            rows = {"p0": X[:5], "p1": X[5:]}.get(name, X)
            np.testing.assert_array_equal(file["x"], rows)
            np.testing.assert_array_equal(file["y"], rows[:, 0])


def test_elements_behind_a_user_block_move_as_they_lie(tmp_path: Path, matlab: Path) -> None:
    result = cs.concat([f"{matlab}::x"] * 2, str(tmp_path / "x.npy"))
    assert set(result.plan.routes) <= {"kernel", "mapped"}
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), np.concatenate([X, X]))


def test_a_large_user_block_is_left_out_with_a_note(
    tmp_path: Path, matlab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(structure, "_MOST_USER_BLOCK", 256)
    result = cs.split(str(matlab), str(tmp_path / "p{index}.mat"), parts=2)
    assert any("user block of 512 bytes is left out" in note for note in result.notes)
    with h5py.File(tmp_path / "p0.mat") as file:
        assert file.userblock_size == 0


@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
def test_files_of_anndata_are_left_to_anndata(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "in.h5ad"
    with h5py.File(path, "w") as file:
        file.attrs["encoding-type"] = "anndata"
        file["X"], file["obs/batch"], file["var/name"] = X, X[:, 0], X[0]
    if suffix == "zarr":
        cs.concat(str(path), str(tmp_path / "in.zarr"))  # a copy is as consistent
        path = tmp_path / "in.zarr"
    axes = ["X=0", "*=carry"]
    with pytest.raises(UsageError, match="concat_on_disk"):
        cs.concat([str(path)] * 2, str(tmp_path / f"out.{suffix}"), axis=axes)
    with pytest.raises(UsageError, match="concat_on_disk"):
        cs.split(str(path), str(tmp_path / f"p{{index}}.{suffix}"), parts=2, axis=axes)
    cs.concat([f"{path}::X"] * 2, str(tmp_path / "x.npy"))
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), np.concatenate([X, X]))
    assert {p.name for p in tmp_path.iterdir()} == {"in.h5ad", path.name, "x.npy"}


@pytest.mark.parametrize("numbered", [True, False])
def test_netcdf_is_known_by_its_dimensions(tmp_path: Path, numbered: bool) -> None:
    """As in files of older netCDF libraries, and in our own: they have no `_NCProperties`."""
    with h5py.File(tmp_path / "in.nc", "w") as file:
        for number, (name, length) in enumerate({"x": 10, "y": 4, "z": 3}.items()):
            scale = file.create_dataset(name, (length,), "f4")
            scale.make_scale(f"This is a netCDF dimension but not a netCDF variable.{length:10d}")
            if numbered:
                scale.attrs["_Netcdf4Dimid"] = np.int32(number)
        file["v"] = X
        for axis, name in enumerate("xy"):
            file["v"].dims[axis].attach_scale(file[name])
        file.attrs["title"] = "kept"
    cs.split(str(tmp_path / "in.nc"), str(tmp_path / "p{index}.nc"), parts=2, axis="x")
    cs.split(str(tmp_path / "p1.nc"), str(tmp_path / "q{index}.nc"), parts=5, axis="x")
    with h5py.File(tmp_path / "q4.nc") as file:
        np.testing.assert_array_equal(file["v"], X[-1:])
        assert file.attrs["title"] == "kept"
        dimensions = ("x", "y", "z")
        assert [file[name].attrs["_Netcdf4Dimid"] for name in dimensions] == [0, 1, 2]
        assert [len(file[name]) for name in dimensions] == [1, 4, 3]


def test_a_stale_index_of_a_table_is_left_out(tmp_path: Path) -> None:
    """PyTables would look rows up in it: it has their numbers as they were."""
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["df/table"], file["df/other"] = X[:, 0], X
        for path, kind in (("df/_i_table", "TINDEX"), ("df/_i_table/a", "INDEX")):
            file.require_group(path).attrs["CLASS"] = np.bytes_(kind)
        file["df/_i_table/a/sorted"] = np.arange(10)
    source, out = str(tmp_path / "in.h5"), str(tmp_path / "out.h5")
    assert not cs.concat(source, out).notes  # a copy has the same rows
    for axis, is_kept in (("*table=0", False), ("*other=1", True)):
        notes = cs.concat([source] * 2, out, axis=[axis, "*=carry"], force=True).notes
        assert any("the index of 'df/table' is left out" in note for note in notes) != is_kept
        with h5py.File(out) as file:
            assert ("df/_i_table/a/sorted" in file) == ("_i_table" in file["df"]) == is_kept
            assert len(file["df/table"]) == (10 if is_kept else 20)


@pytest.mark.parametrize("name", ["wind_t", "_t"])
def test_attributes_of_files_have_the_types_of_the_file(tmp_path: Path, name: str) -> None:
    """Also one that is called as a new type would be."""
    with h5py.File(tmp_path / "in.nc", "w") as file:
        file.attrs["_NCProperties"] = "version=2"
        file[name] = np.dtype([("speed", "f4"), ("angle", "i2")])
        file.create_dataset("v", (4,), dtype=file[name])
        file.attrs.create("calm", np.zeros((), file[name].dtype), dtype=file[name])
    cs.concat([str(tmp_path / "in.nc")] * 2, str(tmp_path / "out.nc"))
    with h5py.File(tmp_path / "out.nc") as file:
        for place in (file["v"].id, h5py.h5a.open(file.id, b"calm")):
            assert place.get_type().equal(file[name].id)
            assert place.get_type().committed()
        assert [key for key in file if isinstance(file[key], h5py.Datatype)] == [name]
