"""How far a run is: a line on a terminal, lines elsewhere, and the line at the end."""

from __future__ import annotations

import os
import pty
import re
import termios
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from concatsplit_cli import closing
from concatsplit_cli.main import main
from concatsplit_cli.progress import ProgressLine, progress_bar
from concatsplit_cli.streams import print_to_stderr, terminal_width
from concatsplit_core.run.events import Finished, Moved, Publishing, Started


class Clock:
    """A clock that is set."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal:
    """A terminal in place of stderr, and what is written to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._reading, end = pty.openpty()
        os.set_blocking(self._reading, False)
        self.stream = os.fdopen(end, "w")
        self._patch = monkeypatch

    def take_stderr(self, kind: str = "xterm") -> None:
        """Let stderr be this terminal; pytest puts back its own before a test begins."""
        self._patch.setattr("sys.stderr", self.stream)
        self._patch.setenv("TERM", kind)

    def text(self) -> str:
        """All that was written since the last time: a little, which the terminal keeps."""
        self.stream.flush()
        pieces = []
        with suppress(BlockingIOError):
            while True:
                pieces.append(os.read(self._reading, 4096))
        return b"".join(pieces).decode()

    def close(self) -> None:
        self.stream.close()
        os.close(self._reading)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    opened = Terminal(monkeypatch)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def states(text: str) -> list[str]:
    """What a terminal showed, one state of the line after another."""
    return [state.removesuffix("\x1b[K") for state in text.split("\r") if state]


def test_a_line_says_bytes_rate_and_time_left(clock: Clock) -> None:
    progress = ProgressLine("concat", clock)
    clock.now += 3
    assert progress.line() == "concat: nothing moved yet, opening and planning for 3.0 s"
    progress.listen(Started(4 << 20))
    clock.now += 2
    assert progress.line() == "concat: 0B of 4MiB (0%) in 2.0 s"
    progress.listen(Moved(1 << 20))
    assert progress.line() == "concat: 1MiB of 4MiB (25%) in 2.0 s, 512KiB/s, 6.0 s left"
    clock.now += 98
    assert progress.line().endswith("(25%) in 1 min 40 s, 10.2KiB/s, 5 min 0 s left")
    progress.listen(Moved(3 << 20))
    progress.listen(Publishing())
    assert progress.line() == "concat: 4MiB of 4MiB (100%) in 1 min 40 s, making it durable"


def test_each_phase_begins_anew(clock: Clock) -> None:
    progress = ProgressLine("undo", clock)
    progress.listen(Started(100, "verifying"))
    progress.listen(Moved(100))
    clock.now += 1
    assert progress.line().startswith("undo: verifying 100B of 100B (100%)")
    progress.listen(Started(50))
    assert progress.line() == "undo: 0B of 50B (0%) in 0.0 s"


def test_a_terminal_shows_one_line_that_is_gone_at_the_end(
    terminal: Terminal, clock: Clock
) -> None:
    terminal.take_stderr()
    with progress_bar(True, "concat", clock=clock) as listen:
        listen(Moved(0))  # nothing is shown before the total is known
        listen(Started(1000))
        for _ in range(10):
            clock.now += 0.05
            listen(Moved(100))
        listen(Publishing())
        print_to_stderr("a note")
        listen(Finished())
    shown = states(terminal.text())
    assert "10%" not in "".join(shown)  # 0.05 s after the one before
    assert shown[0] == f"concat [{'-' * 12}] 0B of 1000B (0%) in 0.0 s"
    assert re.fullmatch(r"concat \[==-{10}\] 200B of .* left", shown[1])
    assert all(len(state) < 80 for state in shown)
    durable, note, end, complete, gone = shown[-5:]
    assert durable.endswith("] 1000B of 1000B (100%) in 0.5 s, making it durable")
    assert (note, end, gone) == ("\x1b[Ka note", "\n", "")
    assert complete.endswith("in 0.5 s, complete")


def test_a_narrow_terminal_shows_what_fits(terminal: Terminal, clock: Clock) -> None:
    termios.tcsetwinsize(terminal.stream.fileno(), (24, 30))
    terminal.take_stderr()
    with progress_bar(True, "concat", clock=clock) as listen:
        listen(Started(1000))
    assert states(terminal.text())[0] == "concat [--] 0B of 1000B (0%)"
    assert terminal_width(terminal.stream) == 30
    with open(os.devnull) as nothing:
        assert terminal_width(nothing) is None


@pytest.mark.parametrize("title", ["concat", "split-by-lengths"])
def test_the_bar_is_there_all_the_time_on_80_columns(clock: Clock, title: str) -> None:
    progress = ProgressLine(title, clock)
    progress.listen(Started(160_000_000))
    for _ in range(20):
        clock.now += 130.7
        progress.listen(Moved(8_000_000))
        line = progress.drawn(79)
        assert re.match(rf"{title} \[[=-]{{12}}\] [0-9.]+MiB of 152.6MiB \([0-9]+%\)", line)
        assert len(line) <= 79
        assert line.endswith(("left", "/s"))
    assert progress.drawn(200).startswith(f"{title} [============] 152.6MiB of")


