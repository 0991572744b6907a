"""One process at a time publishes a staged run, or gives it up."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from concatsplit_core.foundation.errors import InputUnavailable, OutputBusy, UnsafeContent
from concatsplit_core.run.staged.done import LOCK_FILE
from concatsplit_core.stores.owner import Owner, lock, write_owner


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Inside the context, no other process publishes this run or gives it up.

    Raises
    ------
    InputUnavailable
        The folder is not there.
    OutputBusy
        Another process does so.
    """
    try:
        fd = _opened(folder, os.O_CREAT)
    except (FileNotFoundError, NotADirectoryError):
        raise InputUnavailable(
            f"{folder}: there is no such staged run; it may have been committed or given up",
            ref=str(folder),
        ) from None
    try:
        if not _is_free(fd):
            raise OutputBusy(
                f"{folder}: another process is committing this run, or giving it up; wait for it",
                ref=str(folder),
            )
        write_owner(fd, Owner.of_this_process(folder, ".", ()))
        try:
            yield
        finally:
            with suppress(OSError):
                os.unlink(folder / LOCK_FILE)
    finally:
        os.close(fd)


def refuse_if_committing(folder: Path) -> None:
    """Refuse to work on a run that is being published or given up.

    Raises
    ------
    OutputBusy
    """
    try:
        fd = _opened(folder)
    except FileNotFoundError:
        return
    try:
        if not _is_free(fd):
            raise OutputBusy(
                f"{folder}: another process is committing this run, or giving it up",
                ref=str(folder),
            )
    finally:
        os.close(fd)


def _opened(folder: Path, flags: int = 0) -> int:
    """Open the file that says who commits; never another one, through a link.

    Raises
    ------
    UnsafeContent
        It is a link, or no regular file.
    """
    path = folder / LOCK_FILE
    if os.path.lexists(path) and (path.is_symlink() or not path.is_file()):
        raise UnsafeContent(
            f"{path}: is a link, or no regular file, so that concatsplit did not make it; remove "
            "it, and try again",
            ref=str(path),
        )
    return os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | flags, 0o644)


def _is_free(fd: int) -> bool:
    """Lock the file; where there are no locks, look whether the process that it names lives."""
    is_locked = lock(fd)
    if is_locked is not None:
        return is_locked and os.fstat(fd).st_nlink > 0  # else its process has just ended
    try:
        document = json.loads(os.pread(fd, 1 << 20, 0))
        document.pop("concatsplit")
        return Owner(**{**document, "made": ()}).fate == "dead"
    except (ValueError, TypeError, KeyError, AttributeError):
        return True
