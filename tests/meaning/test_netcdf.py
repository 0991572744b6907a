"""What is written as .nc opens in netCDF-C and in xarray, with the dimensions of the inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import readers
from readers import Variable

import concatsplit_core as cs
from concatsplit_core.foundation.errors import (
    ConcatsplitError,
    OutputRefused,
    UnsupportedDtype,
    UsageError,
)

_MAKE = """
import netCDF4, numpy as np
file = netCDF4.Dataset("a.nc", "w")
for name, length in dict(t=None, y=3, x=4, n=None, z0=0, s5=5, c=3, w=2).items():
    file.createDimension(name, length)
t = file.createVariable("t", "f8", ("t",)); t.units = "days since 2000-01-01"; t[:] = [0, 1]
v = file.createVariable("v", "i2", ("t", "y", "x"), zlib=True, fill_value=-9)
v.scale_factor = 0.5; v.coordinates = "lat lon"; v.valid_range = np.array([-99, 99], "i2")
v[:] = np.arange(24).reshape(2, 3, 4)
for name, kind, dims in (
    ("lat", "f4", ("y", "x")), ("two", "f4", ("t", "n", "y")), ("zero", "f4", ("z0", "x")),
    ("c", "f4", ("c", "x")), ("big", ">i4", ("y",)), ("u8", "u8", ("y",)), ("w", "f4", ("y", "w")),
):
    made = file.createVariable(name, kind, dims)
    shape = tuple({"t": 2, "n": 2}.get(d, len(file.dimensions[d])) for d in dims)
    made[:] = np.arange(int(np.prod(shape))).reshape(shape)
text = file.createVariable("text", str, ("y",)); text[:] = np.array(["a", "bb", "é"], object)
char = file.createVariable("char", "S1", ("y", "s5"))
char[:] = netCDF4.stringtochar(np.array(["abcde", "fg", "h"], "S5"))
file.createVariable("scalar", "i4", ())[...] = 7
kind = file.createEnumType(np.int8, "colour", {"R": 0, "G": 1})
file.createVariable("enum", kind, ("y",), fill_value=0)[:] = [0, 1, 0]
kind = file.createCompoundType(np.dtype([("a", "i4"), ("b", "f8")], align=True), "entry")
file.createVariable("record", kind, ("y",))[:] = np.zeros(3, kind.dtype)
group = file.createGroup("g"); group.createDimension("k", 2)
group.createVariable("deep", "f4", ("k", "x"))[:] = 3
file.close()
"""

VARIABLES: dict[str, tuple[str, ...]] = {
    "t": ("t",), "v": ("t", "y", "x"), "lat": ("y", "x"), "two": ("t", "n", "y"),
    "zero": ("z0", "x"), "c": ("c", "x"), "big": ("y",), "u8": ("y",), "w": ("y", "w"),
    "text": ("y",), "char": ("y", "s5"), "scalar": (), "enum": ("y",), "record": ("y",),
    "g/deep": ("k", "x"),
}  # fmt: skip


@pytest.fixture(scope="module")
def a_nc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with variables of every kind, made by netCDF-C in a process of its own."""
    import subprocess
    import sys

    folder = tmp_path_factory.mktemp("netcdf")
    subprocess.run([sys.executable, "-W", "ignore", "-c", _MAKE], cwd=folder, check=True)
    return folder / "a.nc"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def both(path: str, name: str) -> Variable:
    """A variable as netCDF-C has it, which xarray opens too."""
    found = readers.netcdf(path, name)
    readers.xarray(path, name)
    return found


def equal(one: np.ndarray, two: np.ndarray) -> bool:
    return one.shape == two.shape and one.tolist() == two.tolist()


