"""Copies that the kernel refuses, cuts short or gives up: the result is right, or nothing is."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from safetensors.numpy import save_file
from test_kill import Victim, holds

COPY = "copy_file_range"
SHAPE = (4, 20_000)
KINDS = {
    # where the bytes lie, where they go, and along which axis
    "npy": ("a.npy", "b.npy", "y.npy", 0),
    "npy along an inner axis": ("a.npy", "b.npy", "y.npy", 1),
    "members of npz": ("s.npz::a", "s.npz::b", "y.npy", 0),
    "safetensors": ("s.safetensors::a", "s.safetensors::b", "y.safetensors", 0),
    "contiguous hdf5": ("s.h5::a", "s.h5::b", "y.h5", 0),
    "contiguous hdf5 along an inner axis": ("s.h5::a", "s.h5::b", "y.h5", 1),
    "npy to hdf5": ("a.npy", "b.npy", "y.h5", 1),
    "chunks of zarr": ("a.zarr", "b.zarr", "y.zarr", 1),
    "shards of zarr": ("sa.zarr", "sb.zarr", "y.zarr", 0),
    "chunks of shards": ("ia.zarr", "ib.zarr", "y.zarr", 0),
}
REFUSALS = [errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EIO]
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise whose rows are worth a call of their own, in every format."""
    whole = np.random.default_rng(3).integers(0, 1 << 62, (2, *SHAPE))
    folder = tmp_path_factory.mktemp("made")
    save_file({"a": whole[0], "b": whole[1]}, folder / "s.safetensors")
    np.savez(folder / "s.npz", a=whole[0], b=whole[1])
    chunks = {"shape": SHAPE, "dtype": whole.dtype, "chunks": (2, 10_000), "compressors": None}
    start = {"shape": SHAPE, "index_location": "start"}
    for name, array in zip("ab", whole, strict=True):
        np.save(folder / f"{name}.npy", array)
        with h5py.File(folder / "s.h5", "a") as file:
            file[name] = array
        for prefix, shards in (("", None), ("s", SHAPE), ("i", start)):
            store = str(folder / f"{prefix}{name}.zarr")
            zarr.create_array(store, shards=shards, **chunks)[...] = array
    return folder


@pytest.fixture
def arrays(shell: Any, made: Path) -> list[np.ndarray]:
    """A copy of these files; what they hold."""
    shell.bring(made)
    return [np.load("a.npy"), np.load("b.npy")]


def joining(kind: str) -> tuple[Any, ...]:
    """The command line of a join."""
    first, second, output, axis = KINDS[kind]
    return ("concat", first, second, "-o", output, "--axis", axis)


def check(shell: Any, kind: str, arrays: list[np.ndarray]) -> None:
    """Join, and compare with NumPy."""
    *_, output, axis = KINDS[kind]
    done = shell.ok(*joining(kind), "--json").json
    assert done["routes"]["mapped"] == done["routes"]["decoded"] == 0
    np.testing.assert_array_equal(shell.read(output), np.concatenate(arrays, axis))


def copying(monkeypatch: pytest.MonkeyPatch, act: Callable[..., int]) -> list[int]:
    """Put a function of the call's number, the original and its arguments in its place."""
    original, calls = os.copy_file_range, []

    def fake(*args: Any) -> int:
        calls.append(len(calls) + 1)
        return act(calls[-1], original, *args)

    monkeypatch.setattr(os, COPY, fake)
    return calls


def _fail(number: int) -> Any:
    raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("number", REFUSALS, ids=errno.errorcode.get)
@pytest.mark.parametrize("kind", KINDS)
def test_a_kernel_that_cannot_is_done_without(
    shell: Any, arrays: Any, monkeypatch: pytest.MonkeyPatch, kind: str, number: int
) -> None:
    calls = copying(monkeypatch, lambda *_: _fail(number))
    check(shell, kind, arrays)
    assert calls


