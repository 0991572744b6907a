"""Data sets whose arrays have awkward names, and requests that fit them only in part."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np
import pytest
import zarr
from datasets.conftest import read, write

import concatsplit_core as cs
from concatsplit_core.foundation.errors import (
    InputUnavailable,
    MalformedInput,
    NameCollision,
    ShapeMismatch,
    UnsupportedDtype,
    UsageError,
)

X = np.arange(4)


@pytest.mark.parametrize("name", ["a.npz", "a.safetensors"])
def test_names_in_formats_without_groups_may_begin_alike(name: str) -> None:
    np.savez("in.npz", **{"a": X, "a/b": X + 1})
    cs.concat("in.npz", name)
    cs.split(name, f"part-{{index}}{Path(name).suffix}", parts=2, manifest="m.json")
    cs.undo("m.json", f"again{Path(name).suffix}")
    assert cs.diff("in.npz", f"again{Path(name).suffix}").equal
    with pytest.raises(NameCollision, match=r"a/b would lie inside .*--members"):
        cs.concat("in.npz", "y.h5")


@pytest.mark.parametrize("name", ["zarr.json", ".zarray", "g/.zgroup", ".zattrs/x", ".zmetadata"])
@pytest.mark.parametrize("store", ["s.zarr", "s.zarr.zip"])
def test_no_array_gets_the_name_of_a_document_of_zarr(name: str, store: str) -> None:
    cs.feed(f"{store}::x", X)
    with pytest.raises(NameCollision, match="calls a file of its own"):
        cs.feed(f"{store}::{name}", X)
    np.savez("in.npz", **{name: X, "y": X})
    with pytest.raises(NameCollision, match="calls a file of its own"):
        cs.concat("in.npz", f"new-{store}")
    cs.feed(f"{store}::y", X)
    assert cs.fetch(f"{store}::y").tolist() == X.tolist()


def test_an_array_without_a_name_is_refused() -> None:
    with zipfile.ZipFile("in.npz", "w") as archive:
        for name in ("", "x"):
            member = BytesIO()
            np.save(member, X)
            archive.writestr(f"{name}.npy", member.getvalue())
    with pytest.raises(MalformedInput, match=r"in.npz: one of its arrays has no name.*'\?\*'"):
        cs.concat(["in.npz", "in.npz"], "y-{array}.npy")
    cs.concat(["in.npz", "in.npz"], "y-{array}.npy", members="?*")
    assert np.load("y-x.npy").tolist() == [*X, *X]


def test_a_pattern_or_a_name_for_each_array_makes_a_data_set_of_one(suffix: str) -> None:
    ref = write(f"a.{suffix}", {"x": X})
    cs.concat([ref, ref], "y.h5", axis="x=0")
    assert {name: array.tolist() for name, array in read("y.h5").items()} == {"x": [*X, *X]}
    cs.concat([ref, ref], "y-{array}.npy")
    assert np.load("y-x.npy").tolist() == [*X, *X]
    np.save("a.npy", X)
    with pytest.raises(UsageError, match="is one array without a name"):
        cs.concat(["a.npy", "a.npy"], "z-{array}.npy")
    assert not Path("z-{array}.npy").exists()


def test_a_pattern_that_matches_nothing_is_noted() -> None:
    ref = write("a.npz", {"x": X, "y": X})
    result = cs.concat([ref, ref], "y.h5", axis=["xx=0", "*=0", "zz=carry"])
    assert result.notes == ("--axis 'xx=0': no array has such a name",)


def test_the_arrays_whose_length_is_unusual_are_listed_first() -> None:
    ref = write("a.npz", {f"x{i:02}": X for i in range(12)} | {"z": np.zeros(3)})
    with pytest.raises(ShapeMismatch, match=r"along --axis 0: 3 in z; 4 in x00, .* and 4 more;"):
        cs.split(ref, "p{index}.npz", parts=1)


def test_a_type_that_the_output_lacks_is_said_of_its_array() -> None:
    ref = write("a.npz", {"x": X, "half": X.astype("f2"), "text": X.astype("U2")})
    for output, name in (("y.nc", "half"), ("y.safetensors", "text")):
        with pytest.raises(UnsupportedDtype, match=f"output {output}::{name}: dtype"):
            cs.concat([ref, ref], output)
    with pytest.raises(UsageError, match=r"output y\.h5::z: --chunks"):
        cs.concat(write("b.h5", {"x": X, "z": np.zeros((4, 2))}), "y.h5", axis="*=0", chunks=(2,))


def test_filters_of_zarr_that_have_no_neutral_name_go_to_netcdf() -> None:
    group = zarr.open_group("a.zarr", mode="w", zarr_format=2)
    group.create_array("s", shape=(3,), dtype=str, chunks=(2,))[:] = ["a", "bc", ""]
    group.create_array("x", data=X)
    cs.concat("a.zarr", "y.nc")
    with h5py.File("y.nc") as file:
        assert file["s"].asstr()[:].tolist() == ["a", "bc", ""]


def test_dimensions_without_names_are_not_called_like_arrays() -> None:
    arrays = {f"x{i}": np.full((3, 2), i) for i in range(3)} | {"g/x3": X[:3]}
    cs.concat(write("a.h5", arrays), "y.nc")
    cs.concat(["y.nc", "y.nc"], "z.nc")
    with h5py.File("z.nc") as file:
        for name, array in arrays.items():
            np.testing.assert_array_equal(file[name][()], np.concatenate([array, array]))
            assert not {scale[0].name for scale in file[name].dims} & {f"/{n}" for n in arrays}


def test_a_pattern_of_members_stands_for_them_in_natural_order(suffix: str) -> None:
    arrays = {f"g/x{i}": X + i for i in (10, 2, 1)} | {"other": X}
    for ref in (write(f"a.{suffix}", arrays), write(f"b.{suffix}", arrays)):
        assert [blob.ref for blob in cs.info(f"{ref}::g/*")] == [
            f"{ref}::g/x{i}" for i in (1, 2, 10)
        ]
    cs.concat(f"?.{suffix}::g/*", "y.npy")
    assert np.load("y.npy").tolist() == np.concatenate([X + i for i in (1, 2, 10)] * 2).tolist()
    with pytest.raises(
        InputUnavailable, match=r"::q\*: the pattern matches none of its arrays.*g/x1"
    ):
        cs.concat(f"a.{suffix}::q*", "z.npy")


def test_a_name_that_looks_like_a_pattern_stands_for_itself() -> None:
    ref = write("a.h5", {"x[1]": X, "x1": X + 1})
    assert cs.fetch(f"{ref}::x[1]").tolist() == X.tolist()
    cs.concat(f"{ref}::x[1]", "y.npy")
    assert np.load("y.npy").tolist() == X.tolist()
    cs.concat([ref, ref], "y.h5", members="x[1]")
    assert sorted(read("y.h5")) == ["x1", "x[1]"]


def test_letters_of_axes_are_for_one_array() -> None:
    ref = write("a.npz", {"x": X, "y": X})
    with pytest.raises(UsageError, match="--order C is for one array"):
        cs.concat([ref, ref], "y.npz", order="C")
