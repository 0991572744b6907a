"""Progress from the events of a run: a line on stderr, and the answer to SIGUSR1."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from concatsplit_cli.signals import answer_sigusr1, ignore_further_signals
from concatsplit_cli.streams import DrawnLine, one_line, print_to_stderr, terminal_width
from concatsplit_core.foundation.sizes import format_size
from concatsplit_core.operators import Finished, Moved, Publishing, Started

_MINUTE, _HOUR = 60, 3600
_REDRAWN, _PRINTED = 0.1, 10.0
"""Seconds between two states of the line on a terminal, and between two lines elsewhere."""
_BAR = 12
"""Characters of a bar."""

Clock = Callable[[], float]


def noting(draw: Callable[[Any], None], quiet: bool = False) -> Callable[[Any], None]:
    """A listener that prints notes, and leaves all other events to another one.

    Parameters
    ----------
    draw : callable
        The other listener.
    quiet : bool
        Print no notes.
    """

    def listen(event: Any) -> None:
        text = getattr(event, "text", None)
        if text is None:
            draw(event)
        elif not quiet:
            print_to_stderr(f"concatsplit: note: {one_line(text)}")

    return listen


class ProgressLine:
    """Counts the bytes of a run's events, and says in one line how far the run is.

    Parameters
    ----------
    title : str
        What is run.
    clock : callable
        Gives seconds.
    """

    def __init__(self, title: str, clock: Clock = time.monotonic) -> None:
        self._title, self._clock, self._began = title, clock, clock()
        self._total: int | None = None
        self._done, self._phase, self._stage = 0, "", ""

    @property
    def is_known(self) -> bool:
        """Whether the total is known, before which there is nothing to show."""
        return self._total is not None

    @property
    def part(self) -> float:
        """The part of the bytes that is done."""
        return min(1.0, self._done / self._total) if self._total else 1.0

    def listen(self, event: Any) -> None:
        """Count an event."""
        match event:
            case Started(total_bytes=total, phase=phase):  # undo starts twice: it verifies first
                self._total, self._began, self._done = total, self._clock(), 0
                self._phase = f"{phase} " if phase else ""
            case Moved(nbytes=nbytes):
                self._done += nbytes
            case Publishing():
                self._stage = ", making it durable"
            case Finished():
                self._stage = ", complete"
                ignore_further_signals()

    def line(self, has_time: bool = True, has_rate: bool = True) -> str:
        """One line: bytes done, bytes in total, the time that it took, the rate, the time left."""
        seconds = self._clock() - self._began
        if self._total is None:
            return f"{self._title}: nothing moved yet, opening and planning for {_clock(seconds)}"
        text = (
            f"{self._title}: {self._phase}{format_size(self._done)} of {format_size(self._total)} "
            f"({int(100 * self.part)}%)"
        )
        text += f" in {_clock(seconds)}" * has_time
        if not self._done or self._stage:
            return f"{text}{self._stage}"
        rate = self._done / max(seconds, 1e-3)
        text += f", {format_size(int(rate))}/s" * has_rate
        if self._done >= self._total:
            return text
        return f"{text}, {_clock((self._total - self._done) / rate)} left"

    def drawn(self, width: int) -> str:
        """The line with a bar; on a narrow terminal it says less, and the bar is short."""
        text = self.line()
        for has_rate in (True, False):
            if len(text) + _BAR + 3 > width:
                text = self.line(has_time=False, has_rate=has_rate)
        length = min(_BAR, width - len(text) - 3)
        if length > 1:
            full = int(length * self.part)
            bar = f"{self._title} [{'=' * full}{'-' * (length - full)}]"
            text = bar + text[len(self._title) + 1 :]
        return text[:width]


def _clock(seconds: float) -> str:
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{seconds:.1f} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"


@contextmanager
def progress_bar(
    shown: bool, title: str, has_result: bool = False, clock: Clock = time.monotonic
) -> Iterator[Callable[[Any], None]]:
    """A listener for the events of a run, which answers SIGUSR1 and may show progress.

    On a terminal it draws one line again and again, which is gone at the end and after an error.
    Elsewhere it prints a line every 10 seconds.

    Parameters
    ----------
    shown : bool
    title : str
        What is run.
    has_result : bool
        The command's result does not say how fast it was: where progress is lines, a last one does.
    clock : callable
        Gives seconds.
    """
    progress = ProgressLine(title, clock)
    with answer_sigusr1(progress.line):
        if not shown:
            yield progress.listen
        elif _can_redraw():
            with DrawnLine() as drawn:
                yield _Redrawn(progress, drawn, clock).listen
        else:
            printed = _Printed(progress, clock)
            yield printed.listen
            if has_result:
                printed.print()


def _can_redraw() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


class _Redrawn:
    """Draws the line of a run on a terminal, a few times a second."""

    def __init__(self, progress: ProgressLine, drawn: DrawnLine, clock: Clock) -> None:
        self._progress, self._drawn, self._clock = progress, drawn, clock
        self._next = clock()

    def listen(self, event: Any) -> None:
        self._progress.listen(event)
        now = self._clock()
        if not self._progress.is_known or (isinstance(event, Moved) and now < self._next):
            return
        self._next = now + _REDRAWN
        self._drawn.draw(self._progress.drawn((terminal_width(sys.stderr) or 80) - 1))


class _Printed:
    """Prints the line of a run every 10 seconds."""

    def __init__(self, progress: ProgressLine, clock: Clock) -> None:
        self._progress, self._clock = progress, clock
        self._next = clock() + _PRINTED

    def listen(self, event: Any) -> None:
        self._progress.listen(event)
        if self._progress.is_known and self._clock() >= self._next:
            self.print()

    def print(self) -> None:
        print_to_stderr(f"concatsplit: {self._progress.line()}")
        self._next = self._clock() + _PRINTED
