"""The options that every operator shares: what each does to the file that comes out."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pytest
import zarr


def join(shell: Any, *options: Any, output: str = "y.npy") -> np.ndarray:
    """Join a.npy and b.npy under these options, and read the result."""
    shell.ok("concat", "a.npy", "b.npy", "-o", output, *options)
    found: np.ndarray = shell.read(output)
    return found


@pytest.mark.parametrize(
    ("dtype", "casting"),
    [("float64", None), (">f4", None), ("f2", None), ("<f4", "no"), (">f4", "equiv"),
     ("f8", "safe"), ("int16", "unsafe"), ("complex64", None)],
)  # fmt: skip
def test_dtype_casts(shell: Any, pair: Any, dtype: str, casting: str | None) -> None:
    extra = () if casting is None else ("--casting", casting)
    found = join(shell, "--dtype", dtype, *extra)
    expected = np.concatenate(pair).astype(dtype)
    np.testing.assert_array_equal(found, expected, strict=True)
    assert found.dtype == np.dtype(dtype)


@pytest.mark.parametrize(
    ("dtype", "casting"),
    [("int32", None), ("f2", "safe"), ("f8", "no"), (">f4", "no"), ("f8", "equiv")],
)
def test_a_cast_that_loses_is_refused(
    shell: Any, pair: Any, dtype: str, casting: str | None
) -> None:
    extra = () if casting is None else ("--casting", casting)
    args = ("concat", "a.npy", "b.npy", "-o", "y.npy", "--dtype", dtype, *extra)
    shell.fails(3, *args, says=("input 0 (a.npy)", "float32", "--casting"))


@pytest.mark.parametrize(("one", "two"), [("i2", "u2"), ("i8", "u8"), ("f4", "i4"), ("?", "i1")])
def test_promote_joins_as_result_type_does(shell: Any, one: str, two: str) -> None:
    a, b = np.arange(6, dtype="i4").astype(one), np.arange(9, dtype="i4").astype(two)
    shell.save(a=a, b=b)
    shell.fails(3, "concat", "a.npy", "b.npy", "-o", "y.npy", says=("b.npy", "--promote"))
    found = join(shell, "--promote")
    np.testing.assert_array_equal(found, np.concatenate([a, b]), strict=True)


def test_byte_orders_alone_are_no_difference(shell: Any, pair: Any) -> None:
    shell.save(b=pair[1].astype(">f4"))
    np.testing.assert_array_equal(join(shell), np.concatenate(pair), strict=True)


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [("3,2", (3, 2)), ("auto", (8, 6)), ("none", None), ("100,100", (8, 6)), (None, None)],
)
def test_chunks_of_hdf5(shell: Any, pair: Any, chunks: str | None, expected: Any) -> None:
    extra = () if chunks is None else ("--chunks", chunks)
    np.testing.assert_array_equal(join(shell, *extra, output="y.h5"), np.concatenate(pair))
    with h5py.File("y.h5") as file:
        assert file["data"].chunks == expected


@pytest.mark.parametrize(("chunks", "expected"), [("3,2", (3, 2)), ("auto", (8, 6))])
@pytest.mark.parametrize("form", [2, 3])
def test_chunks_of_zarr(shell: Any, pair: Any, chunks: str, expected: Any, form: int) -> None:
    found = join(shell, "--chunks", chunks, "--zarr-format", form, output="y.zarr")
    np.testing.assert_array_equal(found, np.concatenate(pair))
    array = zarr.open_array("y.zarr", mode="r")
    assert (array.chunks, array.metadata.zarr_format) == (expected, form)


CODECS = {
    "none": ([], []),
    "gzip:1": ([(1, (1,))], ["gzip"]),
    "gzip": ([(1, (4,))], ["gzip"]),
    "zstd:3": ([(32015, (3,))], ["zstd"]),
    "blosc:zstd:5:shuffle": ([(32001, (2, 2, 4, 192, 5, 1, 5))], ["blosc"]),
}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("output", ["y.h5", "y.zarr"])
def test_codecs_are_read_by_the_libraries(shell: Any, pair: Any, codec: str, output: str) -> None:
    pytest.importorskip("hdf5plugin")
    found = join(shell, "--codec", codec, output=output)
    np.testing.assert_array_equal(found, np.concatenate(pair), strict=True)
    filters, names = CODECS[codec]
    if output == "y.h5":
        with h5py.File("y.h5") as file:
            dcpl = file["data"].id.get_create_plist()
            made = [dcpl.get_filter(i) for i in range(dcpl.get_nfilters())]
            assert [(code, values) for code, _, values, _ in made] == filters
    else:
        array = zarr.open_array("y.zarr", mode="r")
        assert [one.to_dict()["name"] for one in array.compressors] == names


@pytest.mark.parametrize("codec", ["lz4", "shuffle+gzip:4+fletcher32", "bz2"])
@pytest.mark.parametrize("output", ["y.h5", "y.zarr"])
def test_rarer_codecs_come_back(shell: Any, pair: Any, codec: str, output: str) -> None:
    pytest.importorskip("hdf5plugin")
    shell.ok("concat", "a.npy", "b.npy", "-o", output, "--codec", codec, "--chunks", "3,6")
    np.testing.assert_array_equal(shell.read(output), np.concatenate(pair), strict=True)
    shell.ok("concat", output, "-o", "back.npy")
    np.testing.assert_array_equal(shell.read("back.npy"), np.concatenate(pair), strict=True)


@pytest.mark.parametrize(
    ("orders", "asked", "expected"),
    [("CC", None, "C"), ("FF", None, "F"), ("CF", None, "C"), ("CC", "F", "F"), ("FF", "C", "C")],
)
@pytest.mark.parametrize("axis", [0, 1])
def test_memory_order(
    shell: Any, pair: Any, orders: str, asked: str | None, expected: str, axis: int
) -> None:
    a, b = (np.array(x, order=o) for x, o in zip(pair, orders, strict=True))
    shell.save(a=a, b=b)
    extra = () if asked is None else ("--memory-order", asked)
    found = join(shell, "--axis", axis, *extra)
    np.testing.assert_array_equal(found, np.concatenate(pair, axis))
    assert found.flags.f_contiguous == (expected == "F")


@pytest.mark.parametrize(("given", "asked", "expected"), [(2, None, 2), (3, None, 3), (2, 3, 3)])
def test_zarr_format_is_the_inputs(
    shell: Any, pair: Any, given: int, asked: int | None, expected: int
) -> None:
    for name, array in zip("ab", pair, strict=True):
        zarr.create_array(f"{name}.zarr", data=array, zarr_format=given)
    extra = () if asked is None else ("--zarr-format", asked)
    shell.ok("concat", "a.zarr", "b.zarr", "-o", "y.zarr", *extra)
    array = zarr.open_array("y.zarr", mode="r")
    assert array.metadata.zarr_format == expected
    np.testing.assert_array_equal(array[...], np.concatenate(pair))


@pytest.mark.parametrize("jobs", [1, 2, 7])
@pytest.mark.parametrize("memory", ["40KiB", "64k", "1MB", "300000", "2G", "1.5MiB"])
def test_jobs_and_memory_change_nothing(shell: Any, jobs: int, memory: str) -> None:
    x = np.arange(2 * 50 * 60, dtype="<u4").reshape(2, 50, 60)
    shell.save(a=x[0], b=x[1])
    found = join(shell, "--jobs", jobs, "--memory", memory, "--axis", -1)
    np.testing.assert_array_equal(found, np.concatenate([x[0], x[1]], -1))


@pytest.mark.parametrize("flag", ["--sync", "--no-sync", "--quiet", "-q", "--no-progress"])
def test_quiet_flags_leave_the_result_alone(shell: Any, pair: Any, flag: str) -> None:
    np.testing.assert_array_equal(join(shell, flag), np.concatenate(pair))


def test_progress_goes_to_stderr_when_asked_for(shell: Any, pair: Any) -> None:
    args = ("concat", "a.npy", "b.npy", "-o", "y.npy")
    shown = shell.run(*args, "--progress")
    assert (shown.code, shown.out) == (0, "")
    assert shown.err.startswith("y.npy: 192B in ")
    assert shell.ok(*args, "--force").err == ""
    assert shell.ok(*args, "--force", "--progress", "--quiet").err == ""


def test_debug_shows_the_traceback(shell: Any) -> None:
    plain = shell.run("info", "missing.npy")
    shown = shell.run("info", "missing.npy", "--debug")
    assert plain.code == shown.code == 4
    assert "Traceback" not in plain.err
    assert "Traceback" in shown.err
    assert shown.err.splitlines()[-1] == plain.err.splitlines()[-1]


def test_quiet_hides_the_plan(shell: Any, pair: Any) -> None:
    args = ("concat", "a.npy", "b.npy", "-o", "y.npy", "--dry-run")
    assert shell.ok(*args, "--quiet").out == ""
    assert "a.npy" in shell.ok(*args).out


def test_a_dry_run_tells_a_person_all(shell: Any, pair: Any) -> None:
    with h5py.File("s.h5", "w") as file:
        file.create_dataset("x", data=pair[0], chunks=(2, 3), compression="gzip")
    done = shell.ok("concat", "s.h5", "a.npy", "-o", "y.zarr", "--axis", 1, "--dry-run")
    for word in ("s.h5", "a.npy", "y.zarr", "4 x 12", "4 x 6", "2 x 3", "f4", "decoded"):
        assert word in done.out.replace("float32", "<f4"), word
    for word in ("axis 1", "because", "peak memory", "start", "stop", "codec"):
        assert word in done.out, word


def test_version_and_help(shell: Any) -> None:
    assert shell.ok("--version").out.startswith("concatsplit")
    assert shell.ok("-h").out == shell.ok("--help").out
    for name in ("concat", "stack", "split", "unstack", "info"):
        assert name in shell.ok("--help").out
        assert "Usage: " in shell.ok(name, "-h").out


@pytest.mark.parametrize("output", ["y.npy", "y.h5", "y.zarr"])
def test_options_mean_the_same_in_a_split(shell: Any, pair: Any, output: str) -> None:
    name = output.replace("y.", "p{index}.")
    extra = ("--dtype", "f8", "--memory", "1MiB", "-j", 2)
    shell.ok("split", "a.npy", "-o", name, "--parts", 2, *extra)
    for index, part in enumerate(np.split(pair[0], 2)):
        found = shell.read(name.format(index=index))
        np.testing.assert_array_equal(found, part.astype("f8"), strict=True)
