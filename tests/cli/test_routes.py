"""`--routes` and what `--json` says of them: only what is allowed is done, or nothing is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

ALL = ("kernel", "encoded", "mapped", "decoded")
SHAPE = (4, 20_000)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same rows, long enough for the kernel, in files of every format."""
    array = np.random.default_rng(5).normal(size=SHAPE)
    folder = tmp_path_factory.mktemp("made")
    np.save(folder / "a.npy", array)
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("gzip", data=array, chunks=(2, 5000), compression="gzip")
        file["flat"] = array
    zarr.create_array(str(folder / "a.zarr"), data=array, chunks=(2, 5000))
    return folder


@pytest.fixture
def stores(shell: Any, made: Path) -> np.ndarray:
    """A copy of these files; what each of them holds."""
    shell.bring(made)
    return np.load("a.npy")


RUNS: dict[str, tuple[tuple[Any, ...], str, str | None]] = {
    # a command line, the way its bytes go, and what stood in the way of a cheaper one
    "npy": (("concat", "a.npy", "a.npy", "-o", "y.npy"), "kernel", None),
    "npy along rows": (("concat", "a.npy", "a.npy", "-o", "y.npy", "--axis", 1), "kernel", None),
    "npy cut narrow": (
        ("split", "a.npy", "-o", "p{index}.npy", "--axis", 1, "--size", 10_000),
        "mapped",
        "runs of 80000 bytes are shorter than 128KiB, where the kernel's copy pays",
    ),
    "npy cast": (
        ("concat", "a.npy", "-o", "y.npy", "--dtype", "f4"),
        "mapped",
        "float64 becomes float32",
    ),
    "npy turned": (
        ("concat", "a.npy", "-o", "y.npy", "--memory-order", "F"),
        "mapped",
        "the element order changes",
    ),
    "contiguous hdf5": (("concat", "a.h5::flat", "-o", "y.h5"), "kernel", None),
    "npy to zarr": (
        ("concat", "a.npy", "-o", "y.zarr"),
        "decoded",
        "elements are encoded into chunks",
    ),
    "hdf5": (("concat", "a.h5::gzip", "a.h5::gzip", "-o", "y.h5"), "encoded", None),
    "hdf5 to npy": (
        ("concat", "a.h5::gzip", "-o", "y.npy"),
        "decoded",
        "an input is stored in chunks",
    ),
    "hdf5 at another level": (
        ("concat", "a.h5::gzip", "-o", "y.h5", "--codec", "gzip:9"),
        "decoded",
        "the codecs differ",
    ),
    "zarr": (("concat", "a.zarr", "a.zarr", "-o", "y.zarr", "--axis", 1), "encoded", None),
    "zarr in other chunks": (
        ("concat", "a.zarr", "-o", "y.zarr", "--chunks", "4,5000"),
        "decoded",
        "chunks of (2, 5000) become chunks of (4, 5000)",
    ),
    "zarr stacked": (("stack", "a.zarr", "a.zarr", "-o", "y.zarr"), "encoded", None),
    "zarr off the grid": (
        ("split", "a.zarr", "-o", "p{index}.zarr", "--at", 1, "--only", 1),
        "decoded",
        "the chunk grids are offset against each other",
    ),
    "fetched": (("fetch", "a.h5::flat", "-o", "y.npy"), "kernel", None),
    "fed": (("feed", "a.zarr", "y.zarr::x"), "encoded", None),
}  # fmt: skip


@pytest.mark.parametrize("run", RUNS)
def test_json_says_which_way_and_why(shell: Any, stores: np.ndarray, run: str) -> None:
    args, route, why = RUNS[run]
    planned = shell.ok(*args, "--json", "--dry-run").json
    done = shell.ok(*args, "--json").json
    for result in (planned, done):
        assert result["routes"] == dict.fromkeys(ALL, 0) | {route: result["bytes_written"]}
        assert result["plan"]["reasons"] == ({} if why is None else {route: [why]})


