"""The folder of a staged run: what may be in it before, and what is removed with it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from concatsplit_core.foundation.errors import (
    NameCollision,
    OutputBusy,
    OutputRefused,
    ResumeMismatch,
    UsageError,
)
from concatsplit_core.run.staged.done import LOCK_FILE, at_work, missing_of, ranges_of, read_done
from concatsplit_core.run.staged.record import RUN_FILE, RunRecord
from concatsplit_core.stores.base import Location
from concatsplit_core.stores.local import local

_LISTED = 5


def refuse_full(folder: Path) -> None:
    """Refuse a folder for a run that holds something else."""
    if (folder / RUN_FILE).exists():
        raise UsageError(
            f"--to {folder}: holds a staged run already; give another folder, or give that run up "
            f"with 'concatsplit discard {folder}'"
        )
    for draft in _drafts_in(folder):  # all that a killed stage has left
        draft.unlink()
    if os.path.lexists(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"--to {folder}: is there already, and is no empty folder")
    if not folder.absolute().parent.is_dir():
        raise UsageError(f"--to {folder}: the folder around it is not there")


def refuse_written(
    folder: Path, written: Iterable[Location], manifest: tuple[Location, Any] | None
) -> None:
    """Refuse a folder for a run that has the name of what is written, or lies in it."""
    home = local(folder).resolved
    for final in (*written, *(manifest or ())[:1]):
        if home.is_within(final.resolved):
            raise NameCollision(
                f"--to {folder}: is the output {final}, or lies in it; give another folder",
                ref=str(folder),
            )


def make_run(folder: Path) -> bool:
    """Make the folder of a run; returns whether there was none."""
    is_new = not folder.exists()
    try:
        folder.mkdir(exist_ok=True)
    except PermissionError as error:
        raise OutputRefused(
            f"--to {folder}: no permission to write to the folder {folder.parent}; give another",
            ref=str(folder),
        ) from error
    return is_new


def refuse_incomplete(folder: Path, record: RunRecord) -> None:
    """Refuse to commit while tasks are missing, or processes are at work.

    Raises
    ------
    ResumeMismatch
        Tasks are missing.
    OutputBusy
        A process is still at work.
    """
    busy = at_work(folder)
    missing = missing_of(read_done(folder, record.nonce, record.tasks))
    if missing:
        ranges = [f"{a}-{b}" if a != b else f"{a}" for a, b in ranges_of(missing)]
        listed = ", ".join(ranges[:_LISTED]) + (", ..." if len(ranges) > _LISTED else "")
        raise ResumeMismatch(
            f"{folder}: {len(missing)} of {record.tasks} tasks still to do: {listed}; "
            f"'concatsplit run {folder}' does them",
            ref=str(folder),
            found=missing,
        )
    if busy:
        raise OutputBusy(
            f"{folder}: processes are still at work on it: {', '.join(busy[:_LISTED])}; wait for "
            "them, or end them",
            ref=str(folder),
        )


def remove_run(folder: Path) -> None:
    """Remove the folder of a run and what it holds; what else lies there stays."""
    names = [LOCK_FILE, RUN_FILE]
    for path in folder.glob("done.*"):
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
    for path in (*_drafts_in(folder), *(folder / name for name in names)):
        path.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _drafts_in(folder: Path) -> list[Path]:
    return list(folder.glob(f"{RUN_FILE}.*.draft"))
