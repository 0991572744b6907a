"""From a request and open inputs to a job: infers the shapes and names the outputs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from concatsplit_core.array.geometry import Interval, drop, lengths_of, normalize_axis, tile
from concatsplit_core.array.inference import infer_concat, infer_dtype, infer_parts, name_of
from concatsplit_core.array.orders import channel_axis
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.array.tiling import Segment, Tiling
from concatsplit_core.endpoints.job import Job, Move
from concatsplit_core.endpoints.references import MemberOf
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.foundation.names import path
from concatsplit_core.foundation.records import NamedTuple, replace
from concatsplit_core.meaning.agreement import Agreement, InputMeaning
from concatsplit_core.meaning.dimensions import axis_named
from concatsplit_core.meaning.reconciling import reconcile
from concatsplit_core.run.options import Options

if TYPE_CHECKING:
    from concatsplit_core.array.cuts import Cut
    from concatsplit_core.operators.selection import Selection


Axes = int | str | Sequence[int | str] | None
"""An axis; for a data set also several of the form ``"PATTERN=AXIS"``."""


class Request(NamedTuple):
    """What an operator was asked to do with its inputs.

    Parameters
    ----------
    operator : str
    outputs : sequence of str
        Names, a template or a folder; exactly one name if the joined array is not cut.
    axis : int, str or sequence of these, optional
        A number, negative from the end, or the name of a dimension. The default is 0. For a data
        set also ``"PATTERN=AXIS"``, see `AxisRules`.
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
    names : str or sequence of str, optional
        Names of the parts, for ``{name}`` in a template.
    split_info : str, optional
        Reference of the second output, the inputs' lengths.
    vectors : tuple
        Vectors of lengths that were read for the request. They are inputs too, so no output may
        replace them.
    lists : tuple of str
        ``@list`` references that name inputs.
    selection : Selection, optional
        Which arrays make up a data set; None for an operator that takes no data sets.
    """

    operator: str
    outputs: Sequence[str]
    axis: Axes = None
    order: str | None = None
    add_axis: bool = False
    cut: Cut | None = None
    drop_axis: bool = False
    only: str | Sequence[int] | None = None
    names: str | Sequence[str] | None = None
    split_info: str | None = None
    vectors: tuple[Any, ...] = ()
    lists: tuple[str, ...] = ()
    selection: Selection | None = None


def job_of(request: Request, moves: Sequence[Move], split_info: np.ndarray) -> Job:
    """The job of a request: its moves and its second output, which appear together."""
    return Job(
        request.operator,
        moves,
        asked=request._replace(outputs=(), split_info=None, lists=()),
        lists=request.lists,
        also_read=[v for v in request.vectors if isinstance(v, str | os.PathLike)],
        extras=[] if request.split_info is None else [(request.split_info, split_info)],
    )


def with_own_meanings(moves: Sequence[Move]) -> list[Move]:
    """The moves of a data set, whose bounds do not repeat the units of their coordinates."""
    from concatsplit_core.meaning.bounds import without_borrowed

    meanings = without_borrowed({move.name: move.meaning for move in moves})
    return [move._replace(meaning=meanings[move.name]) for move in moves]


Adjust = Callable[[Request, Sequence[Source]], Request]
"""Called with the open inputs of an array; returns the request with what only they decide."""


class Along(NamedTuple):
    """What lies where along the axis of one array.

    Parameters
    ----------
    split_info : numpy.ndarray
        Lengths of the inputs.
    intervals : list of Interval
        Of all parts.
    numbers : list of int
        The parts that are written.
    """

    split_info: np.ndarray
    intervals: list[Interval]
    numbers: list[int]


def move_of(
    request: Request,
    sources: Sequence[Source],
    options: Options,
    name: str = "",
    index_bytes: int | None = None,
) -> tuple[Move, Along]:
    """The move of one array, and what lies where along its axis.

    Parameters
    ----------
    request : Request
    sources : sequence of Source
        The open inputs.
    options : Options
    name : str
        The array's name in a data set.
    index_bytes : int, optional
        Bytes at one index along the axis, for ``--max-bytes``. The default are those of this array.
    """
    names = [source.ref for source in sources]
    axis = axis_of(request, sources[0])
    agreement = reconcile_sources(sources, options)
    specs = converted_specs(sources, agreement)
    whole, split_info = infer_concat(
        specs, axis, request.add_axis, names=names, dtype=agreement.dtype
    )
    lengths = [int(n) for n in split_info]
    intervals, outputs, numbers = _parts(request, whole, axis, names[0], name, index_bytes)
    parts = infer_parts(whole, intervals, axis, request.drop_axis)
    targets = tuple(Segment(intervals[n], parts[n]) for n in numbers)
    move = Move(
        shape=whole.shape,
        dtype=whole.dtype,
        sources=sources,
        source_tiling=Tiling(axis, tuple(map(Segment, tile(lengths), specs)), request.add_axis),
        outputs=[outputs[n] for n in numbers],
        target_tiling=Tiling(axis, targets, request.drop_axis),
        split_info=lengths if request.cut is None else lengths_of(intervals),
        meaning=agreement.meaning,
        conversions=agreement.conversions,
        name=name,
    )
    return move, Along(split_info, intervals, numbers)


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
    given = [one.dtype for one in meanings] + [options.wanted_dtype or dtype]
    if all(one is None or one.names is None for one in given):
        return reconcile(meanings, options.conflicts, options.attrs, chosen)
    from concatsplit_core.endpoints.raw_items import as_dtype_of_numbers, in_raw_items

    meanings = [one._replace(dtype=as_dtype_of_numbers(one.dtype)) for one in meanings]

    def choose_numbers(dtypes: list[np.dtype]) -> np.dtype:
        return as_dtype_of_numbers(chosen(list(map(_stored, dtypes))))

    return in_raw_items(reconcile(meanings, options.conflicts, options.attrs, choose_numbers))


def _stored(dtype: np.dtype) -> np.dtype:
    """What elements are stored as: raw items for those of a low-precision type."""
    if dtype.type.__module__ == "numpy":
        return dtype
    from concatsplit_core.array.low_precision import raw_dtype

    return raw_dtype(dtype)


def converted_specs(sources: Sequence[Source], agreement: Agreement) -> list[ArraySpec]:
    """The specs of the inputs for the planner: with the dtypes after their conversions."""
    return [
        source.spec
        if conversion is None
        else replace(source.spec, dtype=_stored(conversion.dtype), converted=True)
        for source, conversion in zip(sources, agreement.conversions, strict=True)
    ]


def axis_of(request: Request, first: Source) -> int:
    """The number of the axis that a request gives by number, name or order; else 0."""
    axis = _one_axis(request.axis)
    if axis is not None and request.order is not None:
        raise UsageError("--axis and --order both choose an axis; give one of them")
    array = "the joined array" if request.add_axis else f"input {first.ref}"
    ndim = first.spec.ndim + request.add_axis
    if request.order is not None:
        return channel_axis(request.order, ndim, array)
    if isinstance(axis, str):
        if request.add_axis:
            raise UsageError(f"--axis {axis}: a new axis has no name yet; give a number")
        return axis_named(axis, first.storage.meaning.dims, array)
    return normalize_axis(axis or 0, ndim, array)


def _one_axis(axes: Axes) -> int | str | None:
    """The axis of a bare array."""
    if axes is None or isinstance(axes, int | str):
        return axes
    if len(axes) > 1:
        raise UsageError("--axis was given several times, which is for data sets; give one axis")
    return axes[0] if axes else None


def _parts(
    request: Request,
    whole: ArraySpec,
    axis: int,
    source: str,
    array: str,
    index_bytes: int | None,
) -> tuple[list[Interval], list[str | MemberOf], list[int]]:
    """Intervals and names of all parts, and the numbers of those to write."""
    length = whole.shape[axis]
    if request.cut is None:
        intervals = [Interval(0, length)]
        return intervals, outputs_of(request, intervals, source, array), [0]
    from concatsplit_core.array.shares import select_parts
    from concatsplit_core.endpoints.naming import named_count, parse_names

    if not request.outputs:
        raise UsageError("no outputs: give a name per part, a template or a folder with -o")
    if index_bytes is None:
        index_bytes = bytes_of_index(whole, axis)
    names = parse_names(request.names)
    count = named_count(request.outputs) if names is None else len(names)
    intervals = request.cut.intervals(length, count, index_bytes)
    if not intervals or (request.drop_axis and not length):
        raise UsageError(f"axis {axis} of {source} has length 0, so there are no parts to write")
    numbers = list(range(len(intervals)))
    if request.only is not None:
        numbers = select_parts(request.only, len(intervals))
    return intervals, outputs_of(request, intervals, source, array, numbers), numbers


def bytes_of_index(spec: ArraySpec, axis: int) -> int:
    """Bytes of array data at one index along an axis."""
    return prod(drop(spec.shape, axis)) * spec.dtype.itemsize


def outputs_of(
    request: Request,
    intervals: Sequence[Interval],
    source: str,
    array: str,
    numbers: Sequence[int] = (),
) -> list[str | MemberOf]:
    """The output of each part of an array.

    Parameters
    ----------
    request : Request
    intervals : sequence of Interval
        Of the parts along the axis.
    source : str
        Reference of the first input.
    array : str
        The array's name in a data set: it becomes a member of each output, unless the outputs are
        a template with ``{array}``. Empty for a bare array.
    numbers : sequence of int
        The parts that are written, if there are several parts.
    """
    if request.cut is None and not array:
        return list(request.outputs)
    from concatsplit_core.endpoints.naming import (
        name_array,
        name_parts,
        parse_names,
        plain_for_one,
    )

    if request.cut is None:
        names = [name_array(request.outputs[0], source, array)]
    else:
        outputs = plain_for_one(request.outputs, numbers, len(intervals))
        names = name_parts(outputs, intervals, source, array, parse_names(request.names))
    if not array or "{array" in request.outputs[0]:
        return [*names]
    return [MemberOf(name, array) for name in names]


def names_of(output: Any) -> list[str]:
    """One name or several, as a list."""
    one = (str, bytes, os.PathLike, Set, Mapping)
    is_several = isinstance(output, Iterable) and not isinstance(output, one)
    return [path("output", name) for name in (output if is_several else [output])]


def zeros_like(shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """An array of zeros that takes no memory, of any shape."""
    return np.broadcast_to(np.zeros((), dtype), tuple(shape))
