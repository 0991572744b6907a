"""How many bytes a chunk may take, stored and while it is decoded."""

from __future__ import annotations

STEP_ROOM = 64
"""Bytes by which what one step of a codec makes may exceed the chunk: checksums, small headers."""

STORED_ROOM = 4096
"""Bytes by which a filter, or a small chunk with its headers, may exceed the chunk."""


def most_stored(nbytes: int) -> int:
    """Bytes that a chunk may be stored in: no codec makes it more than twice as large.

    Parameters
    ----------
    nbytes : int
        Of the decoded chunk.
    """
    return 2 * nbytes + STORED_ROOM