@pytest.mark.parametrize("name", VARIABLES)
def test_every_operator_keeps_the_dimensions(a_nc: Path, here: Path, name: str) -> None:
    ref, dims = f"{a_nc}::{name}", VARIABLES[name]
    whole = readers.netcdf(a_nc, name)
    cs.stack([ref, ref], f"s.nc::{name}")
    found = both("s.nc", name)
    last = name.rpartition("/")[2]
    expected = tuple(d if d != last else None for d in dims)
    assert [
        d for d, e in zip(found.dims[1:], expected, strict=True) if e is not None and d != e
    ] == []
    assert equal(found.values, np.stack([whole.values] * 2))
    assert found.attrs == whole.attrs
    if not dims:
        return
    cs.concat([ref, ref], f"y.nc::{name}")
    found = both("y.nc", name)
    assert found.dims == dims
    assert equal(found.values, np.concatenate([whole.values] * 2))
    assert set(found.unlimited) >= set(whole.unlimited)
    if whole.values.size:
        cs.unstack(ref, "u{index}.nc::" + name, axis=-1)
        assert both("u0.nc", name).dims == dims[:-1]
        cs.split(ref, "p{index}.nc::" + name, size=1)
        assert both("p0.nc", name).dims == dims


@pytest.mark.parametrize("name", VARIABLES)
def test_a_member_added_to_a_file_gets_its_dimensions(a_nc: Path, here: Path, name: str) -> None:
    (here / "b.nc").write_bytes(a_nc.read_bytes())
    ref = f"{a_nc}::{name}"
    cs.feed(f"b.nc::{name}_copy", ref)
    found, whole = both("b.nc", f"{name}_copy"), readers.netcdf(a_nc, name)
    assert equal(found.values, whole.values)
    assert found.dims == VARIABLES[name]
    for other in VARIABLES:
        assert equal(both("b.nc", other).values, readers.netcdf(a_nc, other).values)


def test_a_dimension_of_another_length_gets_another_name(a_nc: Path, here: Path) -> None:
    (here / "b.nc").write_bytes(a_nc.read_bytes())
    cs.concat([f"{a_nc}::v"] * 2, "b.nc::long")
    found = both("b.nc", "long")
    assert found.dims == ("x0", "y", "x")
    assert both("b.nc", "t").values.tolist() == [0, 1]
    cs.split(f"{a_nc}::lat", "all.nc::part{index}", lengths=[1, 2])
    assert [both("all.nc", f"part{i}").dims for i in (0, 1)] == [("y", "x"), ("x0", "x")]


def test_a_dimension_that_others_use_is_not_replaced(a_nc: Path, here: Path) -> None:
    (here / "b.nc").write_bytes(a_nc.read_bytes())
    before = (here / "b.nc").read_bytes()
    with pytest.raises(OutputRefused, match="is a dimension of other arrays"):
        cs.concat(f"{a_nc}::t", "b.nc::t", force=True)
    assert (here / "b.nc").read_bytes() == before
    cs.concat(f"{a_nc}::lat", "b.nc::lat", force=True)
    assert both("b.nc", "lat").dims == ("y", "x")
    with h5py.File("b.nc") as file:
        known = [file[r[0]].name for r in file["x"].attrs["REFERENCE_LIST"]]
        assert known.count("/lat") == 1


def test_a_dimension_gets_its_variable_after_the_arrays_that_have_it(
    a_nc: Path, here: Path
) -> None:
    for name in ("v", "lat", "t"):
        cs.concat([f"{a_nc}::{name}"] * 2, f"y.nc::{name}", axis=0)
    found = both("y.nc", "t")
    assert (found.dims, found.unlimited, found.names) == (("t",), ("t",), ("lat", "t", "v"))
    assert found.values.tolist() == [0, 1, 0, 1]
    assert both("y.nc", "v").dims == ("t", "y", "x")
    with pytest.raises(OutputRefused, match="is a dimension of other arrays"):
        cs.feed("y.nc::t", f"{a_nc}::t", force=True)
    cs.feed("y.nc::x", np.arange(5.0))  # of another length, it is no coordinate of x
    assert both("y.nc", "x").dims == ("x1",)
    assert both("y.nc", "v").dims == ("t", "y", "x")
    assert both("y.nc", "t").values.tolist() == [0, 1, 0, 1]


