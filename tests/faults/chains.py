"""Chains of kill and resume: killed at any moments, a run ends with the bytes of one that was not.

In the suite a few chains run for every format. This makes many more, with other moments::

    .venv/bin/python tests/faults/chains.py 1000
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import children
import numpy as np

FORMATS = {
    "npy": ("npy", ()),
    "raw": ("dat", ()),
    "safetensors": ("safetensors", ()),
    "npz": ("npz", ()),
    "deflated npz": ("npz", ("--codec", "gzip:1")),
    "hdf5": ("h5", ("--chunks", "none")),
    "chunked hdf5": ("h5", ("--chunks", "16,500", "--codec", "gzip:1")),
    "netcdf": ("nc", ("--chunks", "16,500")),
    "zarr": ("zarr", ("--chunks", "16,500")),
    "zarr 2": ("zarr", ("--codec", "zstd:1", "--chunks", "16,100", "--zarr-format", "2")),
    "zipped zarr": ("zarr.zip", ("--chunks", "16,500")),
}
KILLED = -9
_WITH_MEMBERS = ("npz", "h5", "zarr", "safetensors")
_BUDGET = ("--memory", "1MiB", "--jobs", "1")


class Chain:
    """One operator in one format, in a folder of its own, killed over and over again.

    Parameters
    ----------
    folder : Path
        An empty one.
    kind : str
        One of `FORMATS`.
    seed : str
    kills : int
        The most times that one command is killed.
    """

    def __init__(self, folder: Path, kind: str, seed: str, kills: int = 4) -> None:
        self.folder, self.signs = folder / "here", folder / "signs"
        self.patience = kills
        self.folder.mkdir(parents=True)
        self.signs.mkdir()
        self.suffix, options = FORMATS[kind]
        self.random = random.Random(f"{kind} {seed}")
        numbers = np.random.default_rng(5).integers(0, 1 << 40, (3, 64, 500))
        for name, array in zip("abc", numbers, strict=True):
            np.save(self.folder / f"{name}.npy", array)
        self.options = (*options, *_BUDGET)
        self.kills, self.is_done, self.is_clear = 0, False, True
        self.records = "manifest" in seed
        self.is_split, self.replaces = self.random.random() < 0.4, self.random.random() < 0.3
        self.adds = self.suffix in _WITH_MEMBERS and self.random.random() < 0.4
        if self.adds:
            self.replaces = False
            for name in ("plain", "y"):
                self._begin(name)
        assert self._do(*self.command("plain"), *self.options) == 0, self.errors
        self.steps = int((self.signs / "count").read_text())
        if self.replaces:
            self.options = (*self.options, "--force")
            for number in range(1 + self.is_split):
                assert self._do("fetch", "a.npy", "-o", f"y{number}.{self.suffix}") == 0
        self.before = sorted(os.listdir(self.folder))

    def _begin(self, name: str) -> None:
        """Make the containers that an array is added to; Zarr's with all metadata in one place."""
        for number in range(1 + self.is_split):
            store = f"{name}{number}.{self.suffix}"
            assert self._do("fetch", "c.npy", "-o", f"{store}::old", *self.options) == 0
            if self.suffix == "zarr":
                import zarr

                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    zarr.consolidate_metadata(str(self.folder / store))

    def command(self, name: str) -> tuple[str, ...]:
        """A join into one output, or a split into two that appear together."""
        end = f"{self.suffix}::new" if self.adds else self.suffix
        if self.is_split:
            return ("split", "a.npy", "-o", f"{name}{{index}}.{end}", "--parts", "2")
        return ("concat", "a.npy", "b.npy", "c.npy", "-o", f"{name}0.{end}")

    @property
    def _record(self) -> tuple[str, ...]:
        return ("--manifest", "m.json") if self.records else ()

    @property
    def errors(self) -> str:
        """What the last process wrote to stderr."""
        return (self.signs / "errors").read_text()

    def _do(self, *words: str, last: int = 0) -> int:
        job = (str(self.folder), list(words), str(self.signs), last)
        return children.finish(children.start(children.until, *job))

    def killed_until_done(
        self, words: tuple[str, ...], steps: int, again: Callable[[int], bool] = lambda code: False
    ) -> None:
        """Do a command line again and again, killed at random, until it comes to its end.

        Parameters
        ----------
        words : tuple of str
        steps : int
            About as many changes of the disk it makes.
        again : callable
            Takes the exit code of a failure, and returns whether to try the command again.
        """
        patience = self.patience
        while True:
            patience -= 1
            last = self.random.randrange(1, max(2, steps)) if patience >= 0 else 0
            code = self._do(*words, last=last)
            if code == 0:
                return
            if code == KILLED:
                self.kills += 1
                self.is_clear = not any(name.startswith(".") for name in os.listdir(self.folder))
            elif not again(code):
                raise AssertionError(f"exit {code}: {self.errors}")
            elif self.is_done:
                return

    def resumed(self) -> None:
        """``--resume`` until it succeeds."""

        def is_over(code: int) -> bool:
            """Killed after its last change of the disk, it is complete, and is refused again."""
            self.is_done = self.is_clear and code == 5 and "exists" in self.errors
            return self.is_done

        words = (*self.command("y"), *self.options, *self._record, "--resume")
        self.killed_until_done(words, 2 * self.steps, is_over)

    def staged(self) -> None:
        """Stage, run and commit, each until it succeeds."""
        words = ("stage", *self.command("y"), *self.options, *self._record, "--to", "RUN")

        def given_up(_code: int) -> bool:
            return self._do("discard", "RUN") == 0

        def is_gone(code: int) -> bool:
            """Killed when it had removed the record of the run, commit finds no run any more."""
            self.is_done = code == 4 and not (self.folder / "RUN" / "run.json").exists()
            return self.is_done

        self.killed_until_done(words, self.steps, given_up)
        for share in ("2/2", "1/2"):
            self.killed_until_done(("run", "RUN", "--tasks", share), self.steps)
        while (self.folder / "RUN" / "run.json").exists():
            self.killed_until_done(("commit", "RUN"), self.steps, is_gone)

    def check(self) -> None:
        """Compare the output with that of the run that was not killed, and what lies around."""
        made = [f"{number}.{self.suffix}" for number in range(1 + self.is_split)]
        for end in made:
            ours, theirs = contents(self.folder / f"y{end}"), contents(self.folder / f"plain{end}")
            assert ours.keys() == theirs.keys()
            for name, data in theirs.items():
                assert ours[name] == data, f"y{end} {name} differs"
        if self.is_done and (self.folder / "RUN").is_dir():
            (self.folder / "RUN").rmdir()
        if self.records:
            assert self._do("verify", "m.json") == 0, self.errors
            (self.folder / "m.json").unlink()
        extra = set(os.listdir(self.folder)) - set(self.before) - {f"y{end}" for end in made}
        assert not extra, f"{extra} is left"


def contents(path: Path) -> dict[str, bytes]:
    """The bytes of a file, or of all files in a folder."""
    if path.is_file():
        return {"": path.read_bytes()}
    return {str(f.relative_to(path)): f.read_bytes() for f in path.rglob("*") if f.is_file()}


def main(count: int) -> None:
    """Make so many chains, and say what came of them."""
    kills, kinds = 0, list(FORMATS)
    for number in range(count):
        kind, way = kinds[number % len(kinds)], ("resumed", "staged")[number // len(kinds) % 2]
        folder = Path(tempfile.mkdtemp(prefix="chain-"))
        try:
            ending = " manifest" if number // len(kinds) % 3 == 2 else ""
            chain = Chain(folder, kind, f"{way} {number}{ending}")
            getattr(chain, way)()
            chain.check()
            kills += chain.kills
        except AssertionError as error:
            sys.exit(f"chain {number} ({kind}, {way}): {error}; see {folder}")
        shutil.rmtree(folder)
    sys.stdout.write(f"{count} chains, {kills} kills, no different byte\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