def test_a_failure_leaves_no_line(terminal: Terminal, clock: Clock) -> None:
    terminal.take_stderr()

    def run() -> None:
        with progress_bar(True, "split", clock=clock) as listen:
            listen(Started(10))
            raise ValueError("failed")

    with pytest.raises(ValueError, match="failed"):
        run()
    assert states(terminal.text())[-1] == ""


def test_a_dumb_terminal_gets_lines(terminal: Terminal, clock: Clock) -> None:
    terminal.take_stderr("dumb")
    with progress_bar(True, "concat", clock=clock) as listen:
        listen(Started(10))
        clock.now += 11
        listen(Moved(5))
    assert (
        terminal.text() == "concatsplit: concat: 5B of 10B (50%) in 11.0 s, 0B/s, 11.0 s left\r\n"
    )


def test_elsewhere_there_is_a_line_every_ten_seconds(
    clock: Clock, capfd: pytest.CaptureFixture[str]
) -> None:
    with progress_bar(True, "concat", clock=clock) as listen:
        clock.now += 60
        listen(Moved(0))  # the total is not known
        listen(Started(100))
        for _ in range(25):
            clock.now += 1
            listen(Moved(4))
        listen(Finished())
    lines = capfd.readouterr().err.splitlines()
    assert [line.partition(" (")[2].partition(")")[0] for line in lines] == ["0%", "40%", "80%"]
    with progress_bar(True, "verify", has_result=True, clock=clock) as listen:
        listen(Started(100))
        clock.now += 2
        listen(Moved(100))
    assert capfd.readouterr().err == "concatsplit: verify: 100B of 100B (100%) in 2.0 s, 50B/s\n"


CLOSING: dict[str, tuple[list[str], str]] = {
    "as in memory": (["-o", "y.npy"], r"y\.npy: 39\.1KiB in \d+\.\d\d s, [\d.]+[KMG]iB/s"),
    "smaller": (
        ["-o", "y.zarr", "--codec", "zstd:1"],
        r"y\.zarr: 39\.1KiB in .*/s, stored in [\d.]+(K?i?)B \(ratio \d\d+\.\d\)",
    ),
    "an archive": (
        ["-o", "y.npz", "--codec", "gzip:1"], r".*, stored in [\d.]+B \(ratio \d\d+\.\d\)"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CLOSING)
def test_the_last_line_says_rate_and_stored_size(shell: Any, name: str) -> None:
    shell.save(a=np.zeros(5000))
    options, wanted = CLOSING[name]
    done = shell.run("concat", "a.npy", *options, "--progress")
    assert done.code == 0
    assert re.fullmatch(wanted, done.err.strip())
    assert shell.ok("concat", "a.npy", *options, "--force").err == ""


def test_many_outputs_are_not_looked_at_again(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.save(a=np.arange(40.0))
    split = ("split", "a.npy", "-o", "p.h5::{index}", "--chunks", "4", "--progress", "--force")
    assert "(2 blobs): 320B in " in shell.run(*split, "--parts", 2).err
    assert ", stored in 320B (ratio 1.0)" in shell.run(*split, "--parts", 2).err
    monkeypatch.setattr(closing, "_MOST_BLOBS", 1)
    assert "stored" not in shell.run(*split, "--parts", 2).err
    monkeypatch.setattr(closing, "_MOST_BLOBS", 64)
    monkeypatch.setattr(closing, "_MOST_CHUNKS", 5)
    assert "stored" not in shell.run(*split, "--parts", 2).err


@pytest.mark.parametrize("command", ["concat", "info"])
def test_a_command_on_a_terminal(
    shell: Any, terminal: Terminal, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.save(a=np.zeros(5000))
    args = {"concat": ["concat", "a.npy", "-o", "y.npy"], "info": ["info", "a.npy", "--stats"]}
    terminal.take_stderr()
    with pytest.raises(SystemExit) as ended:
        main(args[command], prog_name="concatsplit")
    assert ended.value.code == 0
    text = terminal.text()
    assert f"\r{command} [------------] 0B of 39.1KiB (0%) in " in text
    ends: dict[str, Callable[[str], Any]] = {
        "concat": lambda shown: re.search(r"\r\x1b\[Ky\.npy: 39\.1KiB in .*/s\r\n$", shown),
        "info": lambda shown: shown.endswith("\r\x1b[K"),
    }
    assert ends[command](text)
    assert ("stats = 5000 elements" in capsys.readouterr().out) == (command == "info")
