"""Signals as parents, batch systems and impatient people send them, to real processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from children import wait_for

from concatsplit_cli import run_operator
from concatsplit_core.foundation.interrupts import deferred_signals

FEED = ("feed", "-", "y.h5", "--chunks", "8,500")
KINDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGXCPU)


class Waiting:
    """A command that waits for its stdin."""

    def __init__(self, command: list[str], ignored: tuple[int, ...] = ()) -> None:
        def prepare() -> None:
            for number in KINDS:
                signal.signal(number, signal.SIG_DFL)
            for number in ignored:
                signal.signal(number, signal.SIG_IGN)

        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=prepare,  # noqa: PLW1509 - nothing else runs here
        )  # fmt: skip

    def caught(self) -> int:
        """The mask of the signals that have a handler."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("SigCgt:")[1].split()[0], 16)

    def has_handlers(self, *numbers: int) -> bool:
        """Whether it has come so far as to take these signals up."""
        return all(self.caught() >> (number - 1) & 1 for number in numbers)

    def spools(self) -> bool:
        """Whether it has made the nameless file that stdin goes to."""
        links = Path(f"/proc/{self.process.pid}/fd").iterdir()
        with suppress(OSError):
            return any("(deleted)" in os.readlink(link) for link in links)
        return False

    def ends(self, data: bytes = b"") -> tuple[int, str]:
        """Give it its stdin, and say its exit code and what it printed on stderr."""
        _, errors = self.process.communicate(data, 60)
        return self.process.returncode, errors.decode()


@pytest.fixture
def begin() -> Iterator[Any]:
    """Starts processes; ends them all."""
    started: list[Waiting] = []

    def one(command: list[str], ignored: tuple[int, ...] = ()) -> Waiting:
        started.append(Waiting(command, ignored))
        return started[-1]

    yield one
    for run in started:
        run.process.kill()
        run.process.communicate()


@pytest.fixture
def start(shell: Any, begin: Any) -> Any:
    """Starts commands that wait."""

    def one(*args: Any, ignored: tuple[int, ...] = ()) -> Any:
        return begin([shell.command, *map(str, args)], ignored)

    return one


@pytest.mark.parametrize("number", KINDS)
def test_a_signal_that_is_ignored_stays_ignored(
    shell: Any, whole: np.ndarray, start: Any, number: int
) -> None:
    run = start(*FEED, ignored=(number,))
    wait_for(run.spools)
    os.kill(run.process.pid, number)
    assert run.ends(Path("a.npy").read_bytes()) == (0, "")
    np.testing.assert_array_equal(shell.read("y.h5"), whole[:64])


@pytest.mark.parametrize("number", KINDS)
def test_a_signal_that_is_not_ends_the_command(
    shell: Any, whole: np.ndarray, start: Any, number: int
) -> None:
    before = shell.snapshot()
    run = start(*FEED)
    wait_for(run.spools)
    os.kill(run.process.pid, number)
    code, errors = run.ends()
    assert code == 128 + number
    shell.one_line(errors.lstrip(), "nothing was left behind")
    assert shell.snapshot() == before


def test_a_limit_of_processor_time_is_a_request_to_end(shell: Any) -> None:
    x = np.random.default_rng(1).integers(0, 64, (64, 1 << 16))
    shell.save(x=x)
    before = shell.snapshot()
    options = "--codec gzip:9 --chunks 1,65536 --jobs 1"
    joined = f"concatsplit concat {'x.npy ' * 40} -o y.h5 {options}"
    done = shell.bash(f"ulimit -St 1; {joined}")
    assert done.returncode == 152
    shell.one_line(done.stderr, "ulimit -t")
    assert shell.snapshot() == before


@pytest.mark.parametrize("number", KINDS)
def test_what_is_ignored_is_not_deferred(number: int) -> None:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with deferred_signals():
            os.kill(os.getpid(), number)
            assert signal.getsignal(number) is signal.SIG_IGN
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_what_is_deferred_reaches_its_handler_once() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: seen.append(number))
    try:
        with deferred_signals():
            os.kill(os.getpid(), signal.SIGTERM)
            assert seen == []
        assert seen == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("number", KINDS)
