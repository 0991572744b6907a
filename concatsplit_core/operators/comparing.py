"""diff: compare two arrays element by element, also across formats."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from math import prod
from pathlib import Path
from typing import Any

from concatsplit_core.array.descr import dtype_label, dtype_name
from concatsplit_core.array.geometry import Box
from concatsplit_core.endpoints.containers import open_container
from concatsplit_core.endpoints.fingerprints import Fingerprints
from concatsplit_core.endpoints.hollow import refuse_hollow
from concatsplit_core.endpoints.inputs import close_all, open_inputs
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.errors import AmbiguousContainer, UsageError
from concatsplit_core.foundation.given import flag
from concatsplit_core.foundation.names import path
from concatsplit_core.foundation.records import replace
from concatsplit_core.operators.comparison.blocks import BlockComparison
from concatsplit_core.operators.comparison.difference import (
    DataSetDifference,
    Difference,
    ElementPair,
    Side,
)
from concatsplit_core.operators.comparison.facts import differing_facts
from concatsplit_core.operators.comparison.values import EqualityRule, comparable
from concatsplit_core.operators.describing import shown_attributes
from concatsplit_core.run.events import Finished, Moved, Started
from concatsplit_core.run.noting import tell_of_raw
from concatsplit_core.run.options import Options
from concatsplit_core.run.side_by_side import (
    BlockReader,
    boxes_of,
    common_order,
    logical_shape,
    plan_blocks,
)
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
    raw: str | None = None,
    offset: int = 0,
    on_event: Callable[[Any], None] | None = None,
) -> Difference | DataSetDifference:
    """Compare two arrays of any formats, in bounded memory and on all cores.

    0 equals -0; integers are not rounded; dtypes may differ in byte order.

    Parameters
    ----------
    a, b
        References, ndarrays, h5py datasets, zarr arrays or views, one array each.
    nan_equal : bool
        All NaNs are equal; else only NaNs of the same bits.
    rtol, atol : float
        Numbers may differ by ``atol + rtol * abs(b)``, as in `numpy.isclose`. If one of them is
        not 0, different dtypes are reported, but do not make the arrays unequal.
    memory, jobs, follow_links, raw, offset, on_event
        As in `Options`.

    Returns
    -------
    Difference or DataSetDifference
        The latter if one of them is a container with several arrays.

    Raises
    ------
    ConcatsplitError
        An input is missing or malformed, or was changed during the run; a link leads out of its
        store; or the smallest step does not fit the memory.
    """
    rule = EqualityRule(flag("nan_equal", nan_equal), rtol, atol).validated()
    options = Options(memory=memory, jobs=jobs, raw=raw, offset=offset, on_event=on_event)
    try:
        sources = open_inputs([a, b], raw=options.raw_description)
    except AmbiguousContainer:
        if raw is not None:
            tell_of_raw(options, ())
        return _compare_containers(path("a", a), path("b", b), rule, options, follow_links)
    try:
        if len(sources) != 2:
            raise UsageError(f"diff compares two arrays, but A and B name {len(sources)}")
        if raw is not None:
            tell_of_raw(options, (source.ref for source in sources))
        fingerprints = Fingerprints(sources, follow_links)
        difference = compare_opened(sources[0], sources[1], rule, options)
        fingerprints.check()
        return difference
    finally:
        close_all(sources)


def _compare_containers(
    a: str, b: str, rule: EqualityRule, options: Options, follow_links: bool
) -> DataSetDifference:
    """Compare the arrays of two containers by their names."""
    with ExitStack() as stack:
        one = open_container(a)
        stack.callback(close_all, one.values())
        other = open_container(b)
        stack.callback(close_all, other.values())
        fingerprints = Fingerprints([*one.values(), *other.values()], follow_links)
        arrays = {
            name: compare_opened(one[name], other[name], rule, options)
            for name in one
            if name in other
        }
        fingerprints.check()
    return DataSetDifference(
        a,
        b,
        arrays,
        tuple(name for name in one if name not in other),
        tuple(name for name in other if name not in one),
    )


def compare_opened(a: Source, b: Source, rule: EqualityRule, options: Options) -> Difference:
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
        dtype_counts=not rule.is_tolerant,
    )


def _side(source: Source) -> Side:
    dtype = source.spec.dtype
    return Side(source.ref, source.format, source.spec.shape, dtype_name(dtype), dtype_label(dtype))


def _elements(
    a: Source, b: Source, rule: EqualityRule, options: Options
) -> tuple[int, ElementPair | None, ElementPair | None]:
    """How many elements differ, the first pair of them, and the pair with the largest one."""
    shape = logical_shape(a.spec)
    refuse_hollow([a, b])
    with tempfile.TemporaryDirectory() as folder:
        for source in (a, b):
            source.prepare(Path(folder))
        plan = plan_blocks(a, b, options.memory_bytes, options.workers)
        order = common_order(a.spec, b.spec)
        one, other = (BlockReader(source, order, plan.window) for source in (a, b))
        comparison = BlockComparison(shape, order, rule)

        def work(box: Box) -> None:
            comparison.compare(one.block(box), other.block(box), box)

        def done(box: Box) -> None:
            emit(Moved(prod(box.shape) * a.spec.dtype.itemsize))

        emit = options.on_event or (lambda _: None)
        emit(Started(a.spec.nbytes))
        try:
            if not a.spec.size:
                return 0, None, None
            if not comparable(a.spec.dtype, b.spec.dtype):
                start = Box((0,) * len(shape), (1,) * len(shape))
                pair = ElementPair(
                    start.start, one.block(start).item(0), other.block(start).item(0)
                )
                return prod(shape), _own_index(pair, a), None
            run_on_threads(boxes_of(plan), work, jobs=plan.workers, done=done)
        finally:
            one.close()
            other.close()
        emit(Finished())
    return comparison.count, _own_index(comparison.first, a), _own_index(comparison.largest, a)


def _own_index(pair: ElementPair | None, source: Source) -> ElementPair | None:
    """The pair with an empty index if the arrays are scalars, which were compared as length 1."""
    return pair if pair is None or source.spec.shape else replace(pair, index=())
