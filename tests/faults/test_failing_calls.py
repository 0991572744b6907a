"""System calls that fail, stop short or lie: nothing is left, or the result is right."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from concatsplit_core.stores import renames

OUTPUTS = {
    "npy": ("y.npy", ()),
    "safetensors": ("y.safetensors", ()),
    "npz": ("y.npz", ()),
    "zipped zarr": ("y.zarr.zip", ("--chunks", "16,500")),
    "npy of another axis": ("y.npy", ("--axis", "1")),
    "hdf5": ("y.h5", ("--chunks", "none")),
    "chunked hdf5": ("y.h5", ("--chunks", "16,500", "--codec", "gzip:1")),
    "plain chunks hdf5": ("y.h5", ("--chunks", "16,500", "--codec", "none")),
    "zarr": ("y.zarr", ("--chunks", "16,500")),
}
JOIN = ("concat", "a.npy", "b.npy", "-o")
ELEMENTS = ("--routes", "mapped,decoded")
"""Nothing moves as it is stored; what happens to that is in test_moving_faults.py."""
CODES = {errno.ENOSPC: 6, errno.EDQUOT: 6, errno.EFBIG: 6, errno.EIO: 7, errno.EROFS: 7}


def failing(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    number: int,
    when: Callable[[int, tuple[Any, ...]], bool],
) -> list[int]:
    """Make a function of ``os`` fail when a condition on its call holds; lists the failures."""
    original = getattr(os, name)
    calls, failures = 0, []

    def fake(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if when(calls, args):
            failures.append(calls)
            raise OSError(number, os.strerror(number))
        return original(*args, **kwargs)

    monkeypatch.setattr(os, name, fake)
    return failures


@pytest.mark.parametrize("kind", OUTPUTS)
@pytest.mark.parametrize("nth", [1, 2, 3])
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_write_that_fails(
    shell: Any,
    whole: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    nth: int,
    jobs: int,
) -> None:
    output, options = OUTPUTS[kind]
    shell.save(old=np.arange(3))
    shell.ok("concat", "old.npy", "-o", output)
    limits = ("--jobs", jobs, "--memory", f"{jobs * 400}KiB")
    args = (*JOIN, output, "--force", *options, *limits, *ELEMENTS)
    with monkeypatch.context() as patched:
        failures = failing(patched, "pwrite", errno.EIO, lambda calls, _: calls == nth)
        shell.fails(7, *args, says=output)
        assert failures
    shell.ok(*args)


@pytest.mark.parametrize("number", CODES, ids=errno.errorcode.get)
@pytest.mark.parametrize("output", ["y.npy", "y.h5", "y.zarr"])
@pytest.mark.parametrize("call", ["pwrite", "fsync", "mkdir"])
def test_what_the_system_says_becomes_the_code(
    shell: Any,
    whole: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    output: str,
    call: str,
) -> None:
    with monkeypatch.context() as patched:
        failures = failing(patched, call, number, lambda *_: True)
        shell.fails(CODES[number], *JOIN, output, says=output)
        assert failures


@pytest.mark.parametrize("kind", OUTPUTS)
@pytest.mark.parametrize("most", [1000, 4097])
def test_short_writes_are_continued(
    shell: Any, whole: np.ndarray, monkeypatch: pytest.MonkeyPatch, kind: str, most: int
) -> None:
    output, options = OUTPUTS[kind]
    original = os.pwrite
    with monkeypatch.context() as patched:
        patched.setattr(
            os, "pwrite", lambda fd, data, at: original(fd, memoryview(data).cast("B")[:most], at)
        )
        shell.ok(*JOIN, output, *options)
    shell.ok(*JOIN, f"expected-{output}", *options)
    assert shell.read(output).tobytes() == shell.read(f"expected-{output}").tobytes()


@pytest.mark.parametrize("source", ["a.npy", "s.h5::flat", "s.h5::gzip", "s.zarr"])
def test_short_reads_are_continued(
    shell: Any, whole: np.ndarray, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    _store(shell)
    original = os.preadv
    calls = []

    def short(fd: int, buffers: list[Any], at: int, *rest: Any) -> int:
        calls.append(at)
        return original(fd, [memoryview(buffers[0]).cast("B")[:777]], at, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(os, "preadv", short)
        shell.ok("concat", source, "b.npy", "-o", "y.npy", *ELEMENTS)
    assert calls
    np.testing.assert_array_equal(shell.read("y.npy"), whole)


@pytest.mark.parametrize("source", ["a.npy", "s.h5::flat", "s.h5::gzip", "s.zarr"])
@pytest.mark.parametrize("output", ["y.npy", "y.h5", "y.zarr"])
def test_a_read_that_fails_names_the_input(
    shell: Any, whole: np.ndarray, monkeypatch: pytest.MonkeyPatch, source: str, output: str
) -> None:
    _store(shell)
    with monkeypatch.context() as patched:
        failures = failing(patched, "preadv", errno.EIO, lambda *_: True)
        shell.fails(7, "concat", source, "-o", output, *ELEMENTS, says=source)
        assert failures


def _store(shell: Any) -> None:
    shell.ok("concat", "a.npy", "-o", "s.h5::flat")
    shell.ok("concat", "a.npy", "-o", "s.h5::gzip", "--codec", "gzip:1", "--chunks", "16,500")
    shell.ok("concat", "a.npy", "-o", "s.zarr", "--chunks", "16,500")


@pytest.mark.parametrize("output", ["y.npy", "y.h5", "y.zarr"])
@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_folder_that_cannot_be_made_durable_takes_the_renames_back(
    shell: Any,
    whole: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    output: str,
    force: tuple[str, ...],
) -> None:
    if force:
        shell.ok("concat", "a.npy", "-o", output)
    here = os.stat(".").st_ino
    with monkeypatch.context() as patched:
        failures = failing(
            patched, "fsync", errno.EIO, lambda _, args: os.fstat(args[0]).st_ino == here
        )
        shell.fails(7, *JOIN, output, *force, says=output)
        assert failures


def test_every_file_and_folder_is_made_durable(
    shell: Any, whole: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = os.fsync
    synced: list[tuple[int, bool]] = []

    def noting(fd: int) -> None:
        status = os.fstat(fd)
        synced.append((status.st_ino, stat.S_ISDIR(status.st_mode)))
        original(fd)

    monkeypatch.setattr(os, "fsync", noting)
    shell.ok(*JOIN, "y.npy", "--no-sync")
    assert synced == []
    shell.ok(*JOIN, "y.zarr", "--chunks", "64,500")
    store = {path.stat().st_ino for path in (shell.folder / "y.zarr").rglob("*")}
    assert {inode for inode, _ in synced} >= store | {(shell.folder / "y.zarr").stat().st_ino}
    assert synced[-1] == (shell.folder.stat().st_ino, True)


@pytest.mark.parametrize("nth", [1, 3, 5])
@pytest.mark.parametrize("suffix", ["npy", "h5", "zarr"])
@pytest.mark.parametrize("existing", [(), (0, 1, 4), (0, 1, 2, 3, 4)])
def test_a_rename_that_fails_takes_the_whole_set_back(
    shell: Any,
    monkeypatch: pytest.MonkeyPatch,
    nth: int,
    suffix: str,
    existing: tuple[int, ...],
) -> None:
    x = np.arange(50.0).reshape(5, 10)
    shell.save(x=x, old=x[0])
    for index in existing:
        shell.ok("concat", "old.npy", "-o", f"p{index}.{suffix}")
    original, calls = renames.renameat2, 0

    def rename(*args: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == nth:
            raise OSError(errno.EIO, "Input/output error")
        original(*args)

    args = ("split", "x.npy", "-o", f"p{{index}}.{suffix}", "--size", 1, "--force")
    with monkeypatch.context() as patched:
        patched.setattr(renames, "renameat2", rename)
        shell.fails(7, *args, says=suffix)
    shell.ok(*args)
    for index in range(5):
        np.testing.assert_array_equal(shell.read(f"p{index}.{suffix}"), x[index : index + 1])


@pytest.mark.parametrize(
    ("number", "refused"),
    [
        (errno.EINVAL, [renames.EXCHANGE]),
        (errno.EINVAL, [renames.EXCHANGE, renames.NOREPLACE]),
        (errno.ENOSYS, [renames.EXCHANGE, renames.NOREPLACE]),
    ],
)
@pytest.mark.parametrize("suffix", ["npy", "zarr"])
def test_file_systems_without_flags_of_renameat2(
    shell: Any,
    whole: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    refused: list[int],
    suffix: str,
) -> None:
    original = renames.renameat2

    def rename(here: Any, there: Any, flags: int) -> None:
        if flags in refused:
            raise OSError(number, os.strerror(number))
        original(here, there, flags)

    monkeypatch.setattr(renames, "renameat2", rename)
    shell.ok("concat", "a.npy", "-o", f"y.{suffix}")
    shell.ok(*JOIN, f"y.{suffix}", "--force")
    np.testing.assert_array_equal(shell.read(f"y.{suffix}"), whole)
