"""Which bytes go which way, and what stands in the way of a cheaper one: pure."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterator, Sequence
from math import prod

from concatsplit_core.array.edges import Edges
from concatsplit_core.array.geometry import Interval
from concatsplit_core.array.inference import name_of
from concatsplit_core.array.layouts import Contiguous
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.foundation.sizes import format_size
from concatsplit_core.planning.move import MoveSpec
from concatsplit_core.planning.pairs import Pair, kind_of, pair_of
from concatsplit_core.planning.task import ROUTES, Route
from concatsplit_core.planning.thresholds import Thresholds


class Share(NamedTuple):
    """An interval of the axis that goes from one source to a target by one route.

    Parameters
    ----------
    source : int
    interval : Interval
        On the logical axis.
    route : str
    shards : bool
        It goes in whole shards.
    """

    source: int
    interval: Interval
    route: Route
    shards: bool = False


class Routing(NamedTuple):
    """What goes which way.

    Parameters
    ----------
    shares : list of Share
        Of all targets, one target after the other, in order along the axis.
    firsts : array of int
        Number of the first share of each target, and behind the last one.
    routes : dict
        Array bytes by route.
    reasons : dict
        Per route, why they did not go by a cheaper one.
    alignment : dict
        As in `MovePlan`.
    """

    shares: list[Share]
    firsts: array[int]
    routes: dict[Route, int]
    reasons: dict[Route, tuple[str, ...]]
    alignment: dict[int, int]

    def of(self, target: int, *routes: Route) -> list[Share]:
        """What goes to a target by one of these routes."""
        found = self.shares[self.firsts[target] : self.firsts[target + 1]]
        return [share for share in found if share.route in routes]


def route_shares(
    move: MoveSpec, edges: Edges, allowed: Collection[Route], thresholds: Thresholds
) -> Routing:
    """Choose the cheapest route for every pair of a source and a target that share elements.

    Parameters
    ----------
    move : MoveSpec
    edges : Edges
        Of the sources.
    allowed : collection of str
        Routes that may be taken.
    thresholds : Thresholds

    Raises
    ------
    UsageError
        None of the allowed routes leads from a source to a target.
    """
    router = _Router(move, edges, allowed, thresholds)
    shares: list[Share] = []
    firsts = array("q", [0])
    for target in range(len(move.targets.segments)):
        shares += router.shares_of(target)
        firsts.append(len(shares))
    return Routing(shares, firsts, router.bytes_by_route(), router.reasons(), router.alignment)


_Again = tuple[ArraySpec, int, int, int, Route]
"""A target all of whose elements come from one source: what that covers, which it is, the route."""


class _Router:
    """Chooses routes, target by target, and keeps count of bytes and of reasons."""

    def __init__(
        self, move: MoveSpec, edges: Edges, allowed: Collection[Route], thresholds: Thresholds
    ) -> None:
        self._move, self._edges, self._allowed = move, edges, allowed
        self._thresholds = thresholds
        self._left_out = {
            route: () if route in allowed else (f"--routes leaves out {route}",) for route in ROUTES
        }
        self._axis, self._targets = move.axis, move.targets.segments
        self._from, self._to = move.sources.views(), move.targets.views()
        self._here: ArraySpec | None = None
        self._there: ArraySpec | None = None
        self._kinds: tuple[Hashable, Hashable] | None = None
        self._made: Pair
        self._lengths: defaultdict[tuple[Route, int], int] = defaultdict(int)
        self._why: defaultdict[Route, dict[str, None]] = defaultdict(dict)
        self._short_runs: dict[Route, tuple[int, int]] = {}
        self._alike: tuple[Pair, int, Route] | None = None
        """What was found last of elements for a target without chunks: it holds for those alike."""
        self._again: _Again | None = None
        self.alignment: dict[int, int] = {}

    def shares_of(self, target: int) -> list[Share]:
        """What one target gets from which sources, and how."""
        lies = self._targets[target][0]
        if self._again is not None:
            there, first, last, source, route = self._again
            start, stop = lies
            if first <= start and stop <= last and self._to[target] is there:
                self._lengths[route, there.dtype.itemsize] += stop - start
                return [Share(source, lies, route)]
        found: list[Share] = []
        starts: Counter[int] | None = None  # few targets of many need one
        for source, interval in self._edges.overlapping(lies):
            pair = self._pair(source, target)
            run = 0 if pair.against_runs else self._run_bytes(pair, source, target, interval)
            alike = self._alike
            if alike is not None and alike[0] is pair and alike[1] == run:
                found.append(Share(source, interval, alike[2]))
            elif run >= self._thresholds.long_run and not self._left_out["kernel"]:
                starts = Counter() if starts is None else starts
                self._count_start(starts, pair, source, target, run)
                found.append(Share(source, interval, "kernel"))
            else:
                found += self._other_shares(pair, source, target, interval, run)
        if starts:
            self.alignment[target] = starts.most_common(1)[0][0]
        itemsize = self._to[target].dtype.itemsize
        for _, (start, stop), route, _ in found:
            self._lengths[route, itemsize] += stop - start
        self._again = self._repeated(target, lies, found)
        return found

    def _repeated(self, target: int, lies: Interval, found: list[Share]) -> _Again | None:
        """What holds for the next target as well, if it is alike and lies in the same source."""
        alike = self._alike
        if len(found) != 1 or alike is None:
            return None
        source, interval, route, _ = found[0]
        if interval != lies or route != alike[2]:
            return None
        first, last, _ = self._edges.of_source(source)
        return self._to[target], first, last, source, route

    def bytes_by_route(self) -> dict[Route, int]:
        """Array bytes by the way they move."""
        found: dict[Route, int] = {}
        section = prod(self._move.shape) // self._move.shape[self._move.axis]
        for (route, itemsize), length in self._lengths.items():
            found[route] = found.get(route, 0) + length * section * itemsize
        return found

    def reasons(self) -> dict[Route, tuple[str, ...]]:
        """Per route, why bytes did not go by a cheaper one."""
        for route, (shortest, longest) in self._short_runs.items():
            self._why[route][self._too_short(shortest, longest)] = None
        return {route: tuple(found) for route, found in self._why.items() if found}

    def _pair(self, source: int, target: int) -> Pair:
        """Neighbours are often alike: then they are compared once."""
        here, there = self._from[source], self._to[target]
        if here is not self._here or there is not self._there:
            kinds = kind_of(here), kind_of(there)
            if kinds != self._kinds:
                self._kinds, self._made = kinds, pair_of(here, there, self._move.axis)
            self._here, self._there = here, there
        return self._made

    def _run_bytes(self, pair: Pair, source: int, target: int, interval: Interval) -> int:
        """Bytes that follow each other in the source and in the target."""
        axis, length = self._axis, interval.stop - interval.start
        run = pair.index_bytes * length
        if pair.slower == 1:
            return run
        whole = self._from[source].shape[axis] == length == self._to[target].shape[axis]
        return run * pair.slower if whole else run

    def _count_start(
        self, starts: Counter[int], pair: Pair, source: int, target: int, run: int
    ) -> None:
        """Count where the target would have to start for this run to lie alike in both files.

        ::

            start of the target = start of the source
                                  + (index of the target - index of the source) * bytes an index
        """
        here, there = self._from[source].layout, self._to[target].layout
        if not isinstance(here, Contiguous) or not isinstance(there, Contiguous):
            return
        if here.offset is None or not there.offset_step or run < self._thresholds.shareable:
            return
        lies = self._move.sources.segments[source].interval.start
        goes = self._move.targets.segments[target].interval.start
        start = here.offset + (goes - lies) * pair.index_bytes
        if not start % there.offset_step:
            starts[start % self._thresholds.shared_block] += run

    def _other_shares(
        self, pair: Pair, source: int, target: int, interval: Interval, run: int
    ) -> Iterator[Share]:
        """What goes chunk by chunk, and what of the interval goes element by element."""
        rest, why = interval, pair.against_runs
        chunks = self._to[target].chunks
        if chunks is not None:
            lies = self._move.sources.segments[source].interval
            goes = self._move.targets.segments[target].interval
            why = pair.against_chunks
            if not why and (lies.start - goes.start) % chunks[self._move.axis]:
                why = ("the chunk grids are offset against each other",)
            why = why or self._left_out["encoded"]
            if not why:
                for share in _whole_units(pair, source, interval, lies, goes):
                    rest = Interval(share.interval.stop, interval.stop)
                    yield share
                why = ("a chunk straddles a boundary",)
        elif not why and run >= self._thresholds.long_run:
            why = self._left_out["kernel"]
        if rest.length:
            route = self._by_element(pair, source, target, why or (self._too_short(run, run),))
            if why:
                self._why[route].update(dict.fromkeys(why))
            else:
                shortest, longest = self._short_runs.get(route, (run, run))
                self._short_runs[route] = min(run, shortest), max(run, longest)
            self._alike = (pair, run, route) if chunks is None else None
            yield Share(source, rest, route)

    def _by_element(self, pair: Pair, source: int, target: int, why: Sequence[str]) -> Route:
        """The route of what cannot be copied as it is stored."""
        for route in ("mapped", "decoded") if pair.both_strided else ("decoded",):
            if route in self._allowed:
                return route
        here = name_of(source, self._move.names)
        there = name_of(target, self._move.target_names, "output")
        raise UsageError(
            f"--routes {','.join(self._allowed)}: {here} cannot be copied to {there} "
            f"by these routes ({'; '.join(why)}); "
            f"allow {'mapped' if pair.both_strided else 'decoded'} as well"
        )

    def _too_short(self, shortest: int, longest: int) -> str:
        of = f"{shortest}" if shortest == longest else f"{shortest} to {longest}"
        least = format_size(self._thresholds.long_run)
        return f"runs of {of} bytes are shorter than {least}, where the kernel's copy pays"


def _whole_units(
    pair: Pair, source: int, interval: Interval, lies: Interval, goes: Interval
) -> Iterator[Share]:
    """Whole shards, then whole chunks, from the start of an interval.

    ::

        shards   |       |       |       |
        chunks   |   |   |   |   |   |   |
        interval [-------------------]            first 2 shards, then 1 chunk
    """
    rest = interval
    for length, is_shard in pair.units:
        if (lies.start - goes.start) % length or not rest.length:
            continue
        stop = rest.stop
        if not rest.stop == lies.stop == goes.stop:  # else the last one is cut off in both alike
            stop -= rest.length % length
        if stop > rest.start:
            yield Share(source, Interval(rest.start, stop), "encoded", is_shard)
            rest = Interval(stop, rest.stop)
