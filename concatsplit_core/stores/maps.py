"""Files seen through read-only memory maps."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from contextlib import suppress

from concatsplit_core.foundation.errors import InputChanged
from concatsplit_core.stores.files import open_input
from concatsplit_core.stores.pool import Pool

MOST_MAPS = 128
"""Files that are mapped at once: each map keeps a descriptor, and takes no memory of its own."""

Maps = Pool[str, mmap.mmap]


def pool_of_maps(check: Callable[[str], None]) -> Maps:
    """Maps of whole files by their paths.

    Parameters
    ----------
    check : callable
        Called with the path of every file that was just mapped; it may raise an error.
    """

    def mapped(path: str) -> mmap.mmap:
        found = _mapped(path)
        try:
            check(path)
        except BaseException:
            found.close()
            raise
        return found

    return Pool(mapped, _unmap, MOST_MAPS)


def _mapped(path: str) -> mmap.mmap:
    fd = open_input(path)
    try:
        return mmap.mmap(fd, 0, access=mmap.ACCESS_READ)
    except ValueError as error:  # it is empty
        raise _shorter(path) from error
    finally:
        os.close(fd)


def _unmap(mapped: mmap.mmap) -> None:
    """Remove a map; one that an array still shows goes with the array."""
    with suppress(BufferError):
        mapped.close()


def refuse_shorter(mapped: mmap.mmap, end: int, ref: str) -> None:
    """Refuse to look at bytes that a file no longer has: to touch them would end the process.

    Raises
    ------
    InputChanged
        The file ends before `end`.
    """
    if mapped.size() < end:
        raise _shorter(ref)


def _shorter(ref: str) -> InputChanged:
    return InputChanged(
        f"{ref}: the file became shorter since it was opened; open it again when it is complete",
        ref=ref,
    )
