"""Are the bounds met? Pure: results in, verdicts out."""

from __future__ import annotations

from benchmarks.bounds import (
    AtMost,
    Bound,
    FasterThan,
    Linear,
    PeakMemory,
    PerChunk,
    ShareOf,
    Within,
)
from benchmarks.measures import Measured, Result, Verdict, ratio

PROCESS_BYTES = 128 << 20
"""What the process may take beside the array data that ``--memory`` bounds."""

_MIB = 1 << 20


def judge(result: Result) -> list[Verdict]:
    """Hold a result against the bounds of its case.

    Parameters
    ----------
    result : Result

    Returns
    -------
    list of Verdict
        One a bound, in the order of the case; none is met if our own result was wrong.
    """
    return [_judge(result, bound) for bound in result.case.bounds]


def _judge(result: Result, bound: Bound) -> Verdict:
    ours = result.ours
    if ours is None:
        return Verdict(result.case.name, describe(bound), "failed", False)
    match bound:
        case AtMost():
            measured, met = _at_most(result, ours, bound)
        case FasterThan():
            measured, met = _faster(result, ours, bound)
        case ShareOf():
            measured, met = _share(result, ours, bound)
        case Within():
            measured, met = f"{ours.seconds:.2f} s", ours.seconds <= bound.seconds
        case PerChunk():
            measured, met = _per_chunk(result, ours, bound)
        case Linear():
            measured, met = _linear(result, ours, bound)
        case PeakMemory():
            limit = PROCESS_BYTES + bound.budget_bytes
            measured, met = f"{ours.rss_bytes / _MIB:.0f} MiB", ours.rss_bytes <= limit
    return Verdict(result.case.name, describe(bound), measured, met)


def describe(bound: Bound) -> str:
    """A bound in words."""
    match bound:
        case AtMost(factor, of, _, net):
            return f"at most {factor:g} x {of}" + (", start-up taken off" if net else "")
        case FasterThan(factor, peers, minimum):
            than = " or ".join(peers) if peers else "the fastest peer"
            size = f", from {minimum // _MIB} MiB on" if minimum else ""
            return f"at least {factor:g} x faster than {than}{size}"
        case ShareOf(share, of):
            return f"at least {share:.0%} of the speed of {of}"
        case Within(seconds):
            return f"at most {seconds:g} s"
        case PerChunk(microseconds):
            return f"under {microseconds:g} µs a chunk"
        case Linear(factor, chunks, _, fewer):
            return f"{chunks:,} chunks at most {factor:g} x the time a chunk of {fewer:,}"
        case PeakMemory(budget):
            limit = (PROCESS_BYTES + budget) // _MIB
            return f"at most {limit} MiB resident with --memory {budget // _MIB}MiB"


def _at_most(result: Result, ours: Measured, bound: AtMost) -> tuple[str, bool | None]:
    other = result.of(bound.of)
    if other is None:
        return f"no {bound.of}", None
    gross = ratio(ours, other)
    noops = [result.of(name) for name in bound.noops or ()]
    if len(noops) < 2 or noops[0] is None or noops[1] is None:
        return f"{gross:.2f} x", None if bound.net else gross <= bound.factor
    net = ratio(ours, other, (noops[0].seconds, noops[1].seconds))
    if bound.net:
        return f"{net:.2f} x ({gross:.2f} x with start-up)", net <= bound.factor
    return f"{gross:.2f} x ({net:.2f} x without start-up)", gross <= bound.factor


def _faster(result: Result, ours: Measured, bound: FasterThan) -> tuple[str, bool | None]:
    peers = result.peers(bound.peers)
    if not peers:
        return "no such peer", None
    gain = ratio(peers[0], ours)
    measured = f"{gain:.2f} x ({peers[0].name})"
    if result.case.array_bytes < bound.minimum_bytes:
        return f"{measured}, too little data", None
    return measured, gain >= bound.factor


def _share(result: Result, ours: Measured, bound: ShareOf) -> tuple[str, bool | None]:
    other = result.of(bound.of)
    if other is None:
        return f"no {bound.of}", None
    share = ratio(other, ours)
    return f"{share:.0%}", share >= bound.share


def _chunk_seconds(result: Result, ours: Measured, startup: str, chunks: int) -> float | None:
    noop = result.of(startup)
    return None if noop is None else (ours.seconds - noop.seconds) / chunks


def _per_chunk(result: Result, ours: Measured, bound: PerChunk) -> tuple[str, bool | None]:
    each = _chunk_seconds(result, ours, bound.startup, bound.chunks)
    if each is None:
        return "no start-up measured", None
    return f"{each * 1e6:.1f} µs", each * 1e6 < bound.microseconds


def _linear(result: Result, ours: Measured, bound: Linear) -> tuple[str, bool | None]:
    fewer = result.of(bound.fewer)
    many_each = _chunk_seconds(result, ours, bound.startup, bound.chunks)
    if fewer is None or many_each is None:
        return "no run with fewer chunks", None
    few_each = _chunk_seconds(result, fewer, bound.startup, bound.fewer_chunks)
    if few_each is None or few_each <= 0:
        return "too fast to say", None
    return f"{many_each / few_each:.2f} x", many_each <= bound.factor * few_each
