"""`concatsplit diff`: exit codes, lines and JSON."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pytest
import zarr

import concatsplit_core as cs
from concatsplit_core.endpoints.inputs import close_all, open_inputs
from concatsplit_core.foundation.errors import InputChanged, OverBudget, UsageError
from concatsplit_core.run.side_by_side import plan_blocks


def differ(shell: Any, *args: Any) -> Any:
    """Compare, with a difference."""
    outcome = shell.run("diff", *args)
    assert outcome.code == 8, outcome.err
    assert outcome.err == ""
    return outcome


@pytest.fixture
def stores(shell: Any) -> np.ndarray:
    """One array in all formats, and with two elements changed in b.npy."""
    a = np.arange(24, dtype="<f4").reshape(4, 6)
    b = a.copy()
    b[1, 2], b[3, 0] = -100, 20
    shell.save(a=a, b=b, big=a.astype(">f4"), wide=a.astype("f8"), short=a[:3])
    np.save("f.npy", np.asfortranarray(a))
    np.savez_compressed("a.npz", x=a)
    zarr.create_array("a.zarr", data=a, chunks=(3, 5))
    with h5py.File("a.h5", "w") as file:
        file.create_dataset("x", data=a, chunks=(2, 6), compression="gzip")
    return a


@pytest.mark.parametrize("a", ["a.npy", "f.npy", "a.npz", "a.zarr", "a.h5::x"])
@pytest.mark.parametrize("b", ["a.npy", "big.npy", "a.zarr", "a.h5"])
def test_equal_in_any_formats(shell: Any, stores: np.ndarray, a: str, b: str) -> None:
    before = shell.snapshot()
    shell.ok("diff", a, b)
    found = shell.ok("diff", a, b, "--json").json
    assert found["equal"] is True
    assert (found["elements"], found["first"], found["largest"]) == (0, None, None)
    assert set(found["differences"]) <= {"chunks"}
    assert shell.ok("diff", a, b, "--quiet").out == ""
    assert shell.snapshot() == before


def test_what_differs_is_told_a_line_each(shell: Any, stores: np.ndarray) -> None:
    assert differ(shell, "a.npy", "b.npy").out.splitlines() == [
        "elements: 2 of 24 differ",
        "first: [1, 2] 8.0 and -100.0",
        "largest: [1, 2] 8.0 and -100.0, a difference of 108.0",
    ]
    assert differ(shell, "a.npy", "b.npy", "-q").out == ""


def test_json(shell: Any, stores: np.ndarray) -> None:
    assert differ(shell, "b.npy", "a.zarr", "--json").json == {
        "operator": "diff",
        "equal": False,
        "a": {"ref": "b.npy", "format": "npy", "shape": [4, 6], "dtype": "<f4"},
        "b": {"ref": "a.zarr", "format": "zarr", "shape": [4, 6], "dtype": "<f4"},
        "elements": 2,
        "first": {"index": [1, 2], "a": -100.0, "b": 8.0, "difference": 108.0},
        "largest": {"index": [1, 2], "a": -100.0, "b": 8.0, "difference": 108.0},
        "differences": {"chunks": [None, [3, 5]]},
    }


def test_shapes(shell: Any, stores: np.ndarray) -> None:
    assert differ(shell, "a.npy", "short.npy").out == "shape: 4 x 6 and 3 x 6\n"
    found = differ(shell, "a.npy", "short.npy", "--json").json
    assert (found["elements"], found["differences"]) == (None, {"shape": [[4, 6], [3, 6]]})


def test_dtypes_count_unless_a_tolerance_is_given(shell: Any, stores: np.ndarray) -> None:
    assert differ(shell, "a.npy", "wide.npy").out == "dtype: float32 and float64\n"
    told = shell.ok("diff", "a.npy", "wide.npy", "--rtol", "1e-6").out
    assert told == "dtype: float32 and float64 (does not count)\n"


@pytest.mark.parametrize(
    ("options", "code"),
    [(("--atol", 108), 0), (("--atol", 107), 8), (("--rtol", 1.08), 0), (("--rtol", 0.19), 8)],
)
def test_tolerances(shell: Any, stores: np.ndarray, options: tuple[Any, ...], code: int) -> None:
    assert shell.run("diff", "a.npy", "b.npy", *options).code == code


def test_nans(shell: Any) -> None:
    payload = np.array([0x7FF8000000000001], "u8").view("f8")
    plain = np.array([np.nan])
    shell.save(a=plain, b=payload, zero=np.array([0.0]), minus=np.array([-0.0]))
    shell.ok("diff", "a.npy", "a.npy")
    shell.ok("diff", "b.npy", "b.npy")
    found = differ(shell, "a.npy", "b.npy", "--json").json
    assert (found["first"]["a"], found["largest"]) == ("NaN", None)
    shell.ok("diff", "a.npy", "b.npy", "--nan-equal")
    shell.ok("diff", "zero.npy", "minus.npy")
    assert differ(shell, "a.npy", "zero.npy", "--nan-equal").out.startswith("elements: 1 of 1")


def test_dims_attributes_and_chunks_are_told_apart(shell: Any) -> None:
    a = np.arange(6).reshape(2, 3)
    for name, units, dims, more in (("a", "K", "yx", {}), ("b", "C", "zx", {"note": "new"})):
        zarr.create_array(
            f"{name}.zarr", data=a, chunks=(2, 2 if more else 3), dimension_names=list(dims),
            attributes={"units": units, "same": [1, 2], **more},
        )  # fmt: skip
    assert shell.ok("diff", "a.zarr", "b.zarr").out.splitlines() == [
        "dims: y, x and z, x (does not count)",
        "attribute note: none and 'new' (does not count)",
        "attribute units: 'K' and 'C' (does not count)",
        "chunks: 2 x 3 and 2 x 2 (does not count)",
    ]
    found = shell.ok("diff", "a.zarr", "b.zarr", "--json").json["differences"]
    assert found["attrs"] == [{"units": "K"}, {"units": "C", "note": "new"}]
    np.save("a.npy", a)
    assert shell.ok("diff", "a.zarr", "a.npy").out == "chunks: 2 x 3 and none (does not count)\n"


def test_records_are_compared_field_by_field(shell: Any) -> None:
    fields = [("x", "<i4"), ("y", "<f8", (2,)), ("t", "S3")]
    packed = np.zeros(3, fields)
    padded = np.zeros(3, np.dtype([("x", ">i4"), *fields[1:]], align=True))
    padded.view("u1")[:] = 255
    for name in ("x", "y", "t"):
        padded[name] = packed[name]
    shell.save(a=packed, b=padded)
    shell.ok("diff", "a.npy", "b.npy")
    packed["y"][1, 1] = 2.5
    packed["x"][2] = -1
    shell.save(a=packed)
    found = differ(shell, "a.npy", "b.npy", "--json").json
    assert found["elements"] == 2
    assert found["first"]["index"] == [1]
    assert found["largest"]["difference"] == 2.5
    shell.ok("diff", "a.npy", "b.npy", "--atol", "2.5")


def test_texts(shell: Any) -> None:
    words = ["", "grün", "a longer one"]
    with h5py.File("a.h5", "w") as file:
        file.create_dataset("x", data=words, dtype=h5py.string_dtype())
    shell.ok("concat", "a.h5", "-o", "a.zarr")
    shell.ok("diff", "a.h5", "a.zarr")
    shell.save(u=np.array(words), v=np.array(words, "U40"), s=np.array([w.encode() for w in words]))
    shell.ok("diff", "u.npy", "v.npy")
    shell.ok("diff", "u.npy", "a.h5")
    assert differ(shell, "s.npy", "u.npy").out == "dtype: S12 and U12\n"
    words[1] = "grau"
    shell.save(v=np.array(words))
    assert differ(shell, "a.h5", "v.npy").out.splitlines()[:2] == [
        "elements: 1 of 3 differ",
        "first: [1] 'grün' and 'grau'",
    ]


def test_times(shell: Any) -> None:
    days = np.array(["2001-01-01", "NaT", "2001-01-03"], "M8[D]")
    other = days.copy()
    other[2] += np.timedelta64(4, "D")
    shell.save(a=days, b=days.astype("M8[s]"), c=other, far=np.array([1 << 60] * 3, "M8[D]"))
    shell.ok("diff", "a.npy", "a.npy")
    assert differ(shell, "a.npy", "b.npy").out == "dtype: datetime64[D] and datetime64[s]\n"
    assert "a difference of 4 D" in differ(shell, "a.npy", "c.npy").out
    assert "3 of 3" in differ(shell, "far.npy", "b.npy").out


def test_what_cannot_be_compared_differs(shell: Any) -> None:
    shell.save(a=np.arange(4).reshape(2, 2), b=np.array([["a", "b"], ["c", "d"]]))
    assert differ(shell, "a.npy", "b.npy").out.splitlines() == [
        "elements: 4 of 4 differ",
        "first: [0, 0] 0 and 'a'",
        "dtype: int64 and U1",
    ]


def test_without_axes_and_without_elements(shell: Any) -> None:
    shell.save(a=np.array(3), b=np.array(5), e=np.zeros((0, 3)), o=np.zeros((0, 3)))
    zarr.create_array("a.zarr", data=np.array(3))
    shell.ok("diff", "a.npy", "a.zarr", "--quiet")
    shell.ok("diff", "e.npy", "o.npy")
    assert differ(shell, "a.npy", "b.npy").out.splitlines() == [
        "elements: 1 of 1 differ",
        "first: [] 3 and 5",
        "largest: [] 3 and 5, a difference of 2",
    ]


def test_a_stream(shell: Any, stores: np.ndarray) -> None:
    done = shell.bash("cat a.npy | concatsplit diff - a.zarr -q")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("code", "args", "says"),
    [
        (4, ("a.npy", "none.npy"), "none.npy"),
        (3, ("bad.npy", "a.npy"), "bad.npy"),
        (2, ("a.npy", "*.npy"), "diff compares two arrays"),
        (2, ("a.npy", "a.npy", "--rtol", "-1"), "--rtol"),
        (2, ("a.npy", "a.npy", "--atol", "nan"), "--atol"),
        (2, ("a.npy", "a.npy", "--memory", "much"), "much"),
        (2, ("-", "-"), "twice"),
        (2, ("a.npy",), "B"),
    ],
)
def test_errors(
    shell: Any, stores: np.ndarray, code: int, args: tuple[str, ...], says: str
) -> None:
    if "bad.npy" in args:
        (shell.folder / "bad.npy").write_bytes(b"\x93NUMPY\x01\x00")
    shell.fails(code, "diff", *args, says=says)


def test_a_budget_that_is_too_small_names_one_that_works(shell: Any) -> None:
    x = np.arange(1 << 12).astype("u1").reshape(64, 64)
    zarr.create_array("x.zarr", data=x, chunks=(64, 64))
    np.save("x.npy", x.astype("f8"))
    for refs in (("x.npy", "x.zarr"), ("x.zarr", "x.npy")):
        outcome = shell.fails(10, "diff", *refs, "--memory", "4KiB", says="--memory 4KiB")
        named = outcome.message.partition("give --memory ")[2].split()[0]
        assert "dtype" in differ(shell, *refs, "--memory", named).out


def test_a_claim_without_data_is_refused(shell: Any) -> None:
    for name in ("a", "b"):
        zarr.create_array(f"{name}.zarr", shape=(1 << 40,), chunks=(1,), dtype="u1")
    assert shell.run("diff", "a.zarr", "b.zarr").code in {3, 10}


def test_from_python(shell: Any, stores: np.ndarray) -> None:
    events: list[Any] = []
    found = cs.diff(stores, "a.zarr", on_event=events.append)
    assert found.equal
    assert sum(event.nbytes for event in events if hasattr(event, "nbytes")) == stores.nbytes
    assert not cs.diff(stores, stores[::-1]).equal
    with pytest.raises(UsageError):
        cs.diff(stores, stores, rtol=float("inf"))
    with pytest.raises(OverBudget):
        cs.diff(stores, "a.zarr", memory=1)

    def change(event: Any) -> None:
        np.save("a.npy", np.zeros(len(events) + 9))

    with pytest.raises(InputChanged):
        cs.diff("a.npy", "a.zarr", on_event=change)


@pytest.mark.parametrize("unit", ["M8[ns]", "m8[ns]"])
def test_times_that_do_not_fit_the_finer_unit_differ(shell: Any, unit: str) -> None:
    coarse = np.arange(9).astype(unit.replace("ns", "s"))
    fine = coarse.astype(unit)
    coarse[4] = np.int64(1 << 60).astype(coarse.dtype)
    shell.save(a=coarse, b=fine)
    assert differ(shell, "a.npy", "b.npy").out.startswith("elements: 1 of 9 differ\nfirst: [4]")


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("order", ["C", "F"])
def test_chunks_are_decoded_once_where_the_memory_allows_it(
    shell: Any, order: str, swapped: bool
) -> None:
    x = np.arange(1 << 18, dtype="f8").reshape(512, 512)
    zarr.create_array("x.zarr", data=x, chunks=(64, 64))
    np.save("x.npy", np.asarray(x, order=order))
    refs = ["x.npy", "x.zarr"]
    sources = open_inputs(refs[::-1] if swapped else refs)
    for memory, jobs in ((1 << 18, 8), (1 << 20, 8), (1 << 18, 1)):
        plan = plan_blocks(*sources, memory, jobs)
        assert plan.read_amplification == 1
        assert plan.peak_memory_bytes <= memory
    close_all(sources)