def test_a_plan_says_where_outputs_start(shell: Any, tmp_path: Path) -> None:
    rows = 5000
    np.save("w.npy", np.zeros((3 * rows, 8)))
    args = ("split", "w.npy", "-o", "w{index}.npy", "--parts", 3)
    planned = shell.ok(*args, "--dry-run", "--json").json["plan"]["alignment"]
    assert planned == {f"w{i}.npy": (128 + i * rows * 64) % 4096 for i in range(3)}
    assert "3 outputs start where blocks can be shared" in shell.ok(*args, "--dry-run").out
    shell.ok(*args)
    for name, offset in planned.items():
        assert (Path(name).stat().st_size - rows * 64) % 4096 == offset


def test_a_person_is_told_too(shell: Any, stores: np.ndarray) -> None:
    args = ("concat", "a.zarr", "-o", "y.zarr", "--codec", "gzip:1", "--dry-run")
    assert "because the codecs differ" in shell.ok(*args).out


@pytest.mark.parametrize("run", [run for run in RUNS if run not in {"zarr off the grid", "fed"}])
@pytest.mark.parametrize(
    "routes", ["decoded", "mapped,decoded", "decoded,kernel", "encoded,decoded"]
)
def test_only_what_is_allowed_is_done(
    shell: Any, stores: np.ndarray, run: str, routes: str
) -> None:
    args, cheapest, _ = RUNS[run]
    usual = shell.ok(*args, "--json").json
    expected = [shell.read(output["ref"]) for output in usual["outputs"]]
    found = shell.ok(*args, "--routes", routes, "--json", "--force").json
    taken = {route for route, nbytes in found["routes"].items() if nbytes}
    assert taken <= set(routes.split(","))
    if cheapest in routes.split(","):
        assert taken == {cheapest}
    for output, array in zip(found["outputs"], expected, strict=True):
        np.testing.assert_array_equal(shell.read(output["ref"]), array)


REFUSED: dict[str, tuple[tuple[Any, ...], str, tuple[str, ...]]] = {
    "encoded of npy": (
        RUNS["npy"][0],
        "encoded",
        ("input 0 (a.npy) cannot be copied to output 0 (y.npy)", "kernel", "allow mapped"),
    ),
    "kernel of short runs": (RUNS["npy cut narrow"][0], "kernel", ("80000 bytes", "allow mapped")),
    "kernel of chunks": (RUNS["zarr"][0], "kernel", ("leaves out encoded", "allow decoded")),
    "mapped of chunks": (RUNS["hdf5 to npy"][0], "mapped", ("in chunks", "allow decoded")),
    "encoded of another codec": (
        RUNS["hdf5 at another level"][0], "encoded", ("the codecs differ", "allow decoded")
    ),
    "encoded off the grid": (
        RUNS["zarr off the grid"][0], "kernel,encoded", ("offset", "allow decoded")
    ),
    "no route": (RUNS["npy"][0], "fast", ("'fast'", "kernel, encoded, mapped, decoded")),
    "one of two": (RUNS["npy"][0], "kernel,fast", ("'fast'",)),
    "nothing": (RUNS["npy"][0], "", ("is empty",)),
    "capitals": (RUNS["npy"][0], "KERNEL", ("'KERNEL'",)),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_done_so_is_a_usage_error(shell: Any, stores: np.ndarray, what: str) -> None:
    args, routes, says = REFUSED[what]
    shell.fails(2, *args, "--routes", routes, says=(f"--routes {routes}".rstrip(), *says))
    shell.fails(2, *args, "--routes", routes, "--dry-run", says=says)


def test_a_wrong_name_is_told_before_inputs_are_opened(shell: Any) -> None:
    shell.fails(2, "concat", "missing.npy", "-o", "y.npy", "--routes", "fast", says="'fast'")
