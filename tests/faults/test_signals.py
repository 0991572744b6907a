"""Asked to end: nothing is left, and the exit code says so."""

from __future__ import annotations

import os
import signal
from typing import Any

import numpy as np
import pytest

FORMATS = {
    "npy": ("y.npy", ()),
    "hdf5": ("y.h5", ("--chunks", "none")),
    "chunked hdf5": ("y.h5", ("--chunks", "8,500", "--codec", "gzip:1")),
    "zarr": ("y.zarr", ("--chunks", "8,500")),
}
JOIN = ("concat", "a.npy", "b.npy", "-o")
ELEMENTS = ("--routes", "mapped,decoded")
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("jobs", [1, 3])
def test_a_signal_while_bytes_move_leaves_nothing(
    shell: Any, whole: np.ndarray, hold: Any, kind: str, number: int, jobs: int
) -> None:
    output, options = FORMATS[kind]
    before = shell.snapshot()
    limits = ("--jobs", jobs, "--memory", f"{jobs * 400}KiB")
    run = hold(*JOIN, output, *options, *limits, *ELEMENTS, nth=2)
    assert shell.hidden()
    os.kill(run.process.pid, number)
    assert run.let_go() == CODES[signal.Signals(number)]
    shell.one_line(run.errors.lstrip())  # Click ends the line of the ^C
    assert shell.snapshot() == before


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    "order", [(signal.SIGINT, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT)]
)
def test_impatience_leaves_nothing_either(
    shell: Any, whole: np.ndarray, hold: Any, kind: str, order: tuple[int, int]
) -> None:
    output, options = FORMATS[kind]
    before = shell.snapshot()
    limits = ("--jobs", 3, "--memory", "1200KiB")
    run = hold(*JOIN, output, *options, *limits, *ELEMENTS, nth=2)
    for number in order:
        os.kill(run.process.pid, number)
    assert run.let_go() in {130, 143}, run.errors
    shell.one_line(run.errors.lstrip())  # Click ends the line of the ^C
    assert shell.snapshot() == before


@pytest.mark.parametrize("number", CODES)
def test_a_signal_while_the_result_is_made_durable_leaves_nothing(
    shell: Any, whole: np.ndarray, hold: Any, number: int
) -> None:
    shell.save(y=whole[:5])
    before = shell.snapshot()
    run = hold(*JOIN, "y.npy", "--force", call="fsync")
    os.kill(run.process.pid, number)
    assert run.let_go() == CODES[signal.Signals(number)]
    shell.one_line(run.errors.lstrip())  # Click ends the line of the ^C
    assert shell.snapshot() == before


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize("nth", [0, 1, 2])
def test_a_signal_between_renames_comes_too_late(
    shell: Any, whole: np.ndarray, hold: Any, number: int, nth: int
) -> None:
    run = hold("split", "a.npy", "-o", "p{index}.npy", "--parts", 4, call="rename", nth=nth)
    os.kill(run.process.pid, number)
    assert run.let_go() == 0, run.errors
    assert shell.hidden() == []
    for index, part in enumerate(np.split(whole[:64], 4)):
        np.testing.assert_array_equal(shell.read(f"p{index}.npy"), part)


def test_a_signal_leaves_folders_alone_that_were_there(
    shell: Any, whole: np.ndarray, hold: Any
) -> None:
    (shell.folder / "old").mkdir()
    before = shell.snapshot()
    run = hold("split", "a.npy", "-o", "old/new/p{index}.npy", "--parts", 4, nth=1)
    assert (shell.folder / "old/new").is_dir()
    os.kill(run.process.pid, signal.SIGTERM)
    assert run.let_go() == 143
    assert shell.snapshot() == before


def test_a_run_that_is_let_go_succeeds(shell: Any, whole: np.ndarray, hold: Any) -> None:
    run = hold(*JOIN, "y.npy", *ELEMENTS, nth=1)
    assert not (shell.folder / "y.npy").exists()
    assert run.let_go() == 0
    assert run.errors == ""
    assert shell.hidden() == []
    np.testing.assert_array_equal(shell.read("y.npy"), whole)