SHAPES = [(), (0,), (3,), (2, 3), (2, 2), (1, 1, 1, 4)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_arrays_without_names_get_dimensions(here: Path, shape: tuple[int, ...]) -> None:
    np.save("p.npy", np.ones(shape, "f4"))
    cs.feed("n.nc::w", "p.npy")
    cs.feed("n.nc::again", "p.npy")
    for name in ("w", "again"):
        found = both("n.nc", name)
        assert found.values.shape == shape
        assert found.dims == tuple(f"x{d}" for d in range(len(shape)))
        assert found.names == ("again", "w")


@pytest.mark.parametrize("dtype", ["?", "i1", "u8", ">f8", "f4", "S1", "S5", "c8", "c16"])
def test_dtypes_that_netcdf_has(here: Path, dtype: str) -> None:
    array = np.array([[1, 0, 2]]).astype(dtype)
    cs.feed("y.nc::v", array)
    found = both("y.nc", "v").values
    if array.dtype.kind == "c":  # netCDF has records of two numbers
        found = found["r"] + 1j * found["i"]
    assert found.astype(dtype).tolist() == array.tolist()
    if dtype == "?":
        assert readers.xarray("y.nc", "v").values.dtype == bool


NESTED = np.dtype([("a", [("x", "f4"), ("y", "i2")]), ("b", "c8"), ("c", "S1", (2,))], align=True)


def test_records_in_records(here: Path) -> None:
    array = np.zeros(3, NESTED)
    array["a"]["y"], array["b"], array["c"] = [1, 2, 3], 1 + 2j, b"q"
    for name in ("v", "w", "g/v"):
        cs.feed(f"y.nc::{name}", array)
        found = both("y.nc", name).values
        assert found["a"].tolist() == array["a"].tolist()
        assert found["c"].tolist() == [b"qq"] * 3  # netCDF4-python joins letters
    with h5py.File("y.nc") as file:
        assert {"v_t", "v_a_t", "v_b_t"} < set(file)
        assert all(item.id.get_type().committed() for item in (file["v"], file["w"]))


ODD = [
    "f2", "g", "G", "V3", [("a", "f2")], [("a", "<U3")], "M8[Y]", "M8[25s]",
    [("a", "S5"), ("b", "i4")], [("a", "?"), ("b", "i4")], [("a", [("x", "f4")], (3,))],
    [("a" * 257, "f4")], [("a", h5py.enum_dtype({"R": 0}, "i1")), ("b", "i4")],
    [("a", [("x", "S2")])],
]  # fmt: skip


@pytest.mark.parametrize("dtype", ODD, ids=lambda dtype: str(dtype)[:30])
def test_dtypes_that_netcdf_lacks_are_refused(here: Path, dtype: Any) -> None:
    with pytest.raises(UnsupportedDtype):
        cs.feed("y.nc::v", np.zeros(3, dtype))
    assert not list(here.iterdir())


@pytest.mark.parametrize("unit", ["D", "h", "m", "s", "ms", "us", "ns"])
def test_times_of_numpy_are_times_of_netcdf(here: Path, unit: str) -> None:
    times = np.array(["2020-01-01", "NaT", "1969-12-31"], f"M8[{unit}]")
    cs.feed("y.nc::v", times)
    found = readers.xarray("y.nc", "v").values
    np.testing.assert_array_equal(found.astype("M8[ns]"), times.astype("M8[ns]"))
    spans = np.array([1, -2], f"m8[{unit}]")
    cs.feed("z.nc::v", spans)
    assert readers.netcdf("z.nc", "v").values.tolist() == [1, -2]


@pytest.mark.parametrize("codec", ["lzf", "gzip", 32004])
def test_codecs_that_netcdf_lacks_are_replaced(here: Path, codec: Any) -> None:
    if isinstance(codec, int):
        pytest.importorskip("hdf5plugin")
    with h5py.File("a.h5", "w") as file:
        file.create_dataset("v", data=np.arange(100), chunks=(10,), compression=codec)
    cs.concat(["a.h5", "a.h5"], "y.nc::v")
    assert both("y.nc", "v").values.tolist() == [*range(100)] * 2
    assert str(cs.info("y.nc::v")[0].codec).endswith("zlib:4")
    with pytest.raises(UsageError, match="netCDF lacks"):
        cs.concat(["a.h5", "a.h5"], "z.nc::v", codec="lzf")


def test_types_of_hdf5_that_netcdf_does_not_read(here: Path) -> None:
    colours = h5py.enum_dtype({"R": 0, "G": 1}, ">i4")
    with h5py.File("a.h5", "w") as file:
        space = h5py.h5s.create_simple((3,))
        made = h5py.Dataset(h5py.h5d.create(file.id, b"bits", h5py.h5t.STD_B8LE, space))
        made.id.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array([1, 2, 3], "u1"), h5py.h5t.STD_B8LE)
        made.attrs["latin"] = np.bytes_(b"\xe9")
        file.create_dataset("enum", data=np.array([0, 1, 0]), dtype=colours)
    for name, values in (("bits", [1, 2, 3]), ("enum", [0, 1, 0])):
        cs.concat([f"a.h5::{name}"] * 2, f"{name}.nc::v")
        assert both(f"{name}.nc", "v").values.tolist() == values * 2
    assert both("bits.nc", "v").attrs["latin"] == "é"


