"""Runs commands in a folder, reads results without the product, and sees what is left behind."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xxhash
import zarr
import zarr.storage
from click.testing import CliRunner
from safetensors.numpy import load_file

from concatsplit_cli.main import main

ERROR = "concatsplit: error: "

_MEASURED = """
import os, sys
from concatsplit_cli.main import main
report = sys.argv.pop(1)
try:
    main()
finally:
    status = open("/proc/self/status").read()
    peak = int(status.split("VmHWM:")[1].split()[0])
    open(report, "w").write(str(peak * 1024))
"""


@dataclass(frozen=True)
class Outcome:
    """What a command gave back."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object on stdout."""
        return json.loads(self.out)

    @property
    def message(self) -> str:
        """The one line of an error."""
        return self.err.splitlines()[-1].removeprefix(ERROR)


class Shell:
    """Runs ``concatsplit`` in a folder of its own, which is also the working directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *args: Any, stdin: bytes | None = None) -> Outcome:
        """Run a command line in this process."""
        result = CliRunner().invoke(main, [str(arg) for arg in args], input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Outcome(result.exit_code, result.stdout, result.stderr)

    def ok(self, *args: Any, stdin: bytes | None = None) -> Outcome:
        """Run a command that succeeds without a word on stderr and leaves no staging behind."""
        outcome = self.run(*args, stdin=stdin)
        assert outcome.code == 0, outcome.err
        assert outcome.err == ""
        assert self.hidden() == []
        return outcome

    def heals(self, *args: Any) -> Outcome:
        """Run a command that succeeds, and says what it did about runs that were killed."""
        outcome = self.run(*args)
        assert outcome.code == 0, outcome.err
        for line in outcome.err.splitlines():
            assert line.startswith("concatsplit: note: "), line
            assert "a killed run" in line, line
        assert self.hidden() == []
        return outcome

    def fails(self, code: int, *args: Any, says: str | tuple[str, ...] = ()) -> Outcome:
        """Run a command that fails as the contract wants it.

        With this exit code, one line that says certain words, no traceback, nothing on stdout,
        and no file or folder added, changed or removed.
        """
        before = self.snapshot()
        outcome = self.run(*args)
        assert outcome.code == code, f"exit {outcome.code}, not {code}: {outcome.err}{outcome.out}"
        self.one_line(outcome.err, says)
        assert outcome.out == ""
        assert self.snapshot() == before
        return outcome

    @staticmethod
    def one_line(err: str, says: str | tuple[str, ...] = ()) -> None:
        """Hold an error message to one line; Click's own usage errors may show the usage too."""
        lines = err.splitlines()
        while lines and lines[0].startswith(("Usage: ", "       ")):
            lines.pop(0)
        assert len(lines) == 1, err
        assert lines[0].startswith(ERROR), err
        assert "Traceback" not in err
        assert "internal error" not in err
        for word in (says,) if isinstance(says, str) else says:
            assert word in lines[0], f"{word!r} is not in {lines[0]!r}"

    def process(self, *args: Any, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command line in a new process."""
        return subprocess.run(
            [self.command, *map(str, args)],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            **options,
        )

    def bash(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a script of bash, in which ``concatsplit`` is on the path."""
        path = f"{Path(self.command).parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=os.environ | {"PATH": path},
        )

    def measured(self, *args: Any) -> tuple[Outcome, int]:
        """Run a command line in a new process, and return its peak resident memory in bytes."""
        report = self.folder.parent / f"{self.folder.name}.peak"
        done = subprocess.run(
            [sys.executable, "-c", _MEASURED, str(report), *map(str, args)],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr), int(report.read_text())

    @property
    def command(self) -> str:
        """The installed command."""
        return str(Path(sys.executable).with_name("concatsplit"))

    def snapshot(self) -> dict[str, tuple[Any, ...]]:
        """All that is in the folder: kinds, modes, identities and contents."""
        skipped = len(str(self.folder)) + 1
        return {entry.path[skipped:]: _facts(entry) for entry in _below(str(self.folder))}

    def hidden(self) -> list[str]:
        """What staging left behind."""
        return [
            entry.path
            for entry in _below(str(self.folder))
            if entry.name.startswith(".concatsplit-")
        ]

    def names(self) -> list[str]:
        """Files and folders on the top level."""
        return sorted(os.listdir(self.folder))

    def bring(self, folder: Path) -> None:
        """Copy the small files of a folder here, and nothing of their times and modes."""
        shutil.copytree(folder, self.folder, symlinks=True, copy_function=_copy, dirs_exist_ok=True)

    def save(self, **arrays: np.ndarray) -> None:
        """Write .npy files, one an argument."""
        for name, array in arrays.items():
            np.save(self.folder / f"{name}.npy", array)

    @staticmethod
    def read(ref: str) -> np.ndarray:
        """An array, read by the library that owns its format."""
        path, _, member = ref.partition("::")
        if path.endswith(".npy"):
            return np.load(path)
        if path.endswith(".safetensors"):
            return load_file(path)[member or "data"]
        if path.endswith(".npz"):
            with np.load(path) as archive:
                return np.asarray(archive[member or "data"])
        if path.endswith(".zarr.zip"):
            with zarr.storage.ZipStore(path, mode="r") as store:
                return np.asarray(zarr.open_array(store, path=member or None, mode="r")[...])
        if path.endswith(".zarr"):
            found: Any = zarr.open(path, mode="r")
            return np.asarray(found[member][...] if member else found[...])
        with h5py.File(path) as file:
            return np.asarray(file[member or "data"][...])


def _below(folder: str) -> Iterator[os.DirEntry[str]]:
    """All that lies in a folder, at any depth; `Path.rglob` takes several times as long."""
    try:
        found = os.scandir(folder)
    except PermissionError:
        return
    with found:
        for entry in found:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                yield from _below(entry.path)


def _copy(old: str, new: str) -> None:
    """Twice as fast as `shutil.copyfile` for files as small as here."""
    with open(old, "rb", buffering=0) as source, open(new, "wb", buffering=0) as target:
        target.write(source.readall())


def _facts(entry: os.DirEntry[str]) -> tuple[Any, ...]:
    status = entry.stat(follow_symlinks=False)
    mode = stat.filemode(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        return mode, os.readlink(entry)
    if stat.S_ISREG(status.st_mode):
        with open(entry, "rb", buffering=0) as file:
            digest = xxhash.xxh3_128_digest(file.readall())
        return mode, status.st_ino, status.st_mtime_ns, status.st_nlink, digest
    return mode, status.st_ino
