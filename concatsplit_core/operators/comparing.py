"""Whether two arrays are equal, element by element, in whatever formats they are."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

from concatsplit_core.array.geometry import Box
from concatsplit_core.comparison.blocks import Findings
from concatsplit_core.comparison.difference import Difference, Pair, Side
from concatsplit_core.comparison.facts import differing_facts
from concatsplit_core.comparison.reading import Reader, common_order, logical_shape, plan_blocks
from concatsplit_core.comparison.values import Rule, comparable
from concatsplit_core.endpoints.fingerprints import Fingerprints
from concatsplit_core.endpoints.hollow import refuse_hollow
from concatsplit_core.endpoints.inputs import close_all, open_inputs
from concatsplit_core.errors import UsageError
from concatsplit_core.formats.base import Source
from concatsplit_core.operators.describing import shown_attributes
from concatsplit_core.planning.plan import Task
from concatsplit_core.run.events import Finished, Moved, Started
from concatsplit_core.run.options import Options
from concatsplit_core.run.result import dtype_name
from concatsplit_core.run.threads import run_on_threads


def diff(
    a: Any,
    b: Any,
    *,
    nan_equal: bool = False,
    rtol: float = 0.0,
    atol: float = 0.0,
    memory: str | int | None = None,
    jobs: int | None = None,
    follow_links: bool = False,
    on_event: Callable[[Any], None] | None = None,
) -> Difference:
    """Compare two arrays of any formats, in bounded memory and on all cores.

    Parameters
    ----------
    a, b
        References, ndarrays, h5py data sets or zarr arrays, one array each.
    nan_equal : bool
        Any NaN equals any NaN; else only one of the same bits.
    rtol, atol : float
        Numbers may differ by ``atol + rtol * abs(b)``, as in `numpy.isclose`; then different
        dtypes are only told.
    memory, jobs, follow_links, on_event
        As in `Options`.

    Returns
    -------
    Difference
        Zero equals minus zero; integers are never rounded. Byte order is no difference of dtypes.

    Raises
    ------
    ConcatsplitError
        An input is missing, malformed, or changed meanwhile; a link leads out of its store; or it
        does not fit the memory.
    """
    rule = Rule(nan_equal, rtol, atol).check()
    options = Options(memory=memory, jobs=jobs, on_event=on_event)
    sources = open_inputs([a, b])
    try:
        if len(sources) != 2:
            raise UsageError(f"two arrays are compared, found {len(sources)}")
        fingerprints = Fingerprints(sources, follow_links)
        found = compare(sources[0], sources[1], rule, options)
        fingerprints.check()
        return found
    finally:
        close_all(sources)


def compare(a: Source, b: Source, rule: Rule, options: Options) -> Difference:
    """As `diff`, with arrays that are open."""
    facts = differing_facts(
        a, b, (shown_attributes(a.storage.meaning), shown_attributes(b.storage.meaning))
    )
    count, first, largest = None, None, None
    if "shape" not in facts:
        count, first, largest = _elements(a, b, rule, options)
    return Difference(
        a=_side(a),
        b=_side(b),
        facts=facts,
        elements=count,
        first=first,
        largest=largest,
        dtype_counts=not rule.tolerant,
    )


def _side(source: Source) -> Side:
    return Side(source.ref, source.format, source.spec.shape, dtype_name(source.spec.dtype))


def _elements(
    a: Source, b: Source, rule: Rule, options: Options
) -> tuple[int, Pair | None, Pair | None]:
    """How many elements differ, the first of them, and the two furthest apart."""
    shape = logical_shape(a.spec)
    refuse_hollow([a, b])
    with tempfile.TemporaryDirectory() as folder:
        for source in (a, b):
            source.prepare(Path(folder))
        plan = plan_blocks(a, b, options.memory_bytes, options.workers)
        order = common_order(a.spec, b.spec)
        one, other = (Reader(source, order, plan.window) for source in (a, b))
        findings = Findings(shape, order, rule)

        def work(task: Task) -> None:
            for write in task.writes:
                findings.compare(one.block(write.box), other.block(write.box), write.box)

        def done(task: Task) -> None:
            size = sum(prod(write.box.shape) for write in task.writes)
            tell(Moved(size * a.spec.dtype.itemsize))

        tell = options.on_event or (lambda _: None)
        tell(Started(a.spec.nbytes))
        try:
            if not a.spec.size:
                return 0, None, None
            if not comparable(a.spec.dtype, b.spec.dtype):
                start = Box((0,) * len(shape), (1,) * len(shape))
                pair = Pair(start.start, one.block(start).item(0), other.block(start).item(0))
                return prod(shape), _local(pair, a), None
            run_on_threads(plan.tasks(), work, jobs=plan.workers, done=done)
        finally:
            one.close()
            other.close()
        tell(Finished())
    return findings.count, _local(findings.first, a), _local(findings.largest, a)


def _local(pair: Pair | None, source: Source) -> Pair | None:
    """A pair with the index that it has in the arrays: those without axes have none."""
    return pair if pair is None or source.spec.shape else replace(pair, index=())
