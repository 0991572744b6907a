"""Which bytes can go which way, and what stands in the way of a cheaper one: pure."""

from __future__ import annotations

from collections import defaultdict
from math import prod

from concatsplit_core.blocking import Edges
from concatsplit_core.geometry import Shape
from concatsplit_core.plan import Route
from concatsplit_core.spec import ArraySpec, Tiling


def count_routes(
    shape: Shape, sources: Tiling, targets: Tiling, edges: Edges
) -> tuple[dict[Route, int], dict[Route, tuple[str, ...]]]:
    """Bytes by route over all pairs of a source and a target, and why not a cheaper one."""
    routes: dict[Route, int] = {}
    reasons: defaultdict[Route, dict[str, None]] = defaultdict(dict)
    section = prod(shape) // shape[targets.axis]
    for segment in targets.segments:
        for index, part in edges.overlapping(segment.interval):
            route, why = choose_route(sources.segments[index].spec, segment.spec)
            moved = part.length * section * segment.spec.dtype.itemsize
            routes[route] = routes.get(route, 0) + moved
            reasons[route].update(dict.fromkeys(why))
    return routes, {route: tuple(found) for route, found in reasons.items() if found}


def choose_route(source: ArraySpec, target: ArraySpec) -> tuple[Route, list[str]]:
    """The cheapest route between two arrays, and what stands in the way of a cheaper one."""
    why = []
    for side, spec in (("input", source), ("output", target)):
        if spec.is_string:
            why.append(f"an {side} holds variable-length strings")
        elif spec.sequential:
            why.append("the output is a stream")
        elif spec.chunks is not None:
            why.append(f"an {side} is stored in chunks")
        elif not spec.contiguous:
            why.append(f"an {side} does not lie in one run of bytes")
    return ("decoded", why) if why else ("mapped", [])
