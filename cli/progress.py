"""Engine events as a progress bar on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def progress_bar(shown: bool, title: str) -> Iterator[Callable[[Any], None] | None]:
    """A listener for events that draws a bar, or None where none is to be shown."""
    if not shown:
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    from concatsplit_core.events import Finished, Moved, Publishing, Started

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        row = bar.add_task(title, total=None)

        def listen(event: Any) -> None:
            match event:
                case Started(total_bytes=total):
                    bar.reset(row, total=total)  # undo reads its inputs twice
                case Moved(nbytes=nbytes):
                    bar.advance(row, nbytes)
                case Publishing():
                    bar.update(row, description=f"{title}: making durable")
                case Finished():
                    bar.update(row, description=title)

        yield listen
