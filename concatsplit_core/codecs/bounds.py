"""How many bytes a chunk may take, stored and while it is decoded."""

from __future__ import annotations

STEP_ROOM = 64
"""How many bytes a checksum or a header may add to a chunk in one step."""

STORED_ROOM = 4096
"""How many bytes headers may add to a stored chunk."""


def most_stored(nbytes: int) -> int:
    """The most bytes that a chunk is stored in: no codec makes it more than twice as large.

    Parameters
    ----------
    nbytes : int
        Of the decoded chunk.
    """
    return 2 * nbytes + STORED_ROOM
