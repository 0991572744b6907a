"""How many bytes a chunk may take, stored and while it is decoded."""

from __future__ import annotations

STEP_ROOM = 64
"""How many bytes longer than the chunk the result of one step may be: checksums, headers."""

STORED_ROOM = 4096
"""How many bytes longer than the chunk what is stored may be, beside all that is proportional."""


def most_stored(nbytes: int) -> int:
    """Bytes that a chunk may be stored in: no codec makes it more than twice as large.

    Parameters
    ----------
    nbytes : int
        Of the decoded chunk.
    """
    return 2 * nbytes + STORED_ROOM
