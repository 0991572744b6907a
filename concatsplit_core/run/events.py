"""What the engine tells of a run while it goes on."""

from __future__ import annotations

from typing import NamedTuple


class Started(NamedTuple):
    """The plan stands and the outputs are staged.

    Parameters
    ----------
    total_bytes : int
        Array bytes that will be written.
    """

    total_bytes: int


class Moved(NamedTuple):
    """A task is done.

    Parameters
    ----------
    nbytes : int
        Array bytes that it wrote.
    """

    nbytes: int


class Publishing(NamedTuple):
    """All bytes are written; they are made durable and moved to their names."""


class Finished(NamedTuple):
    """The outputs are complete."""