def test_a_dimension_without_a_variable_is_no_array(a_nc: Path, here: Path) -> None:
    names = {blob.ref.partition("::")[2] for blob in cs.info(str(a_nc))}
    assert names == set(VARIABLES)
    with pytest.raises(ConcatsplitError):
        cs.concat(f"{a_nc}::s5", "y.npy")
    cs.concat(f"{a_nc}::w", "w.npy")
    assert np.load("w.npy").shape == (3, 2)


RECORD = np.dtype([("k", "i1"), ("m", [("q", "f4")])])


def test_enums_and_records_have_named_types(here: Path) -> None:
    with h5py.File("a.h5", "w") as file:
        file["e"] = np.array([0, 1], h5py.enum_dtype({"A": 0, "B": 1}, "i1"))
        file["r"] = np.zeros(2, RECORD)
    cs.split("a.h5::e", "y.nc::deep/er/e{index}", parts=2)
    cs.concat("a.h5::r", "y.nc::r")
    with pytest.raises(OutputRefused, match="is a type"):
        cs.concat("a.h5::e", "y.nc::e0_t", force=True)
    cs.concat("a.h5::e", "y.nc::e")
    with h5py.File("y.nc") as file:
        kinds = [name for name in file if isinstance(file[name], h5py.Datatype)]
        assert sorted(kinds) == ["e0_t", "r_m_t", "r_t"]
        for name in ("deep/er/e0", "deep/er/e1", "r", "e"):
            assert file[name].id.get_type().committed()
    for index in range(2):
        found = both("y.nc", f"deep/er/e{index}")
        assert (found.values.tolist(), found.dims) == ([index], ("x0",))


@pytest.mark.parametrize("dtype", ["f4", "i2", ">f8"])
def test_markers_have_the_type_of_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with h5py.File("a.nc", "w") as file:
        file["v"] = np.array([1.0, 5, 7])
        file["v"].attrs.update(_FillValue=[5.0], missing_value=[5.0, 7.0])
    cs.concat(["a.nc::v"], "y.nc::v", dtype=dtype, casting="unsafe")
    with h5py.File("y.nc") as file:
        assert file["v"].dtype == dtype
        for name in ("_FillValue", "missing_value"):
            made = file["v"].attrs.get_id(name).dtype
            assert made.newbyteorder("=") == np.dtype(dtype).newbyteorder("="), name
