"""Chunks that move as they are stored, and calls that fail on the way."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

SHAPE = (64, 500)
CHUNKS = (8, 500)
KINDS = {
    # where the chunks lie and where they go
    "hdf5": (("a.h5", "b.h5"), "y.h5"),
    "hdf5 behind a user block": (("ua.h5", "ub.h5"), "y.h5"),
    "zarr": (("a.zarr", "b.zarr"), "y.zarr"),
    "shards": (("sa.zarr", "sb.zarr"), "y.zarr"),
    "chunks of shards": (("ia.zarr", "ib.zarr"), "y.zarr"),
    "hdf5 to zarr": (("a.h5", "b.h5"), "y.zarr"),
    "zarr to hdf5": (("2a.zarr", "2b.zarr"), "y.h5"),
}
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise in chunks of every kind."""
    whole = np.random.default_rng(7).integers(0, 1 << 62, (2, *SHAPE))
    folder = tmp_path_factory.mktemp("made")
    start = {"shape": (32, 500), "index_location": "start"}
    plain = {"shape": SHAPE, "dtype": whole.dtype, "chunks": CHUNKS}
    from numcodecs import Zlib

    for name, array in zip("ab", whole, strict=True):
        np.save(folder / f"{name}.npy", array)
        for prefix, block in (("", 0), ("u", 512)):
            with h5py.File(folder / f"{prefix}{name}.h5", "w", userblock_size=block) as file:
                settings = {"chunks": CHUNKS, "compression": "gzip", "compression_opts": 1}
                file.create_dataset("x", data=array, **settings)
        for prefix, shards in (("", None), ("s", (32, 500)), ("i", start)):
            store = str(folder / f"{prefix}{name}.zarr")
            zarr.create_array(store, shards=shards, **plain)[...] = array
        store = str(folder / f"2{name}.zarr")
        made = zarr.create_array(store, zarr_format=2, compressors=Zlib(1), **plain)
        made[...] = array
    return folder


@pytest.fixture
def both(shell: Any, made: Path) -> np.ndarray:
    """A copy of these files; the join of what they hold."""
    shell.bring(made)
    return np.concatenate([np.load("a.npy"), np.load("b.npy")])


def joining(kind: str, *more: Any) -> tuple[Any, ...]:
    """The command line of a join that decodes nothing."""
    inputs, output = KINDS[kind]
    form = ("--zarr-format", 2) if kind == "hdf5 to zarr" else ()
    return ("concat", *inputs, "-o", output, "--routes", "encoded", *form, *more)


def _fail(number: int) -> Any:
    raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("kind", KINDS)
def test_all_of_it_moves(shell: Any, both: np.ndarray, kind: str) -> None:
    done = shell.ok(*joining(kind), "--json").json
    assert done["routes"]["encoded"] == both.nbytes
    np.testing.assert_array_equal(shell.read(KINDS[kind][1]), both)


@pytest.mark.parametrize("nth", [1, 2, 7])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind][1] == "y.h5"])
def test_a_write_that_fails(
    shell: Any, both: np.ndarray, monkeypatch: pytest.MonkeyPatch, kind: str, nth: int
) -> None:
    original, calls = os.pwrite, []

    def fake(*args: Any) -> int:
        calls.append(args[0])
        return int(_fail(errno.EIO)) if len(calls) == nth else original(*args)

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", fake)
        shell.fails(7, *joining(kind), says="y.h5: cannot be written")
    assert len(calls) >= nth
    shell.ok(*joining(kind))


def _own(path: Any) -> bool:
    """Whether a path is one of a staged output."""
    return ".concatsplit-" in str(path)


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE])
@pytest.mark.parametrize("kind", ["hdf5", "chunks of shards", "hdf5 to zarr", "zarr to hdf5"])
def test_a_read_that_fails_names_the_input(
    shell: Any, both: np.ndarray, monkeypatch: pytest.MonkeyPatch, kind: str, number: int
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, "copy_file_range", lambda *_: _fail(errno.EXDEV))
        patched.setattr(os, "preadv", lambda *_: _fail(number))
        inputs, _ = KINDS[kind]
        shell.fails(7, *joining(kind, "--jobs", 1), says=f"{inputs[0]}")


@pytest.mark.parametrize(("number", "code"), [(errno.EACCES, 4), (errno.EIO, 7)])
@pytest.mark.parametrize("kind", ["zarr", "shards", "chunks of shards", "zarr to hdf5"])
def test_a_chunk_that_cannot_be_opened_names_the_input(
    shell: Any,
    both: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    number: int,
    code: int,
) -> None:
    original, refused = os.open, []

    def fake(path: Any, *args: Any, **named: Any) -> int:
        if str(path).endswith(("/c/0/0", "/0.0")) and not _own(path):
            refused.append(path)
            _fail(number)
        return original(path, *args, **named)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", fake)
        shell.fails(code, *joining(kind, "--jobs", 1), says=KINDS[kind][0][0])
    assert refused


@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind][1] == "y.zarr"])
def test_a_file_that_cannot_be_made_names_the_output(
    shell: Any, both: np.ndarray, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    original = os.open

    def fake(path: Any, flags: int, *args: Any, **named: Any) -> int:
        if flags & os.O_CREAT and str(path).endswith(("/c/0/0", "/0.0")):
            _fail(errno.EMFILE)
        return original(path, flags, *args, **named)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", fake)
        shell.fails(7, *joining(kind), says="y.zarr: cannot be written")


CHANGED = {
    "hdf5": "b.h5",
    "hdf5 behind a user block": "ub.h5",
    "zarr": "b.zarr/c/7/0",
    "shards": "sb.zarr/c/1/0",
    "chunks of shards": "ib.zarr/c/1/0",
    "hdf5 to zarr": "b.h5",
    "zarr to hdf5": "2b.zarr/7.0",
}


@pytest.mark.parametrize("change", [os.unlink, lambda path: os.truncate(path, 100)])
@pytest.mark.parametrize("kind", CHANGED)
def test_a_source_that_is_cut_or_gone_is_exit_9(
    shell: Any, both: np.ndarray, monkeypatch: pytest.MonkeyPatch, kind: str, change: Any
) -> None:
    file, output = CHANGED[kind], KINDS[kind][1]
    before = {name: facts for name, facts in shell.snapshot().items() if name != file}
    call = "copy_file_range" if output == "y.zarr" else "pwrite"
    original, calls = getattr(os, call), []

    def fake(*args: Any) -> int:
        if not calls:
            change(file)
        calls.append(args[0])
        return int(original(*args))

    monkeypatch.setattr(os, call, fake)
    outcome = shell.run(*joining(kind, "--jobs", 1))
    assert calls
    assert outcome.code == 9, outcome.err
    shell.one_line(outcome.err, KINDS[kind][0][1])
    after = {name: facts for name, facts in shell.snapshot().items() if name != file}
    assert after == before
    assert not Path(output).exists()


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_signal_while_chunks_move_leaves_nothing(
    shell: Any, both: np.ndarray, hold: Any, kind: str, number: int
) -> None:
    before = shell.snapshot()
    jobs = 1 + 2 * (number == signal.SIGINT)
    call = "copy_file_range" if KINDS[kind][1] == "y.zarr" else "pwrite"
    run = hold(*joining(kind, "--jobs", jobs), call=call, nth=2)
    assert shell.hidden()
    os.kill(run.process.pid, number)
    assert run.let_go() == CODES[signal.Signals(number)], run.errors
    shell.one_line(run.errors.lstrip())  # Click ends the line of the ^C
    assert shell.snapshot() == before
