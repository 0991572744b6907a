"""What was measured: samples, the results of cases, and whole runs. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

from benchmarks.model import OURS, Case, Contestant, Role


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of a whole process: wall time and peak resident memory."""

    seconds: float
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What a contestant did in a case.

    Parameters
    ----------
    contestant : Contestant
    samples : tuple of Sample
        In the order of the rounds, from the first one on.
    equal : bool or None
        Whether every result was right; None where none was made or looked at.
    storage : str
        How the output is stored: chunks and codec, or memory order.
    routes : mapping of str to int
        Bytes by the way they moved, as our command reports them.
    note : str
        Why it failed.
    """

    contestant: Contestant
    samples: tuple[Sample, ...]
    equal: bool | None = None
    storage: str = ""
    routes: Mapping[str, int] = field(default_factory=dict)
    note: str = ""

    @property
    def name(self) -> str:
        """Name of the contestant."""
        return self.contestant.name

    @property
    def valid(self) -> bool:
        """Whether its times count: it ran, and nothing it made was wrong."""
        return bool(self.samples) and self.equal is not False and not self.note

    @property
    def seconds(self) -> float:
        """Median wall time."""
        return median(sample.seconds for sample in self.samples)

    @property
    def rss_bytes(self) -> int:
        """Largest resident memory of all rounds."""
        return max(sample.rss_bytes for sample in self.samples)


@dataclass(frozen=True, slots=True)
class Result:
    """A case with what all contestants did, and who was not installed."""

    case: Case
    measured: tuple[Measured, ...]
    skipped: tuple[str, ...] = ()

    def of(self, name: str) -> Measured | None:
        """What the contestant of this name did, if its times count."""
        found = [one for one in self.measured if one.name == name and one.valid]
        return found[0] if found else None

    @property
    def ours(self) -> Measured | None:
        """What our command did, if it was right."""
        return self.of(OURS)

    @property
    def reference(self) -> Measured | None:
        """What the reference did."""
        found = [one for one in self.measured if one.contestant.role is Role.REFERENCE]
        return found[0] if found and found[0].valid else None

    def peers(self, beginnings: tuple[str, ...] = ()) -> list[Measured]:
        """Peers that were right and store as we do, fastest first."""
        ours = self.ours
        found = [
            one
            for one in self.measured
            if one.contestant.role is Role.PEER
            and one.valid
            and (not beginnings or one.name.startswith(beginnings))
            and (ours is None or one.storage == ours.storage)
        ]
        return sorted(found, key=lambda one: one.seconds)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A bound, what was measured, and whether it is met; ``met`` is None where not judged."""

    case: str
    bound: str
    measured: str
    met: bool | None


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that a report shows.

    ``own_peak_bytes`` is the resident memory of the run's own process; less is not seen.
    """

    scale: float
    rounds: int
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    own_peak_bytes: int
    results: tuple[Result, ...]
    verdicts: tuple[Verdict, ...]


def ratio(one: Measured, other: Measured, off: tuple[float, float] = (0.0, 0.0)) -> float:
    """Median of the ratios of times in the rounds that both ran.

    Parameters
    ----------
    one, other : Measured
    off : tuple of float
        Seconds to take off the times of one and of the other.
    """
    pairs = zip(one.samples, other.samples, strict=False)
    return median((a.seconds - off[0]) / max(b.seconds - off[1], 1e-6) for a, b in pairs)
