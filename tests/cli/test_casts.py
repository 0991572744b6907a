"""Casts that are asked for: sized as NumPy does it, refused where a value has no counterpart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import zarr

INPUTS: dict[str, np.ndarray] = {
    "integers": np.arange(2),
    "small": np.array([1, -2], "i1"),
    "floats": np.array([1.5, np.nan]),
    "text": np.array(["a", "bcd"]),
    "dates": np.array(["2020-01-01", "NaT"], "M8[D]"),
    "truth": np.array([True, False]),
}


@pytest.mark.parametrize("dtype", ["S", "U", "V"])
@pytest.mark.parametrize("what", INPUTS)
def test_a_dtype_without_a_size_gets_the_one_that_numpy_gives_it(
    shell: Any, what: str, dtype: str
) -> None:
    np.save("a.npy", INPUTS[what])
    shell.ok("concat", "a.npy", "--dtype", dtype, "--casting", "unsafe", "-o", "y.npy")
    made = shell.read("y.npy")
    expected = INPUTS[what].astype(dtype)
    assert made.dtype == np.empty(0, INPUTS[what].dtype).astype(dtype).dtype
    assert made.dtype.itemsize > 0
    np.testing.assert_array_equal(made.astype(expected.dtype), expected)


def test_the_widest_input_gives_the_size(shell: Any) -> None:
    np.save("a.npy", INPUTS["small"])
    np.save("b.npy", INPUTS["integers"])
    shell.ok("concat", "a.npy", "b.npy", "--dtype", "S", "--casting", "unsafe", "-o", "y.npy")
    assert shell.read("y.npy").tolist() == [b"1", b"-2", b"0", b"1"]
    assert shell.read("y.npy").dtype == "S21"


IMPOSSIBLE: dict[str, tuple[np.ndarray, str]] = {
    "dates beyond the unit": (np.array(["2300-01-01"], "M8[D]"), "M8[ns]"),
    "bytes of no meaning": (np.zeros(2, "V2"), "f4"),
    "letters beyond ASCII": (np.array(["é"]), "S9"),
    "words as numbers": (np.array(["one"]), "f4"),
    "dates too long": (np.array(["2020-01-01"], "M8[D]"), "S3"),
}


@pytest.mark.parametrize("output", ["y.npy", "y.zarr"])
@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_a_value_without_a_counterpart_is_exit_3_and_names_the_input(
    shell: Any, what: str, output: str
) -> None:
    array, dtype = IMPOSSIBLE[what]
    np.save("a.npy", array)
    args = ("concat", "a.npy", "--dtype", dtype, "--casting", "unsafe", "-o", output)
    shell.fails(3, *args, says=("input 0 (a.npy)", "cast"))


@pytest.mark.parametrize("dtype", ["i4", "c8,i4", "f8", "S40"])
def test_imaginary_parts_go_without_a_warning(shell: Any, dtype: str) -> None:
    np.save("a.npy", np.array([1 + 2j, 3 - 4j], "c8"))
    done = shell.process("concat", "a.npy", "--dtype", dtype, "--casting", "unsafe", "-o", "y.npy")
    assert (done.returncode, done.stderr) == (0, "")
    if "S" not in dtype:
        expected = np.array([1, 3], "i4")
        made = np.load("y.npy")
        np.testing.assert_array_equal(made["f1"] if made.dtype.names else made, expected)


def test_an_array_is_no_element(shell: Any) -> None:
    np.save("a.npy", np.arange(2))
    shell.fails(2, "concat", "a.npy", "--dtype", "(2,)i4", "-o", "y.npy", says="int32")


@pytest.mark.parametrize(("rank", "output"), [(33, "y.h5"), (64, "y.h5")])
def test_more_axes_than_the_format_holds(shell: Any, rank: int, output: str) -> None:
    np.save("a.npy", np.zeros((1,) * rank))
    shell.fails(2, "concat", "a.npy", "-o", output, says=(output, f"{rank} axes", "32"))
    shell.ok("concat", "a.npy", "-o", "y.npy")


@pytest.mark.parametrize("output", ["y.npy", "y.zarr"])
def test_more_axes_than_numpy_has(shell: Any, output: str) -> None:
    np.save("a.npy", np.zeros((1,) * 64))
    shell.fails(2, "stack", "a.npy", "a.npy", "-o", output, says=("65 axes", "64"))


def test_a_field_with_a_title_is_kept_or_refused(shell: Any) -> None:
    np.save("a.npy", np.zeros(2, [(("T", "a"), "i4")]))
    shell.fails(3, "concat", "a.npy", "-o", "y.zarr", says=("title", "'"))
    shell.ok("concat", "a.npy", "-o", "y.npy")
    assert np.load("y.npy").dtype == np.load("a.npy").dtype


def test_texts_do_not_join_numbers(shell: Any) -> None:
    zarr.create_array("t.zarr", shape=(4,), dtype=str)[...] = np.array(list("abcd"))
    zarr.create_array("n.zarr", shape=(4,), dtype="f4")
    for first, second in (("t.zarr", "n.zarr"), ("n.zarr", "t.zarr")):
        shell.fails(
            3, "concat", first, second, "-o", "y.zarr", says=(f"input 1 ({second})", "dtype")
        )
        shell.fails(3, "concat", first, second, "-o", "y.zarr", "--promote", says="common")


def test_warnings_of_libraries_stay_off_stderr(shell: Any) -> None:
    zarr.create_array("a.zarr", shape=(2,), dtype="M8[s]", zarr_format=3)[...] = np.zeros(
        2, "M8[s]"
    )
    done = shell.process("concat", "a.zarr", "-o", "y.zarr", "--chunks", "1")
    assert (done.returncode, done.stderr) == (0, "")
