"""What the engine tells of a run while it goes on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Started:
    """The plan stands and the outputs are staged.

    Parameters
    ----------
    total_bytes : int
        Array bytes that will be written.
    """

    total_bytes: int


@dataclass(frozen=True, slots=True)
class Moved:
    """A task is done.

    Parameters
    ----------
    nbytes : int
        Array bytes that it wrote.
    """

    nbytes: int


@dataclass(frozen=True, slots=True)
class Publishing:
    """All bytes are written; they are made durable and moved to their names."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The outputs are complete."""