@pytest.mark.parametrize("nth", [1, 2, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_a_kernel_that_cannot_go_on_is_done_without(
    shell: Any, arrays: Any, monkeypatch: pytest.MonkeyPatch, kind: str, nth: int
) -> None:
    def act(call: int, original: Any, source: int, target: int, size: int, *at: int) -> int:
        if call == nth:
            _fail(errno.EINVAL)
        done: int = original(source, target, min(size, 50_000), *at)
        return done

    calls = copying(monkeypatch, act)
    check(shell, kind, arrays)
    assert len(calls) >= nth


@pytest.mark.parametrize("kind", KINDS)
def test_short_copies_are_continued(
    shell: Any, arrays: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    calls = copying(monkeypatch, lambda _, original, s, t, n, *at: original(s, t, min(n, 777), *at))
    check(shell, kind, arrays)
    assert len(calls) >= 2 * arrays[0].nbytes // 777


@pytest.mark.parametrize("kind", KINDS)
def test_a_kernel_that_copies_nothing_is_done_without(
    shell: Any, arrays: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    calls = copying(monkeypatch, lambda *_: 0)
    check(shell, kind, arrays)
    assert calls


@pytest.mark.parametrize(
    ("nth", "number"), [(1, errno.ENOSPC), (3, errno.ENOSPC), (1, errno.EDQUOT), (2, errno.EFBIG)]
)
@pytest.mark.parametrize("kind", KINDS)
def test_no_room_is_exit_6(
    shell: Any, arrays: Any, monkeypatch: pytest.MonkeyPatch, kind: str, nth: int, number: int
) -> None:
    def act(call: int, original: Any, source: int, target: int, size: int, *at: int) -> int:
        if call == nth:
            _fail(number)
        done: int = original(source, target, min(size, 50_000), *at)
        return done

    with monkeypatch.context() as patched:
        calls = copying(patched, act)
        shell.fails(6, *joining(kind), says=(KINDS[kind][2], "nothing was left"))
        assert len(calls) >= nth
    check(shell, kind, arrays)


@pytest.mark.parametrize(("call", "blamed"), [("preadv", 0), ("pwrite", 2)])
@pytest.mark.parametrize("kind", KINDS)
def test_what_fails_without_the_kernel_is_named(
    shell: Any,
    arrays: Any,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    call: str,
    blamed: int,
) -> None:
    refused: list[int] = []
    original = getattr(os, call)

    def fake(*args: Any) -> Any:
        return _fail(errno.EIO) if refused else original(*args)

    def refuse(number: int, *_: Any) -> int:
        refused.append(number)
        return int(_fail(errno.EIO))

    with monkeypatch.context() as patched:
        copying(patched, refuse)
        patched.setattr(os, call, fake)
        named = KINDS[kind][blamed].partition("::")[0]
        shell.fails(7, *joining(kind), "--jobs", 1, says=named)
        assert refused


FILES = {"chunks of zarr": "a.zarr/c/0/0", "shards of zarr": "sa.zarr/c/0/0"}
FILES["chunks of shards"] = "ia.zarr/c/0/0"


@pytest.mark.parametrize("kind", KINDS)
def test_a_source_that_becomes_shorter_is_exit_9(
    shell: Any, arrays: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    source, _, output, _ = KINDS[kind]
    file = Path(FILES.get(kind, source.partition("::")[0]))
    before = {name: facts for name, facts in shell.snapshot().items() if name != str(file)}

    def act(call: int, original: Any, *args: Any) -> int:
        if call == 1:
            os.truncate(file, 20_000)
        done: int = original(*args)
        return done

    copying(monkeypatch, act)
    outcome = shell.run(*joining(kind), "--jobs", 1)
    assert outcome.code == 9, outcome.err
    shell.one_line(outcome.err, source.partition("::")[0])
    after = {name: facts for name, facts in shell.snapshot().items() if name != str(file)}
    assert after == before
    assert not Path(output).exists()


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_signal_while_the_kernel_copies_leaves_nothing(
    shell: Any, arrays: Any, hold: Any, kind: str, number: int
) -> None:
    before = shell.snapshot()
    jobs = 1 + 2 * (number == signal.SIGTERM)
    run = hold(*joining(kind), "--jobs", jobs, call=COPY, nth=1)
    assert shell.hidden()
    os.kill(run.process.pid, number)
    assert run.let_go() == CODES[signal.Signals(number)], run.errors
    shell.one_line(run.errors.lstrip())  # Click ends the line of the ^C
    assert shell.snapshot() == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_that_is_let_go_succeeds(shell: Any, arrays: Any, hold: Any, kind: str) -> None:
    *_, output, axis = KINDS[kind]
    run = hold(*joining(kind), call=COPY, nth=1)
    assert not Path(output).exists()
    assert run.let_go() == 0, run.errors
    np.testing.assert_array_equal(shell.read(output), np.concatenate(arrays, axis))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "inner" in kind])
def test_a_killed_copy_leaves_the_old_target_or_the_new_one(
    shell: Any, arrays: Any, kind: str
) -> None:
    *_, output, axis = KINDS[kind]
    victim = Victim(shell, *joining(kind), "--force")
    for moment in victim.moments(kind, 7):
        shell.heals("concat", *KINDS[kind][:1], "-o", output, "--force")
        assert victim.killed(moment) == -9
        assert holds(shell, output, arrays[0], np.concatenate(arrays, axis)), f"killed at {moment}"
    shell.heals(*victim.args)
    assert shell.hidden() == []
