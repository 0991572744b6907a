"""One array to many: split, unstack, split_by_lengths, reshard, and the gradient of concat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from concatsplit_core.array.cuts import Cut
from concatsplit_core.array.orders import DEFAULT_ORDER
from concatsplit_core.endpoints.naming import named_count
from concatsplit_core.errors import UsageError
from concatsplit_core.formats.base import Source
from concatsplit_core.operators.lengths import cut_from, read_lengths, refuse_negative
from concatsplit_core.operators.performing import perform
from concatsplit_core.operators.requests import Axes, Request, axis_of, names_of
from concatsplit_core.operators.selection import selection_from
from concatsplit_core.run.options import Options
from concatsplit_core.run.result import Result


def split(
    input: Any,
    output: str | Sequence[str],
    *,
    axis: Axes = None,
    order: str | None = None,
    drop_axis: bool = False,
    only: str | Sequence[int] | None = None,
    **options: Any,
) -> Result:
    """Cut an array into parts along an axis.

    The parts Y_0 ... Y_{k-1} of lengths n_i are Y_i = X[s_i : s_i + n_i] along `axis`, where
    s_i is the sum of the lengths before (Caffe2's Split).

    Parameters
    ----------
    input
        A reference, ndarray, h5py data set or zarr array.
    output : str or sequence of str
        One name a part, or one template such as ``"part-{index:05d}.npy"``, or a folder.
    axis : int or str, optional
        Negative from the end, or the name of a dimension; 0 where neither it nor `order` is given.
    order : str, optional
        Letters of the axes: C is the axis to cut.
    drop_axis : bool
        Parts of length 1 lose the axis (Caffe2's `add_axis` of Split).
    only : str or sequence of int, optional
        Write just these parts, such as ``"0-3,8"``; the numbering does not change.
    parts, uneven, size, remainder, hop, lengths, at, ratio, max_bytes
        How to cut: see `Cut`. Without any of them as many equal parts as there are names.
    lengths_from : optional
        Lengths read from an integer vector: a reference or array, such as a split_info.
    **options
        Those of `Options`.

    Returns
    -------
    Result

    Raises
    ------
    UsageError
        The cut does not fit the array, or the names do not fit the parts.
    ConcatsplitError
        Any other of its leaves; then no output was created or changed.
    """
    vectors = (options.get("lengths_from"),)
    selection = selection_from(options)
    request = Request(
        "split",
        names_of(output),
        axis=axis,
        order=order,
        cut=cut_from(options),
        drop_axis=drop_axis,
        only=only,
        vectors=vectors,
        selection=selection,
    )
    return _one(request, input, Options(**options))


def depth_split(
    input: Any, output: str | Sequence[str], order: str = DEFAULT_ORDER, **options: Any
) -> Result:
    """Cut an array along its channel axis (Caffe2's DepthSplit).

    Parameters
    ----------
    input, output
        As in `split`.
    order : str
        Letters of the axes, one of them C: NCHW, NHWC, NCWH, CHW, HWC, NCDHW, ...
    **options
        The ways to cut of `split`, and those of `Options`.
    """
    only, vectors = options.pop("only", None), (options.get("lengths_from"),)
    request = Request(
        "depth-split",
        names_of(output),
        order=order,
        cut=cut_from(options),
        only=only,
        vectors=vectors,
    )
    return _one(request, input, Options(**options))


def unstack(input: Any, output: str | Sequence[str], axis: Axes = 0, **options: Any) -> Result:
    """Cut an array into its items along an axis, which they lose, as `numpy.unstack` does.

    Parameters
    ----------
    input, output
        As in `split`.
    axis : int or str
        Negative from the end, or the name of a dimension.
    **options
        Those of `Options`.
    """
    selection = selection_from(options)
    request = Request(
        "unstack",
        names_of(output),
        axis=axis,
        cut=Cut(size=1),
        drop_axis=True,
        selection=selection,
    )
    return _one(request, input, Options(**options))


def split_by_lengths(
    input: Any,
    lengths: Any,
    output: str | Sequence[str],
    *,
    outputs: int | None = None,
    axis: Axes = None,
    order: str | None = None,
    scale: bool = False,
    **options: Any,
) -> Result:
    """Cut an array by a vector of lengths (Caffe2's SplitByLengths).

    Of m lengths and K outputs, m a multiple of K, output i takes the sum of the m/K lengths
    from i*m/K on.

    Parameters
    ----------
    input
        As in `split`.
    lengths
        A 1-D integer vector: a reference, array or sequence. Zero is a length.
    output : str or sequence of str
        As in `split`.
    outputs : int, optional
        K; else the number of names, else m.
    axis, order
        As in `split`.
    scale : bool
        Multiply all lengths by the one whole factor k >= 1 with k * sum(lengths) = the axis's
        length (Caffe2's `use_scaling_lengths`).
    **options
        Those of `Options`.

    Raises
    ------
    UsageError
        K does not divide m, the lengths do not sum to the axis, or no factor makes them.
    """
    vector = read_lengths(lengths)
    negative = [n for n in vector if n < 0]
    if negative or not vector:
        what = f"a negative length, {negative[0]}" if negative else "no length"
        raise UsageError(f"the lengths hold {what}")
    names = names_of(output)
    count = named_count(names) or len(vector) if outputs is None else outputs
    sums = _sums(vector, count)
    selection = selection_from(options)
    request = Request(
        "split-by-lengths",
        names,
        axis=axis,
        order=order,
        cut=Cut(lengths=sums),
        vectors=(lengths,),
        selection=selection,
    )
    return _one(request, input, Options(**options), scaled=scale)


def _sums(lengths: list[int], count: int) -> list[int]:
    """Sums over as many runs of lengths as there are outputs."""
    if count < 1 or len(lengths) % count:
        raise UsageError(
            f"{len(lengths)} lengths do not divide among {count} outputs", found=len(lengths)
        )
    each = len(lengths) // count
    return [sum(lengths[i * each : (i + 1) * each]) for i in range(count)]


def reshard(
    inputs: Any,
    output: str | Sequence[str],
    *,
    axis: Axes = None,
    order: str | None = None,
    only: str | Sequence[int] | None = None,
    **options: Any,
) -> Result:
    """Join shards and cut them anew in one pass, with no joined file in between.

    Parameters
    ----------
    inputs
        As in `concat`.
    output
        As in `split`.
    axis, order, only
        As in `split`.
    **options
        The ways to cut of `split`, and those of `Options`.
    """
    vectors = (options.get("lengths_from"),)
    selection = selection_from(options)
    request = Request(
        "reshard",
        names_of(output),
        axis=axis,
        order=order,
        cut=cut_from(options),
        only=only,
        vectors=vectors,
        selection=selection,
    )
    return perform(request, inputs, Options(**options))


def concat_gradient(
    dy: Any,
    output: str | Sequence[str],
    split_info: Any,
    *,
    axis: int | str | None = None,
    order: str | None = None,
    add_axis: bool = False,
    **options: Any,
) -> Result:
    """The gradient of concat: dX_i is the part of dY that X_i became (Caffe2's GetConcatGradient).

    Parameters
    ----------
    dy
        The gradient of the result, as the input of `split`.
    output : str or sequence of str
        As in `split`.
    split_info
        Second output of the concat: a reference, array or sequence.
    axis, order
        As in `concat`.
    add_axis : bool
        The inputs were stacked: every dX_i loses the axis.
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
        cut=Cut(lengths=lengths),
        drop_axis=add_axis,
        vectors=(split_info,),
    )
    return _one(request, dy, Options(**options))


def _one(request: Request, input: Any, options: Options, scaled: bool = False) -> Result:
    """Cut a single input."""

    def adjust(request: Request, sources: Sequence[Source]) -> Request:
        if len(sources) != 1:
            raise UsageError(f"one input is split at a time, found {len(sources)}")
        return _scaled(request, sources[0]) if scaled else request

    return perform(request, input, options, adjust)


def _scaled(request: Request, source: Source) -> Request:
    """The request with its lengths multiplied so that they sum to the axis."""
    length = source.spec.shape[axis_of(request, source)]
    lengths = list((request.cut or Cut()).lengths or ())
    total = sum(lengths)
    if not total and not length:
        return request
    if not total or length % total or length < total:
        raise UsageError(
            f"--scale: no whole factor of 1 or more makes lengths that sum to {total} "
            f"those of an axis of length {length}",
            found=total,
            expected=length,
        )
    factor = length // total
    return replace(request, cut=Cut(lengths=[n * factor for n in lengths]))
