"""Run the contestants of a case, alternating, several rounds, and look at every result."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.measures import Measured, Result, Sample
from benchmarks.model import Case, Contestant, Role

ROOT = Path(__file__).resolve().parents[1]

PEER_SECONDS = 5.0
"""A peer that has taken this long in a case runs no further round of it."""

LIMIT_SECONDS = 300.0
"""A process that takes longer is ended, and counts as failed."""

_OUT, _STDOUT, _STDERR = Path("out"), Path("stdout"), Path("stderr")


def environment() -> dict[str, str]:
    """The environment in which the programs of this package are found."""
    return os.environ | {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}


def program(name: str) -> str | None:
    """Path of a program; those of this Python's own environment come first."""
    if name == "python":
        return sys.executable
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name)


def missing(contestant: Contestant) -> str | None:
    """What is not installed that a contestant needs, if anything."""
    wanted = [name for name in contestant.needs if find_spec(name) is None]
    if not wanted and program(contestant.argv[0]) is None:
        wanted = [contestant.argv[0]]
    return wanted[0] if wanted else None


def build(names: Sequence[str], scale: float) -> None:
    """Make those inputs that are not in the current folder yet, in a process of their own."""
    wanted = [name for name in names if not Path(name).exists()]
    command = [sys.executable, "-m", "benchmarks.data", "--scale", str(scale), *wanted]
    if wanted:
        subprocess.run(command, check=True, env=environment())


def run_process(contestant: Contestant) -> tuple[Sample, int]:
    """Run one whole process.

    Returns
    -------
    sample : Sample
        Wall time from start to end, and the peak resident memory that the kernel counted.
    status : int
        The exit code, negative for a signal.
    """
    argv = [program(contestant.argv[0]) or contestant.argv[0], *contestant.argv[1:]]
    variables = environment() if "-m" in argv[1:2] else None
    stdout = Path(contestant.stdout) if contestant.stdout else _STDOUT
    with stdout.open("wb") as out, _STDERR.open("wb") as err:
        begin = time.perf_counter()
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=variables
        )
        watch = threading.Timer(LIMIT_SECONDS, process.kill)
        watch.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            watch.cancel()
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
    return Sample(seconds, usage.ru_maxrss * 1024), process.returncode


@dataclass
class _Entry:
    """A contestant on its way through the rounds."""

    contestant: Contestant
    samples: list[Sample] = field(default_factory=list)
    known: str = ""
    equal: bool | None = None
    storage: str = ""
    routes: Mapping[str, int] = field(default_factory=dict)
    note: str = ""

    def goes_on(self) -> bool:
        slow = sum(sample.seconds for sample in self.samples) > PEER_SECONDS
        return not self.note and not (slow and self.contestant.role is Role.PEER)

    def run(self, settle: bool, cold: Sequence[str] = ()) -> None:
        """Run it once; what was there before is removed first, and is no part of the time.

        Parameters
        ----------
        settle : bool
            Wait for the disk first.
        cold : sequence of str
            Files and folders that the page cache is to forget first.
        """
        shutil.rmtree(_OUT, ignore_errors=True)
        _OUT.mkdir()
        if settle:
            os.sync()
        if cold:
            for name in cold:
                _forget(Path(name))
        sample, status = run_process(self.contestant)
        if status:
            self.note = f"exit code {status}: {_last_words()}"
            return
        if self.contestant.tells_seconds:
            sample = Sample(float(_STDOUT.read_text()), sample.rss_bytes)
        self.samples.append(sample)
        if self.contestant.check is not None:
            self._look()
        if "--json" in self.contestant.argv:
            self._read_routes()

    def _look(self) -> None:
        assert self.contestant.check is not None
        request = json.dumps(asdict(self.contestant.check) | {"known": self.known})
        command = [sys.executable, "-m", "benchmarks.checking", request]
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, env=environment()
        )
        if done.returncode:
            self.equal, self.note = False, f"not readable: {done.stderr.strip()[-200:]}"
            return
        found: dict[str, Any] = json.loads(done.stdout)
        if found.get("equal", True):
            self.equal = True
            self.known = found["digest"]
        else:
            self.equal, self.note = False, "the result is wrong"
        self.storage = found.get("storage", self.storage)

    def _read_routes(self) -> None:
        try:
            self.routes = json.loads(_STDOUT.read_text())["routes"]
        except (ValueError, KeyError):
            self.note = "printed no routes"

    def measured(self) -> Measured:
        return Measured(
            self.contestant,
            tuple(self.samples),
            self.equal,
            self.storage,
            dict(self.routes),
            self.note,
        )


def _forget(path: Path) -> None:
    """Drop a file, or all files in a folder, from the page cache; no privilege is needed."""
    if path.is_dir():
        for inner in path.iterdir():
            _forget(inner)
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)  # a page that is not on the disk yet would stay
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)


def _last_words() -> str:
    lines = _STDERR.read_text(errors="replace").strip().splitlines() or ["no message"]
    return lines[-1].replace(str(ROOT), "").replace(str(Path.cwd()), "")[:200]


def run_case(
    case: Case, rounds: int, settle: bool, say: Callable[[str], None] = lambda text: None
) -> Result:
    """Run the contestants of a case in the current folder, which holds its inputs.

    Parameters
    ----------
    case : Case
    rounds : int
        The order is reversed from one round to the next.
    settle : bool
        Wait for the disk before every run, as is needed anywhere but in memory.
    say : callable
        Told of every contestant's first result.
    """
    lacking = {one.name: missing(one) for one in case.contestants}
    entries = [_Entry(one) for one in case.contestants if lacking[one.name] is None]
    for number in range(rounds * case.round_factor):
        for entry in entries if number % 2 == 0 else reversed(entries):
            if entry.goes_on():
                entry.run(settle, case.inputs if case.cold else ())
                if number == 0:
                    seconds = f"{entry.samples[0].seconds:.3f} s" if entry.samples else ""
                    say(f"{entry.contestant.name}: {seconds} {entry.note}")
    shutil.rmtree(_OUT, ignore_errors=True)
    skipped = tuple(f"{name} ({what})" for name, what in lacking.items() if what)
    return Result(case, tuple(entry.measured() for entry in entries), skipped)
