"""Staged runs that are interrupted, meet a full disk, or meet each other."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

CHUNKS = ("--chunks", "16,500", "--memory", "1MiB", "-j", "1")
WORDS = ("concat", "a.npy", "b.npy", "-o", "y.zarr", *CHUNKS)


def _staged(shell: Any) -> None:
    outcome = shell.run("stage", *WORDS, "--to", "RUN")
    assert (outcome.code, outcome.err) == (0, "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_says_how_to_go_on(
    shell: Any, hold: Callable[..., Any], whole: np.ndarray, number: int, code: int
) -> None:
    run = hold(*WORDS, "--resume", call="open", nth=6, match="/c/")
    pid = run.process.pid
    assert pid is not None
    os.kill(pid, number)
    assert run.let_go() == code
    assert "the same command with --resume goes on" in run.errors
    assert "nothing was left behind" not in run.errors
    shell.ok(*WORDS, "--resume")
    np.testing.assert_array_equal(shell.read("y.zarr"), whole)


def test_a_full_disk_keeps_what_is_done(
    shell: Any, whole: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("concatsplit_core.formats.zarr.writing.write_all", full)
        outcome = shell.run(*WORDS, "--resume")
    assert outcome.code == 6
    assert "what is done is kept" in outcome.message
    assert "nothing was left behind" not in outcome.message
    shell.ok(*WORDS, "--resume")
    np.testing.assert_array_equal(shell.read("y.zarr"), whole)


def test_the_same_share_twice_at_the_same_time(
    shell: Any, hold: Callable[..., Any], whole: np.ndarray
) -> None:
    _staged(shell)
    other = hold("run", "RUN", call="open", nth=2, match="/c/")
    assert shell.run("run", "RUN").code == 0
    shell.fails(5, "commit", "RUN", says="processes are still at work on it")
    assert other.let_go() == 0, other.errors
    shell.ok("commit", "RUN")
    np.testing.assert_array_equal(shell.read("y.zarr"), whole)


def test_two_commits_at_the_same_time(
    shell: Any, hold: Callable[..., Any], whole: np.ndarray
) -> None:
    _staged(shell)
    assert shell.run("run", "RUN").code == 0
    first = hold("commit", "RUN", call="rename")
    outcome = shell.run("commit", "RUN")
    assert outcome.code == 5
    assert "another process is committing this run" in outcome.message
    assert shell.run("discard", "RUN").code == 5
    assert shell.run("concat", "a.npy", "-o", "y.zarr").code == 5
    assert first.let_go() == 0, first.errors
    np.testing.assert_array_equal(shell.read("y.zarr"), whole)
    assert sorted(shell.names()) == ["a.npy", "b.npy", "y.zarr"]


def test_a_part_that_is_damaged_is_named(shell: Any, whole: np.ndarray) -> None:
    words = ("stage", *WORDS[:3], "-o", "y.h5", *CHUNKS, "--codec", "gzip:1", "--to", "RUN")
    assert shell.run(*words).code == 0
    assert shell.run("run", "RUN").code == 0
    (part, *_) = sorted(Path().glob(".concatsplit-*/new/*.parts/0/*"))
    data = part.read_bytes()
    for damage in (b"", data[:-1], b"\xff" * 16, data[:8] + b"[[1" + data[11:]):
        part.write_bytes(damage)
        outcome = shell.run("commit", "RUN")
        assert outcome.code == 7, outcome.err
        assert "what a task left here cannot be read" in outcome.message
    part.write_bytes(data)
    shell.ok("commit", "RUN")
    np.testing.assert_array_equal(shell.read("y.h5"), whole)
