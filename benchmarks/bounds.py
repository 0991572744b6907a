"""What a case promises: the kinds of bounds that a result is held against."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_MEMORY_BYTES = 256 << 20
"""What concatsplit may hold of array data unless ``--memory`` says otherwise."""


@dataclass(frozen=True, slots=True)
class AtMost:
    """Our time is at most so many times that of another contestant.

    Parameters
    ----------
    factor : float
    of : str
    noops : tuple of str
        Names of no-ops, ours and the other's: the multiple without start-up is shown too.
    net : bool
        That multiple is the one that is judged.
    """

    factor: float
    of: str
    noops: tuple[str, str] | None = None
    net: bool = False


@dataclass(frozen=True, slots=True)
class FasterThan:
    """We are at least so many times faster than the fastest of the peers.

    Parameters
    ----------
    factor : float
    peers : tuple of str
        Beginnings of names; empty for all peers.
    minimum_bytes : int
        Not judged with less array data than this.
    """

    factor: float
    peers: tuple[str, ...] = ()
    minimum_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ShareOf:
    """We reach at least this share of the speed of another contestant, which only has a part to do.

    Parameters
    ----------
    share : float
    of : str
    """

    share: float
    of: str


@dataclass(frozen=True, slots=True)
class Within:
    """We take at most so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class PerChunk:
    """Our time, less that of a join of two chunks, is at most so long a chunk."""

    microseconds: float
    chunks: int
    startup: str


@dataclass(frozen=True, slots=True)
class Linear:
    """Our time a chunk grows by at most this factor from fewer chunks to many."""

    factor: float
    chunks: int
    fewer: str
    fewer_chunks: int
    startup: str


@dataclass(frozen=True, slots=True)
class PeakMemory:
    """Our resident memory is at most what ``--memory`` promises."""

    budget_bytes: int = DEFAULT_MEMORY_BYTES


type Bound = AtMost | FasterThan | ShareOf | Within | PerChunk | Linear | PeakMemory
