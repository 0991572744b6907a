"""From a request to a job: open the inputs, infer the shapes, name the outputs."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from concatsplit_core.array.geometry import Interval, normalize_axis, tile
from concatsplit_core.array.inference import infer_concat, infer_dtype, infer_parts, name_of
from concatsplit_core.array.orders import channel_axis
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.array.tiling import Segment, Tiling
from concatsplit_core.endpoints.inputs import close_all, open_inputs, refuse_second_stream
from concatsplit_core.endpoints.job import Job, Move
from concatsplit_core.errors import UsageError
from concatsplit_core.formats.sources import Source
from concatsplit_core.meaning.agreement import Agreement, InputMeaning
from concatsplit_core.meaning.dimensions import axis_named
from concatsplit_core.meaning.reconciling import reconcile
from concatsplit_core.run.engine import execute, recover_in
from concatsplit_core.run.options import Options
from concatsplit_core.run.result import Result

if TYPE_CHECKING:
    from concatsplit_core.array.cuts import Cut


@dataclass(frozen=True, slots=True)
class Request:
    """What an operator was asked to do with its inputs.

    Parameters
    ----------
    operator : str
    outputs : sequence of str
        Names, a template or a folder; exactly one name if the joined array is not cut.
    axis : int or str, optional
        A number, negative from the end, or the name of a dimension. The default is 0.
    order : str, optional
        Letters of the axes: work along C. Not together with `axis`.
    add_axis : bool
        Stack the inputs along a new axis.
    cut : Cut, optional
        Where to cut the joined array; None leaves it whole.
    drop_axis : bool
        Drop the axis from the outputs; all must have length 1.
    only : str or sequence of int, optional
        Numbers of the parts to write.
    split_info : str, optional
        Reference of the second output, the inputs' lengths.
    vectors : tuple
        Vectors of lengths that were read for the request. They are inputs too, so no output may
        replace them.
    """

    operator: str
    outputs: Sequence[str]
    axis: int | str | None = None
    order: str | None = None
    add_axis: bool = False
    cut: Cut | None = None
    drop_axis: bool = False
    only: str | Sequence[int] | None = None
    split_info: str | None = None
    vectors: tuple[Any, ...] = ()


def perform(request: Request, inputs: Any, options: Options) -> Result:
    """Open the inputs, make a job of the request, and run it."""
    refuse_second_stream(inputs, request.vectors)
    sources = open_inputs(
        inputs,
        beside=request.outputs[0] if request.outputs else None,
        recover=recovering(options),
    )
    try:
        return perform_on(request, sources, options)
    finally:
        close_all(sources)


def recovering(options: Options) -> Callable[[list[Path]], bool]:
    """A function that completes or undoes what killed runs left in folders, and emits notes."""
    return lambda folders: recover_in(folders, options)


def perform_on(request: Request, sources: Sequence[Source], options: Options) -> Result:
    """Do what `perform` does, with inputs that are open."""
    if not sources:
        raise UsageError("no inputs: give at least one array")
    move, split_info = move_of(request, sources, options)
    return execute(job_of(request, [move], split_info), options)


def job_of(request: Request, moves: Sequence[Move], split_info: np.ndarray) -> Job:
    """The job of a request: its moves and its second output, which appear together."""
    return Job(
        request.operator,
        moves,
        also_read=[v for v in request.vectors if isinstance(v, str | os.PathLike)],
        extras=[] if request.split_info is None else [(request.split_info, split_info)],
    )


def move_of(
    request: Request, sources: Sequence[Source], options: Options, name: str = ""
) -> tuple[Move, np.ndarray]:
    """The move of one array, and the inputs' lengths along its axis.

    Parameters
    ----------
    request : Request
    sources : sequence of Source
        The open inputs.
    options : Options
    name : str
        The array's name in a data set.
    """
    names = [source.ref for source in sources]
    axis = axis_of(request, sources[0])
    agreement = reconcile_sources(sources, options)
    specs = converted_specs(sources, agreement)
    whole, split_info = infer_concat(
        specs, axis, request.add_axis, names=names, dtype=agreement.dtype
    )
    lengths = [int(n) for n in split_info]
    intervals, outputs, numbers = _parts(request, whole, axis, names[0])
    parts = infer_parts(whole, intervals, axis, request.drop_axis)
    targets = tuple(Segment(intervals[n], parts[n]) for n in numbers)
    move = Move(
        shape=whole.shape,
        dtype=whole.dtype,
        sources=sources,
        source_tiling=Tiling(axis, tuple(map(Segment, tile(lengths), specs)), request.add_axis),
        outputs=[outputs[n] for n in numbers],
        target_tiling=Tiling(axis, targets, request.drop_axis),
        split_info=lengths if request.cut is None else [i.length for i in intervals],
        meaning=agreement.meaning,
        conversions=agreement.conversions,
        name=name,
    )
    return move, split_info


def reconcile_sources(
    sources: Sequence[Source], options: Options, dtype: np.dtype | None = None
) -> Agreement:
    """Find one meaning for all inputs; `dtype` sets that of the output."""
    names = [source.ref for source in sources]

    def choose(dtypes: list[np.dtype]) -> np.dtype:
        return infer_dtype(
            dtypes,
            names=names,
            dtype=options.wanted_dtype,
            casting=options.casting,
            promote=options.promote,
        )

    meanings = [
        InputMeaning(name_of(i, names), source.spec.dtype, source.storage.meaning)
        for i, source in enumerate(sources)
    ]
    chosen = choose if dtype is None else lambda _: dtype
    return reconcile(meanings, options.conflicts, options.attrs, chosen)


def converted_specs(sources: Sequence[Source], agreement: Agreement) -> list[ArraySpec]:
    """The specs of the inputs for the planner: with the dtypes after their conversions."""
    return [
        source.spec
        if conversion is None
        else replace(source.spec, dtype=conversion.dtype, converted=True)
        for source, conversion in zip(sources, agreement.conversions, strict=True)
    ]


def axis_of(request: Request, first: Source) -> int:
    """The number of the axis that a request gives by number, name or order; else 0."""
    if request.axis is not None and request.order is not None:
        raise UsageError("--axis and --order both choose an axis; give one of them")
    array = "the joined array" if request.add_axis else f"input {first.ref}"
    ndim = first.spec.ndim + request.add_axis
    if request.order is not None:
        return channel_axis(request.order, ndim, array)
    if isinstance(request.axis, str):
        if request.add_axis:
            raise UsageError(f"--axis {request.axis}: a new axis has no name yet; give a number")
        return axis_named(request.axis, first.storage.meaning.dims, array)
    return normalize_axis(request.axis or 0, ndim, array)


def _parts(
    request: Request, whole: ArraySpec, axis: int, source: str
) -> tuple[list[Interval], list[str], list[int]]:
    """Intervals and names of all parts, and the numbers of those to write."""
    length = whole.shape[axis]
    if request.cut is None:
        return [Interval(0, length)], list(request.outputs), [0]
    from concatsplit_core.array.cuts import select
    from concatsplit_core.endpoints.naming import name_parts, named_count

    if not request.outputs:
        raise UsageError("no outputs: give a name per part, a template or a folder with -o")
    index_bytes = prod(whole.shape[:axis] + whole.shape[axis + 1 :]) * whole.dtype.itemsize
    intervals = request.cut.intervals(length, named_count(request.outputs), index_bytes)
    if not intervals or (request.drop_axis and not length):
        raise UsageError(f"axis {axis} of {source} has length 0, so there are no parts to write")
    numbers = list(range(len(intervals)))
    if request.only is not None:
        numbers = select(request.only, len(intervals))
    return intervals, name_parts(request.outputs, intervals, source), numbers


def names_of(output: Any) -> list[str]:
    """One name or several, as a list."""
    names = [output] if isinstance(output, str | os.PathLike) else list(output)
    return [os.fspath(name) for name in names]


def zeros_like(shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """An array of zeros that takes no memory, of any shape."""
    return np.broadcast_to(np.zeros((), dtype), tuple(shape))
