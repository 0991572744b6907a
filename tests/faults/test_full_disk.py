"""A full disk and a file size limit: exit 6, one line, nothing left, the old target as it was."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import children
import numpy as np
import pytest
from shells import Outcome

from concatsplit_core.stores import memory_files
from concatsplit_core.stores.files import copy_range

SIZE = 6 << 20
KINDS = {
    "npy": ("y.npy", ()),
    "hdf5": ("y.h5", ("--chunks", "none")),
    "gzip hdf5": ("y.h5", ("--chunks", "256,1024", "--codec", "gzip:1")),
    "plain chunks hdf5": ("y.h5", ("--chunks", "256,1024", "--codec", "none")),
    "zarr": ("y.zarr", ("--chunks", "256,1024", "--codec", "none")),
    "zstd zarr": ("y.zarr", ("--chunks", "512,1024", "--codec", "zstd:1")),
    "npz": ("y.npz", ()),
    "deflated npz": ("y.npz", ("--codec", "gzip:1")),
    "zipped zarr": ("y.zarr.zip", ("--chunks", "64,1024", "--codec", "none")),
    "member of npz": ("s.npz::new", ()),
    "member of zipped zarr": ("s.zarr.zip::new", ("--chunks", "64,1024")),
    "member of zarr": ("s.zarr::new", ("--chunks", "512,1024")),
    "member of safetensors": ("s.safetensors::new", ()),
    "member of hdf5": ("s.h5::new", ("--codec", "none")),
}


@pytest.fixture
def big(shell: Any) -> Path:
    """Noise of 4 MiB in a file beside the shell's folder; two of it do not fit the disk."""
    path = Path(shell.folder.parent) / "big.npy"
    np.save(path, np.random.default_rng(1).integers(0, 1 << 62, (512, 1024)))
    return path


@pytest.fixture
def disk(shell: Any) -> Iterator[Path]:
    """A file system of 6 MiB on the shell's folder."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(shell.folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")
    os.chdir(shell.folder)
    yield shell.folder
    os.chdir(shell.folder.parent)
    subprocess.run(["umount", "--lazy", str(shell.folder)], check=True)


def _old_targets(shell: Any) -> None:
    """Small targets that are there before, and are not to be lost."""
    np.save("old.npy", np.arange(1000))
    for target in ("y.npy", "y.h5", "y.zarr", "y.npz", "y.zarr.zip"):
        shell.ok("concat", "old.npy", "-o", target)
    for container in ("s.h5", "s.zarr", "s.npz", "s.zarr.zip", "s.safetensors"):
        shell.ok("concat", "old.npy", "-o", f"{container}::old")


def _run(shell: Any, *args: Any, largest: int | None = None) -> Outcome:
    """Run a command line in a process of its own: where a mapped file is full, a signal ends it."""
    errors, printed = (shell.folder.parent / name for name in ("errors", "printed"))
    job = (str(shell.folder), [str(arg) for arg in args], str(errors), str(printed), largest)
    code = children.finish(children.start(children.limited, *job))
    return Outcome(code, printed.read_text(), errors.read_text())


def _refused(shell: Any, done: Outcome, before: Any, output: str) -> None:
    assert done.code == 6, f"exit {done.code}: {done.err}"
    assert done.out == ""
    shell.one_line(done.err, Path(output.partition("::")[0]).name)
    assert shell.snapshot() == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk(shell: Any, big: Path, disk: Path, kind: str) -> None:
    output, options = KINDS[kind]
    _old_targets(shell)
    before = shell.snapshot()
    done = _run(shell, "concat", big, big, "-o", output, "--force", *options)
    _refused(shell, done, before, output)


@pytest.mark.parametrize("suffix", ["npy", "h5", "zarr"])
def test_a_disk_that_fills_with_the_last_part(
    shell: Any, big: Path, disk: Path, suffix: str
) -> None:
    (disk / "ballast").write_bytes(bytes(5 << 19))
    before = shell.snapshot()
    done = _run(shell, "split", big, "-o", f"p{{index}}.{suffix}", "--parts", 4)
    _refused(shell, done, before, f".{suffix}")


def test_a_disk_in_memory_that_is_full_is_an_error_for_a_thread_with_a_map_too(
    big: Path, disk: Path
) -> None:
    (disk / "ballast").write_bytes(bytes(5 << 20))
    with big.open("rb") as source, (disk / "y.npy").open("w+b") as target:
        os.ftruncate(target.fileno(), 4 << 20)
        found = os.fstat(target.fileno())
        memory_files._writing.add((found.st_dev, found.st_ino))  # as if another had the turn
        try:
            with pytest.raises(OSError, match="No space left"):
                copy_range(source.fileno(), 0, target.fileno(), 0, 4 << 20, "big.npy")
        finally:
            memory_files._writing.clear()


@pytest.mark.parametrize("kind", KINDS)
def test_what_fits_succeeds_on_the_same_disk(shell: Any, big: Path, disk: Path, kind: str) -> None:
    output, options = KINDS[kind]
    _old_targets(shell)
    shell.ok("concat", big, "-o", output, "--force", *options)
    np.testing.assert_array_equal(shell.read(output), np.load(big))


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_size_limit(shell: Any, big: Path, kind: str) -> None:
    output, options = KINDS[kind]
    _old_targets(shell)
    before = shell.snapshot()
    done = _run(shell, "concat", big, big, "-o", output, "--force", *options, largest=1 << 20)
    _refused(shell, done, before, output)


def test_a_limit_below_the_metadata(shell: Any, big: Path) -> None:
    before = shell.snapshot()
    for output in ("y.npy", "y.h5", "y.zarr"):
        done = shell.bash(f"ulimit -f 0; concatsplit concat {big} -o {output}")
        _refused(shell, Outcome(done.returncode, done.stdout, done.stderr), before, output)
