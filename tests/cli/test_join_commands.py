"""concat and stack: the files that they write hold what NumPy says."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pytest
import zarr

from concatsplit_core.formats.hdf5 import filters

OUTPUTS = ("y.npy", "y.h5", "y.h5::/g/x", "y.hdf5", "y.nc", "y.zarr", "y.zarr::g/x", "y.zarr/g/x")
READ_AS = {"y.zarr/g/x": "y.zarr::g/x", "y.h5::/g/x": "y.h5::g/x"}


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_concat_is_numpys(shell: Any, pair: Any, output: str, axis: int) -> None:
    done = shell.ok("concat", "a.npy", "b.npy", "-o", output, "--axis", axis)
    assert done.out == ""
    found = shell.read(READ_AS.get(output, output))
    np.testing.assert_array_equal(found, np.concatenate(pair, axis), strict=True)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
@pytest.mark.parametrize("command", [("stack",), ("concat", "--add-axis")])
def test_stack_is_numpys(shell: Any, pair: Any, command: tuple[str, ...], axis: int) -> None:
    shell.ok(*command, "a.npy", "b.npy", "-o", "y.npy", "--axis", axis)
    np.testing.assert_array_equal(shell.read("y.npy"), np.stack(pair, axis), strict=True)


def test_the_npy_file_is_numpys_byte_for_byte(shell: Any, pair: Any) -> None:
    shell.ok("concat", "a.npy", "b.npy", "-o", "y.npy")
    np.save("expected.npy", np.concatenate(pair))
    shell.ok("stack", "a.npy", "b.npy", "-o", "z.npy")
    np.save("stacked.npy", np.stack(pair))
    for found, expected in (("y.npy", "expected.npy"), ("z.npy", "stacked.npy")):
        assert (shell.folder / found).read_bytes() == (shell.folder / expected).read_bytes()


def test_axis_zero_is_the_default(shell: Any, pair: Any) -> None:
    shell.ok("concat", "a.npy", "b.npy", "-o", "y.npy")
    np.testing.assert_array_equal(shell.read("y.npy"), np.concatenate(pair))


def test_one_input_is_a_copy(shell: Any, pair: Any) -> None:
    shell.ok("concat", "a.npy", "-o", "y.npy")
    assert (shell.folder / "y.npy").read_bytes() == (shell.folder / "a.npy").read_bytes()


def test_an_input_may_come_twice(shell: Any, pair: Any) -> None:
    shell.ok("concat", "a.npy", "b.npy", "./a.npy", "-o", "y.npy")
    expected = np.concatenate([pair[0], pair[1], pair[0]])
    np.testing.assert_array_equal(shell.read("y.npy"), expected)


@pytest.mark.parametrize("output", ["y.npy", "y.h5", "y.zarr"])
def test_formats_mix(shell: Any, pair: Any, output: str) -> None:
    a, b = pair
    with h5py.File("c.h5", "w") as file:
        file.create_dataset("deep/down/x", data=a + 100, chunks=(2, 4), compression="gzip")
        file["plain"] = a + 200
    zarr.save_array("d.zarr", b + 300)
    group = zarr.open_group("e.zarr", mode="w", zarr_format=2)
    group.create_array("g/x", data=b + 400, chunks=(3, 3))
    np.savez("f.npz", x=b + 500)
    np.savez_compressed("g.npz", x=b + 600, other=b)
    refs = ["a.npy", "c.h5::/deep/down/x", "c.h5::plain", "d.zarr", "e.zarr/g/x"]
    refs += ["e.zarr::g/x", "f.npz", "g.npz::x"]
    parts = [a, a + 100, a + 200, b + 300, b + 400, b + 400, b + 500, b + 600]
    shell.ok("concat", *refs, "-o", output, "--axis", 1)
    np.testing.assert_array_equal(shell.read(output), np.concatenate(parts, 1), strict=True)


@pytest.mark.parametrize("name", ["a.dat", "b.npy.bak", "noext"])
def test_inputs_are_recognised_by_content(shell: Any, pair: Any, name: str) -> None:
    (shell.folder / name).write_bytes((shell.folder / "a.npy").read_bytes())
    shell.ok("concat", name, "b.npy", "-o", "y.npy")
    np.testing.assert_array_equal(shell.read("y.npy"), np.concatenate(pair))


@pytest.mark.parametrize("output", ["y.npy", "y.h5", "y.zarr"])
@pytest.mark.parametrize("shapes", [[(0, 3), (0, 3)], [(0, 3), (2, 3)], [(2, 0), (3, 0)]])
def test_empty_arrays_join(shell: Any, output: str, shapes: list[tuple[int, int]]) -> None:
    parts = [np.full(shape, i, "<i2") for i, shape in enumerate(shapes)]
    shell.save(a=parts[0], b=parts[1])
    shell.ok("concat", "a.npy", "b.npy", "-o", output)
    np.testing.assert_array_equal(shell.read(output), np.concatenate(parts), strict=True)


@pytest.mark.parametrize("output", ["y.npy", "y.h5", "y.zarr"])
def test_scalars_stack(shell: Any, output: str) -> None:
    shell.save(a=np.array(2.5), b=np.array(-0.0))
    shell.ok("stack", "a.npy", "b.npy", "-o", output)
    found = shell.read(output)
    np.testing.assert_array_equal(found, [2.5, -0.0])
    assert np.signbit(found[1])


def test_attributes_and_layout_of_the_first_input_travel(shell: Any, pair: Any) -> None:
    with h5py.File("s.h5", "w") as file:
        for name, array in zip("xy", pair, strict=True):
            made = file.create_dataset(
                name, data=array, chunks=(2, 3), compression="gzip", compression_opts=7
            )
            made.attrs["unit"] = f"m{name}"
    shell.ok("concat", "s.h5::x", "s.h5::y", "-o", "y.h5::/z")
    with h5py.File("y.h5") as file:
        made = file["z"]
        assert (made.chunks, made.compression_opts) == ((2, 3), 7)
        assert dict(made.attrs) == {"unit": "mx"}
    shell.ok("concat", "s.h5::x", "s.h5::y", "-o", "y.zarr")
    array = zarr.open_array("y.zarr", mode="r")
    assert (array.chunks, dict(array.attrs)) == ((2, 3), {"unit": "mx"})


def test_same_inputs_make_the_same_bytes(shell: Any, pair: Any) -> None:
    for suffix in ("npy", "h5", "zarr"):
        for name in ("one", "two"):
            (shell.folder / name).mkdir(exist_ok=True)
            shell.ok("concat", "a.npy", "b.npy", "-o", f"{name}/y.{suffix}", "--codec", "none")
    one, two = (
        {p.relative_to(top): p.read_bytes() for p in top.rglob("*") if p.is_file()}
        for top in (shell.folder / "one", shell.folder / "two")
    )
    assert one == two
    assert len(one) > 3


@pytest.mark.parametrize("suffix", ["h5", "zarr"])
def test_strings_travel_between_containers_and_are_refused_by_npy(shell: Any, suffix: str) -> None:
    words = ["", "grün", "a longer word"]
    with h5py.File("s.h5", "w") as file:
        file.create_dataset("words", data=words, dtype=h5py.string_dtype())
    shell.ok("concat", "s.h5::words", "s.h5::words", "-o", f"y.{suffix}")
    if suffix == "h5":
        with h5py.File("y.h5") as file:
            found = list(file["data"].asstr()[...])
    else:
        found = zarr.open_array("y.zarr", mode="r")[...].tolist()
    assert found == words * 2
    shell.fails(3, "concat", "s.h5::words", "-o", "y.npy", says=("string", ".npy"))


def test_the_filter_codes_are_those_of_the_registry() -> None:
    hdf5plugin = pytest.importorskip("hdf5plugin")
    own = {"zstd": filters.ZSTD, "blosc": filters.BLOSC, "bzip2": filters.BZIP2, "lz4": filters.LZ4}
    assert own == {name: hdf5plugin.FILTERS[name] for name in own}
