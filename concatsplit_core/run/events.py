"""The events that a run emits while it is going on."""

from __future__ import annotations

from concatsplit_core.foundation.records import NamedTuple


class Started(NamedTuple):
    """The plan is made and the outputs are staged; now elements are moved.

    Parameters
    ----------
    total_bytes : int
        Array bytes that will be written, or read where nothing is written.
    phase : str
        What is done, where it is not what the command is called: "verifying".
    """

    total_bytes: int
    phase: str = ""


class Moved(NamedTuple):
    """A task is done.

    Parameters
    ----------
    nbytes : int
        Array bytes that it wrote, or read where nothing is written.
    """

    nbytes: int


class Publishing(NamedTuple):
    """All bytes are written; the outputs are made durable and moved to their names."""


class Finished(NamedTuple):
    """All outputs have their names."""


class Noted(NamedTuple):
    """Something that the caller may not have meant; a run's `Result` holds its notes instead.

    Parameters
    ----------
    text : str
    """

    text: str
