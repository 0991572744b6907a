"""Which bytes can go which way, and what stands in the way of a cheaper one: pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from math import prod
from typing import NamedTuple

from concatsplit_core.array.geometry import Interval, Shape
from concatsplit_core.array.layouts import ArrayLayout, Sharded, Stream
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.array.tiling import Tiling
from concatsplit_core.errors import UsageError
from concatsplit_core.planning.blocking import Edges, axes_by_speed
from concatsplit_core.planning.plan import Route

LONG_RUN = 128 << 10
"""Bytes of the shortest run that is worth a call of its own to the kernel."""


class Part(NamedTuple):
    """An interval of the axis that goes from one source to one target by one route.

    Parameters
    ----------
    source, target : int
    interval : Interval
        On the logical axis.
    route : str
    shards : bool
        It goes in whole shards.
    """

    source: int
    target: int
    interval: Interval
    route: Route
    shards: bool = False


@dataclass(slots=True)
class Routing:
    """The parts of every target, bytes by route, and why they did not go by a cheaper one."""

    allowed: Collection[Route]
    parts: dict[int, list[Part]] = field(default_factory=dict)
    routes: dict[Route, int] = field(default_factory=dict)
    reasons: dict[Route, tuple[str, ...]] = field(default_factory=dict)


def route_parts(
    shape: Shape, sources: Tiling, targets: Tiling, edges: Edges, allowed: Collection[Route]
) -> Routing:
    """Choose the cheapest route for every pair of a source and a target that share elements.

    Parameters
    ----------
    shape : tuple of int
        Of the logical array.
    sources, targets : Tiling
    edges : Edges
        Of the sources.
    allowed : collection of str
        Routes that may be taken.

    Raises
    ------
    UsageError
        None of the allowed routes leads from a source to a target.
    """
    routing = Routing(allowed)
    reasons: defaultdict[Route, dict[str, None]] = defaultdict(dict)
    section = prod(shape) // shape[targets.axis]
    for index, segment in enumerate(targets.segments):
        for source, whole in edges.overlapping(segment.interval):
            pair = _Pair(shape, sources, targets, source, index, whole)
            for part, why in pair.parts(allowed):
                routing.parts.setdefault(index, []).append(part)
                moved = part.interval.length * section * segment.spec.dtype.itemsize
                routing.routes[part.route] = routing.routes.get(part.route, 0) + moved
                reasons[part.route].update(dict.fromkeys(why))
    routing.reasons = {route: tuple(found) for route, found in reasons.items() if found}
    return routing


class _Pair:
    """What one source gives to one target."""

    def __init__(
        self,
        shape: Shape,
        sources: Tiling,
        targets: Tiling,
        source: int,
        target: int,
        interval: Interval,
    ) -> None:
        self._shape, self._axis = shape, targets.axis
        self._source, self._target, self._interval = source, target, interval
        self._from, self._to = sources.view(source), targets.view(target)
        self._lies, self._goes = (
            sources.segments[source].interval,
            targets.segments[target].interval,
        )

    def parts(self, allowed: Collection[Route]) -> list[tuple[Part, list[str]]]:
        """The interval cut up by route, and why each piece could not go by a cheaper one."""
        why = self._against_kernel() or _left_out("kernel", allowed)
        if not why:
            return [(self._part(self._interval, "kernel"), [])]
        found: list[tuple[Part, list[str]]] = []
        rest = self._interval
        if self._to.chunks is not None:
            why = self._against_encoded() or _left_out("encoded", allowed)
            if not why:
                found, rest = self._encoded()
                why = ["a chunk straddles a boundary"]
        if rest.length:
            route = self._filling(allowed, why)
            found.append((self._part(rest, route), why))
        return found

    def _filling(self, allowed: Collection[Route], why: list[str]) -> Route:
        """The route of what cannot move as it is stored."""
        flat = self._from.is_strided and self._to.is_strided
        for route in ("mapped", "decoded") if flat else ("decoded",):
            if route in allowed:
                return route
        raise UsageError(
            f"--routes {','.join(allowed)}: input {self._source} cannot go to output "
            f"{self._target} that way ({'; '.join(why)}); allow {'mapped' if flat else 'decoded'} "
            "as well"
        )

    def _part(self, interval: Interval, route: Route, shards: bool = False) -> Part:
        return Part(self._source, self._target, interval, route, shards)

    def _against_kernel(self) -> list[str]:
        """Why no long runs of bytes can be copied as they lie."""
        here, there = self._from, self._to
        why = _not_flat(here, there)
        if why:
            return why
        for side, spec in (("an input", here), ("the output", there)):
            if not spec.is_contiguous:
                return [f"{side} is in memory"]
        if here.converted:
            return ["the values of an input are converted"]
        if here.dtype != there.dtype:
            return [f"{here.dtype} becomes {there.dtype}"]
        if here.order != there.order:
            return ["the element order changes"]
        run = self._run_bytes()
        if run < LONG_RUN:
            return [f"runs of {run} bytes are shorter than {LONG_RUN}"]
        return []

    def _run_bytes(self) -> int:
        """Bytes that follow each other in the source and in the target."""
        run = self._to.dtype.itemsize
        for d in axes_by_speed(self._to.order, len(self._shape)):
            if d != self._axis:
                run *= self._shape[d]
                continue
            run *= self._interval.length
            if not self._from.shape[d] == self._interval.length == self._to.shape[d]:
                break
        return run

    def _against_encoded(self) -> list[str]:
        """Why no chunks can move as they are stored."""
        here, there = self._from, self._to
        if here.chunks is None:
            return _not_flat(here, there)
        if here.converted:
            return ["the values of an input are converted"]
        if here.dtype != there.dtype:
            return [f"{here.dtype} becomes {there.dtype}"]
        if here.chunks != there.chunks:
            return [f"chunks of {here.chunks} become chunks of {there.chunks}"]
        if here.encoding is None or there.encoding is None:
            return ["chunks of an input or an output are out of reach as stored"]
        if here.encoding != there.encoding:
            return ["the codecs differ"]
        if (self._lies.start - self._goes.start) % there.chunks[self._axis]:
            return ["the chunk grids are offset against each other"]
        return []

    def _encoded(self) -> tuple[list[tuple[Part, list[str]]], Interval]:
        """Whole shards, then chunks, and what of the interval is left."""
        here, there = self._from, self._to
        found: list[tuple[Part, list[str]]] = []
        rest = self._interval
        packed = _are_packed_alike(here.layout, there.layout)
        gap = self._lies.start - self._goes.start
        for unit, shards in ((there.shards, True), (there.chunks, False)):
            if unit is None or (shards and not packed):
                continue
            if gap % unit[self._axis]:
                continue
            taken = self._whole(rest, unit[self._axis])
            if taken.length:
                found.append((self._part(taken, "encoded", shards), []))
                rest = Interval(taken.stop, rest.stop)
        return found, rest

    def _whole(self, interval: Interval, unit: int) -> Interval:
        """The part of an interval that is whole units, or the same edge of both arrays."""
        if interval.stop == self._lies.stop == self._goes.stop:
            return interval
        return Interval(interval.start, interval.stop - interval.length % unit)


def _are_packed_alike(here: ArrayLayout, there: ArrayLayout) -> bool:
    """Whether a shard of one array can be one of the other as it is stored."""
    if not isinstance(here, Sharded) or not isinstance(there, Sharded):
        return False
    packing = here.packing
    return packing is not None and (packing, here.shards) == (there.packing, there.shards)


def _left_out(route: Route, allowed: Collection[Route]) -> list[str]:
    return [] if route in allowed else [f"--routes leaves out {route}"]


def _not_flat(here: ArraySpec, there: ArraySpec) -> list[str]:
    """What keeps two arrays from being two runs of bytes."""
    why = []
    for side, spec in (("input", here), ("output", there)):
        if spec.is_string:
            why.append(f"an {side} holds variable-length strings")
        elif isinstance(spec.layout, Stream):
            why.append("the output is a stream")
        elif spec.chunks is not None:
            why.append(f"an {side} is stored in chunks")
        elif not spec.is_strided:
            why.append(f"an {side} does not lie in one run of bytes")
    return why
