"""Tests of every executor: it makes the bytes and errors that threads make, and leaves nothing.

The tests of an executor are a subclass of `ExecutorConformance` with its two fixtures, beside
a fixture `two`: a shell with A as a.npy and A + 1 as b.npy.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import concatsplit_core as cs
from concatsplit_core.foundation.errors import IOFailure, MalformedInput
from concatsplit_core.run import batches

A = np.random.default_rng(3).integers(0, 1 << 40, (96, 500))
WHOLE = np.concatenate([A, A + 1])
SMALL: dict[str, Any] = {"memory": "2MiB", "jobs": 2}


def contents(path: Path) -> dict[str, bytes]:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


class ExecutorConformance:
    """Tests of one executor, as the option `executor` takes it."""

    @pytest.fixture
    def executor(self) -> Any:
        """One as users have it."""
        raise NotImplementedError

    @pytest.fixture
    def threads(self) -> Any:
        """One whose workers are threads of this process, so that a test can make them fail."""
        raise NotImplementedError

    @pytest.mark.parametrize(
        ("suffix", "options"),
        [
            ("npy", {}),
            ("h5", {"chunks": "none"}),
            ("h5", {"chunks": (16, 500), "codec": "gzip:1"}),
            ("zarr", {"chunks": (16, 500)}),
            ("npz", {"codec": "gzip:1"}),
        ],
    )
    def test_it_makes_the_bytes_that_threads_make(
        self, two: Any, executor: Any, suffix: str, options: dict[str, Any]
    ) -> None:
        seen: list[str] = []

        def listen(event: Any) -> None:
            seen.append(type(event).__name__)

        inputs, words = ["a.npy", "b.npy"], options | SMALL
        made = cs.concat(inputs, f"y.{suffix}", executor=executor, on_event=listen, **words)
        cs.concat(inputs, f"z.{suffix}", **words)
        assert contents(Path(f"y.{suffix}")) == contents(Path(f"z.{suffix}"))
        assert seen.count("Moved") == len(made.plan)
        assert two.hidden() == []

    def test_an_error_is_that_of_threads_and_leaves_nothing(self, two: Any, executor: Any) -> None:
        cs.concat(["a.npy"], "in.zarr", chunks=(16, 500), codec="zstd:1")
        Path("in.zarr/c/3/0").write_bytes(b"damaged")
        before = two.snapshot()
        with pytest.raises(MalformedInput, match=r"in\.zarr"):
            cs.concat(["in.zarr", "b.npy"], "y.zarr", executor=executor, codec="none", **SMALL)
        assert two.snapshot() == before

    def test_what_fails_to_be_read_is_tried_three_times(
        self, two: Any, threads: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        failures = iter([IOFailure("the network is away"), IOFailure("again")])
        original = batches._worker_of

        def failing(path: str, key: str) -> Any:
            for failure in failures:
                raise failure
            return original(path, key)

        monkeypatch.setattr(batches, "_worker_of", failing)
        cs.concat(["a.npy", "b.npy"], "y.npy", executor=threads, **SMALL)
        np.testing.assert_array_equal(np.load("y.npy"), WHOLE)
        failures = iter([IOFailure(str(number)) for number in range(99)])
        with pytest.raises(IOFailure):
            cs.concat(["a.npy", "b.npy"], "z.npy", executor=threads, **SMALL)
        assert two.hidden() == []

    def test_an_interrupted_run_leaves_nothing(self, two: Any, threads: Any) -> None:
        def stop(event: Any) -> None:
            if type(event).__name__ == "Moved":
                raise KeyboardInterrupt

        words: dict[str, Any] = {"executor": threads, "on_event": stop, "chunks": (4, 500)}
        with pytest.raises(KeyboardInterrupt):
            cs.concat(["a.npy"], "y.zarr", memory="128KiB", jobs=1, **words)
        assert two.names() == ["a.npy", "b.npy"]