def test_a_request_comes_too_late_when_the_outputs_are_there(
    shell: Any, whole: np.ndarray, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    original = run_operator.show_result

    def interrupted(*given: Any) -> None:
        os.kill(os.getpid(), number)
        original(*given)

    monkeypatch.setattr(run_operator, "show_result", interrupted)
    before = signal.getsignal(number)
    assert (
        shell.ok("concat", "a.npy", "b.npy", "-o", "y.npy", "--json").json["operator"] == "concat"
    )
    np.testing.assert_array_equal(shell.read("y.npy"), whole)
    assert signal.getsignal(number) is before


STUCK = """
import ctypes, itertools, os
import concatsplit_core.operators as operators
from concatsplit_cli import watcher
from concatsplit_cli.main import main
from concatsplit_core.foundation.interrupts import BlockingLibraries

watcher.PATIENCE = 0.2

def stuck(*given, **options):
    USES
    # one call of a function in C, from the word to the loop: no handler of Python's runs
    lock, libc = ctypes.create_string_buffer(64), ctypes.CDLL(None)
    word = map(os.write, [1], [b"stuck\\n"])
    sum(itertools.chain(word, LOOP))

operators.concat = stuck
main()
"""


LOOPS = {
    "with the GIL": "itertools.repeat(0)",
    "without": "map(libc.pthread_mutex_lock, [lock, lock])",
}
USES = {
    "writes": "BlockingLibraries.announce()",
    "reads": "operators.info('a.h5'); operators.info('a.h5')",
}
"""What starts the child: one that only watches, or one that also looks at HDF5 files."""


@pytest.mark.parametrize(
    ("number", "kind", "use"),
    [
        (signal.SIGINT, "with the GIL", "reads"),
        (signal.SIGTERM, "without", "writes"),
        (signal.SIGHUP, "with the GIL", "reads"),
    ],
)
def test_a_loop_in_a_library_ends_at_the_second_request(
    shell: Any, whole: np.ndarray, begin: Any, number: int, kind: str, use: str
) -> None:
    with h5py.File("a.h5", "w") as file:
        file["x"] = whole
    script = STUCK.replace("LOOP", LOOPS[kind]).replace("USES", USES[use])
    run = begin([sys.executable, "-c", script, "concat", "a.npy", "-o", "y.npy"])
    process = run.process
    assert process.stdout.readline() == b"stuck\n"
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()

    def ends() -> bool:
        process.send_signal(number)
        return process.poll() is not None

    wait_for(ends)
    code, errors = run.ends()
    assert code == -signal.SIGKILL
    shell.one_line(errors, "at the second request")
    assert len(children) == 1
    wait_for(lambda: _is_gone(children[0]))


def _is_gone(child: str) -> bool:
    try:
        return "State:\tZ" in Path(f"/proc/{child}/status").read_text()
    except OSError:
        return True


@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
def test_who_asks_is_told_how_far_a_run_is(
    shell: Any, whole: np.ndarray, hold: Any, quiet: tuple[str, ...]
) -> None:
    limits = ("--jobs", 1, "--memory", "400KiB", "--routes", "mapped,decoded")
    run = hold("concat", "a.npy", "b.npy", "-o", "y.npy", *limits, *quiet, nth=2)
    os.kill(run.process.pid, signal.SIGUSR1)
    wait_for(lambda: run.errors.endswith("\n"))
    assert run.let_go() == 0
    line = r"concatsplit: concat: [\d.]+KiB of 500KiB \(\d+%\) in [\d.]+ s, .*/s, [\d.]+ s left\n"
    assert re.fullmatch(line, run.errors)
    np.testing.assert_array_equal(shell.read("y.npy"), whole)


def test_who_asks_too_early_or_late_is_told_so(
    shell: Any, whole: np.ndarray, start: Any, hold: Any
) -> None:
    run = start(*FEED)
    wait_for(lambda: run.has_handlers(signal.SIGUSR1))
    os.kill(run.process.pid, signal.SIGUSR1)
    wait_for(run.spools)
    os.kill(run.process.pid, signal.SIGUSR1)
    code, errors = run.ends(Path("a.npy").read_bytes())
    first, second = errors.splitlines()
    assert code == 0
    assert first.startswith("concatsplit: ")
    assert "feed: nothing moved yet" in second
    late = hold("concat", "a.npy", "-o", "y.npy", call="fsync")
    os.kill(late.process.pid, signal.SIGUSR1)
    wait_for(lambda: late.errors.endswith("\n"))
    assert late.let_go() == 0
    assert "250KiB of 250KiB (100%)" in late.errors
    assert "making it durable" in late.errors


def test_who_ignores_the_question_is_not_told(shell: Any, whole: np.ndarray, start: Any) -> None:
    run = start(*FEED, ignored=(signal.SIGUSR1,))
    wait_for(run.spools)
    os.kill(run.process.pid, signal.SIGUSR1)
    assert run.ends(Path("a.npy").read_bytes()) == (0, "")


SWALLOWED = """
import sys, time
import concatsplit_core.operators as operators
from concatsplit_cli.main import main

class Finalized:
    def __del__(self):
        print("finalizing", flush=True)
        while True:
            time.sleep(0.01)

def slow(*given, **options):
    it = Finalized()
    del it
    while True:
        time.sleep(0.01)

operators.concat = slow
main()
"""


@pytest.mark.parametrize("number", KINDS)
def test_a_request_in_a_finalizer_is_not_lost(
    shell: Any, whole: np.ndarray, begin: Any, number: int
) -> None:
    run = begin([sys.executable, "-c", SWALLOWED, "concat", "a.npy", "-o", "y.npy"])
    assert run.process.stdout.readline() == b"finalizing\n"
    run.process.send_signal(number)
    code, errors = run.ends()
    assert code == 128 + number
    shell.one_line(errors.lstrip())
