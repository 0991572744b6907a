"""Progress from the events of a run: a bar on stderr, and the answer to SIGUSR1."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from concatsplit_cli.signals import answer_sigusr1, ignore_further_signals
from concatsplit_core.array.sizes import format_size
from concatsplit_core.run.events import Finished, Moved, Publishing, Started

_MINUTE, _HOUR = 60, 3600


class ProgressLine:
    """Counts the bytes of a run's events, and says in one line how far the run is."""

    def __init__(self, title: str) -> None:
        self._title, self._began = title, time.monotonic()
        self._total: int | None = None
        self._done, self._stage = 0, ""

    def listen(self, event: Any) -> None:
        """Count an event."""
        match event:
            case Started(total_bytes=total):
                self._total, self._began = total, time.monotonic()
            case Moved(nbytes=nbytes):
                self._done += nbytes
            case Publishing():
                self._stage = ", making it durable"
            case Finished():
                self._stage = ", complete"
                ignore_further_signals()

    def line(self) -> str:
        """One line: bytes done, bytes in total, the rate and the time left."""
        seconds = time.monotonic() - self._began
        if self._total is None:
            return f"{self._title}: nothing moved yet, opening and planning for {_clock(seconds)}"
        share = 100 * self._done // self._total if self._total else 100
        text = f"{self._title}: {format_size(self._done)} of {format_size(self._total)} ({share}%)"
        if not self._done or self._stage:
            return f"{text} in {_clock(seconds)}{self._stage}"
        rate = self._done / max(seconds, 1e-3)
        left = _clock((self._total - self._done) / rate)
        return f"{text} in {_clock(seconds)}, {format_size(int(rate))}/s, {left} left"


def _clock(seconds: float) -> str:
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{seconds:.1f} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"


@contextmanager
def progress_bar(shown: bool, title: str) -> Iterator[Callable[[Any], None]]:
    """A listener for the events of a run. It answers SIGUSR1, and draws a bar if it is shown."""
    progress = ProgressLine(title)
    with answer_sigusr1(progress.line):
        if not shown:
            yield progress.listen
            return
        with _bar(title) as draw:

            def listen(event: Any) -> None:
                progress.listen(event)
                draw(event)

            yield listen


@contextmanager
def _bar(title: str) -> Iterator[Callable[[Any], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )

    class Stderr(Console):
        def on_broken_pipe(self) -> None:
            self.quiet = True  # else Rich would end the process

    with Progress(*columns, console=Stderr(stderr=True)) as bar:
        row = bar.add_task(title, total=None)

        def draw(event: Any) -> None:
            match event:
                case Started(total_bytes=total):
                    bar.reset(row, total=total)  # undo starts twice: it verifies, then writes
                case Moved(nbytes=nbytes):
                    bar.advance(row, nbytes)
                case Publishing():
                    bar.update(row, description=f"{title}: making durable")
                case Finished():
                    bar.update(row, description=title)

        yield draw
