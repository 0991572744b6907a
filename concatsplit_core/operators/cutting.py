"""Operators with many outputs: split, unstack, split_by_lengths, reshard, gradient of concat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

from concatsplit_core.array.cuts import Cut, CutByVector
from concatsplit_core.array.orders import DEFAULT_ORDER
from concatsplit_core.endpoints.naming import named_count, parse_names
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.foundation.given import flag, whole_number
from concatsplit_core.operators.arguments import options_of
from concatsplit_core.operators.lengths import cut_from, read_lengths, refuse_negative
from concatsplit_core.operators.performing import perform, spelled_out
from concatsplit_core.operators.requests import Axes, Request, axis_of, names_of
from concatsplit_core.operators.selection import selection_from
from concatsplit_core.run.options import Options
from concatsplit_core.run.result import Result

if TYPE_CHECKING:
    from concatsplit_core.operators.keywords import (
        DataSetOptions,
        DepthSplitOptions,
        SharedOptions,
        SplitOptions,
    )


@spelled_out
def split(
    input: Any,
    output: str | Sequence[str],
    *,
    axis: Axes = None,
    order: str | None = None,
    drop_axis: bool = False,
    only: str | Sequence[int] | None = None,
    names: str | Sequence[str] | None = None,
    **options: Unpack[SplitOptions],
) -> Result:
    """Cut an array into parts along an axis.

    The parts Y_0 ... Y_{k-1} of lengths n_i are Y_i = X[s_i : s_i + n_i] along `axis`, where
    s_i = n_0 + ... + n_{i-1} (Caffe2's Split)::

        X   |   n_0   |  n_1  |    n_2    |
            s_0       s_1     s_2

    Parameters
    ----------
    input
        A reference, ndarray, h5py dataset, zarr array or `View`.
    output : str or sequence of str
        One name per part, or one template such as ``"part-{index:05d}.npy"``, or a folder.
    axis : int or str, optional
        A number, negative from the end, or the name of a dimension. The default is 0.
    order : str, optional
        Letters of the axes, such as ``"NCHW"``: cut along C. Not together with `axis`.
    drop_axis : bool
        Drop the axis; all parts must have length 1 (Caffe2's `add_axis` of Split).
    only : str or sequence of int, optional
        Write only these parts, such as ``"0-3,8"``; they keep their numbers. For one part one
        plain name will do.
    names : str or sequence of str, optional
        Names of the parts, such as ``"train,val,test"``, for ``{name}`` in the template.
    parts, uneven, size, remainder, hop, lengths, at, ratio, max_bytes, by_array, range
        Where to cut: see `Cut`. Without any of them, as many equal parts as there are names.
    lengths_from : optional
        Read the lengths from this integer vector: a reference or an array.
    **options
        Those of `Options`.

    Raises
    ------
    UsageError
        The cut does not fit the array, or the names do not fit the parts.
    ConcatsplitError
        No output was created or changed.
    """
    asked = Request("split", names_of(output), axis, order, only=only, names=names)
    shared: dict[str, Any] = {**options}
    request = _with_cut(asked._replace(drop_axis=drop_axis), shared)
    return _cut_one_input(request, input, options_of(request.operator, shared))


def _with_cut(request: Request, options: dict[str, Any]) -> Request:
    """The request with the cut and the selection of arrays, which are taken out of the options."""
    vectors = (options.get("lengths_from"),)
    selection = selection_from(options)
    return request._replace(cut=cut_from(options), vectors=vectors, selection=selection)


@spelled_out
def depth_split(
    input: Any,
    output: str | Sequence[str],
    order: str = DEFAULT_ORDER,
    **options: Unpack[DepthSplitOptions],
) -> Result:
    """Cut an array along its channel axis (Caffe2's DepthSplit).

    Parameters
    ----------
    input, output
        As in `split`.
    order : str
        Letters of the axes, one of them C: NCHW, NHWC, NCWH, CHW, HWC, NCDHW, ...
    **options
        The options of `split` that say where to cut, and those of `Options`.
    """
    shared: dict[str, Any] = {**options}
    vectors = (options.get("lengths_from"),)
    request = Request(
        "depth-split",
        names_of(output),
        order=order,
        cut=cut_from(shared),
        only=shared.pop("only", None),
        names=shared.pop("names", None),
        vectors=vectors,
    )
    return _cut_one_input(request, input, options_of(request.operator, shared))


@spelled_out
def unstack(
    input: Any,
    output: str | Sequence[str],
    axis: Axes = 0,
    *,
    names: str | Sequence[str] | None = None,
    **options: Unpack[DataSetOptions],
) -> Result:
    """Cut an array into its items along an axis and drop the axis, as `numpy.unstack` does.

    Parameters
    ----------
    input, output
        As in `split`.
    axis : int or str
        A number, negative from the end, or the name of a dimension.
    names : str or sequence of str, optional
        As in `split`.
    **options
        Those of `Options`.
    """
    shared: dict[str, Any] = {**options}
    selection = selection_from(shared)
    request = Request(
        "unstack",
        names_of(output),
        axis=axis,
        names=names,
        cut=Cut(size=1),
        drop_axis=True,
        selection=selection,
    )
    return _cut_one_input(request, input, options_of(request.operator, shared))


@spelled_out
def split_by_lengths(
    input: Any,
    lengths: Any,
    output: str | Sequence[str],
    *,
    outputs: int | None = None,
    axis: Axes = None,
    order: str | None = None,
    scale: bool = False,
    names: str | Sequence[str] | None = None,
    **options: Unpack[DataSetOptions],
) -> Result:
    """Cut an array by a vector of lengths (Caffe2's SplitByLengths).

    With m lengths and K outputs, where m is a multiple of K, the length of output i is the sum of
    the m/K lengths from i*m/K on.

    Parameters
    ----------
    input
        As in `split`.
    lengths
        A 1-D integer vector: a reference, array or sequence. A length may be 0.
    output : str or sequence of str
        As in `split`.
    outputs : int, optional
        K. The default is the number of outputs or of `names`, or m if there is one output.
    axis, order, names
        As in `split`.
    scale : bool
        Multiply all lengths by the whole factor k >= 1 for which k * sum(lengths) is the length
        of the axis (Caffe2's `use_scaling_lengths`).
    **options
        Those of `Options`.

    Raises
    ------
    UsageError
        m is not a multiple of K, or the lengths do not sum to the length of the axis.
    """
    vector = read_lengths(lengths)
    negative = [n for n in vector if n < 0]
    if negative or not vector:
        problem = f"contain a negative length, {negative[0]}" if negative else "are empty"
        raise UsageError(f"LENGTHS {problem}; expected lengths of 0 or more that fill the axis")
    refs, named = names_of(output), parse_names(names)
    if outputs is None:
        outputs = len(named) if named else named_count(refs) or len(vector)
    shared: dict[str, Any] = {**options}
    request = Request(
        "split-by-lengths",
        refs,
        axis,
        order,
        cut=CutByVector(lengths=_sums(vector, outputs)),
        names=named,
        vectors=(lengths,),
        selection=selection_from(shared),
    )
    return _cut_one_input(request, input, options_of(request.operator, shared), scaled=scale)


def _sums(lengths: list[int], count: int) -> list[int]:
    """The length of each output: the sum of its share of the lengths."""
    count = whole_number("outputs", count)
    if count < 1 or len(lengths) % count:
        raise UsageError(
            f"{len(lengths)} lengths cannot be shared out evenly to {count} outputs; give a number "
            "of outputs that divides the number of lengths",
            found=len(lengths),
        )
    each = len(lengths) // count
    return [sum(lengths[i * each : (i + 1) * each]) for i in range(count)]


@spelled_out
def reshard(
    inputs: Any,
    output: str | Sequence[str],
    *,
    axis: Axes = None,
    order: str | None = None,
    only: str | Sequence[int] | None = None,
    names: str | Sequence[str] | None = None,
    **options: Unpack[SplitOptions],
) -> Result:
    """Cut an array that is stored in shards into new shards, without joining it on disk first.

    Parameters
    ----------
    inputs
        As in `concat`.
    output
        As in `split`.
    axis, order, only, names
        As in `split`.
    **options
        The options of `split` that say where to cut, and those of `Options`.
    """
    asked = Request("reshard", names_of(output), axis, order, only=only, names=names)
    shared: dict[str, Any] = {**options}
    request = _with_cut(asked, shared)
    return perform(request, inputs, options_of(request.operator, shared))


@spelled_out
def concat_gradient(
    dy: Any,
    output: str | Sequence[str],
    split_info: Any,
    *,
    axis: int | str | None = None,
    order: str | None = None,
    add_axis: bool = False,
    **options: Unpack[SharedOptions],
) -> Result:
    """The gradient of concat: split dY by the inputs' lengths (Caffe2's GetConcatGradient).

    dX_i is the part of dY that lies where the concat put X_i.

    Parameters
    ----------
    dy
        The gradient of the concat's output; given as the input of `split`.
    output : str or sequence of str
        As in `split`.
    split_info
        The split_info of the concat: a reference, array or sequence.
    axis, order
        As in `concat`.
    add_axis : bool
        The concat added the axis: drop it from every dX_i.
    **options
        Those of `Options`.
    """
    lengths = read_lengths(split_info)
    refuse_negative(lengths, "split_info")
    request = Request(
        "gradient concat",
        names_of(output),
        axis=axis,
        order=order,
        cut=CutByVector(lengths=lengths),
        drop_axis=add_axis,
        vectors=(split_info,),
    )
    return _cut_one_input(request, dy, options_of(request.operator, {**options}))


def _cut_one_input(request: Request, input: Any, options: Options, scaled: bool = False) -> Result:
    """Open one input and cut it; with `scaled`, multiply the lengths to fit the axis first."""
    scaled = flag("scale", scaled)

    def adjust(request: Request, sources: Sequence[Source]) -> Request:
        if len(sources) != 1:
            raise UsageError(
                f"{request.operator} takes one input, but it names {len(sources)} arrays"
            )
        return _scaled(request, sources[0]) if scaled else request

    return perform(request, input, options, adjust)


def _scaled(request: Request, source: Source) -> Request:
    """The request with its lengths multiplied so that they sum to the length of the axis."""
    length = source.spec.shape[axis_of(request, source)]
    lengths = list((request.cut or Cut()).lengths or ())
    total = sum(lengths)
    if not total and not length:
        return request
    if not total or length % total or length < total:
        raise UsageError(
            f"--scale: the lengths sum to {total}, and no whole number times {total} is {length}, "
            f"the length of the axis",
            found=total,
            expected=length,
        )
    factor = length // total
    return request._replace(cut=CutByVector(lengths=[n * factor for n in lengths]))
