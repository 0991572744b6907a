"""Many arrays to one: concat, stack, depth_concat, and the gradient of split."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from concatsplit_core.array.geometry import with_length
from concatsplit_core.array.orders import DEFAULT_ORDER
from concatsplit_core.endpoints.inputs import close_all, open_inputs, wrap_array
from concatsplit_core.errors import ShapeMismatch, UsageError
from concatsplit_core.formats.base import Source
from concatsplit_core.operators.performing import perform, perform_on, recovering
from concatsplit_core.operators.requests import Axes, Request, axis_of, zeros_like
from concatsplit_core.operators.selection import selection_from
from concatsplit_core.run.options import Options
from concatsplit_core.run.result import Result

ZEROS = "zeros"
"""Stands for the gradient of an output of split that got none."""


def concat(
    inputs: Any,
    output: str,
    axis: Axes = None,
    *,
    order: str | None = None,
    add_axis: bool = False,
    split_info: str | None = None,
    **options: Any,
) -> Result:
    """Join arrays along an axis, as `numpy.concatenate` does.

    For inputs X_0 ... X_{n-1} that agree on every other axis, Y has along `axis` the length
    sum_i len(X_i), and Y[start_i : start_i + len(X_i)] = X_i. The second output, `split_info`,
    holds the lengths. The rule is that of Caffe2's Concat.

    Parameters
    ----------
    inputs : sequence
        References (``a.npy``, ``b.h5::/x``, ``'part-*.npy'``, ``@list``), ndarrays, h5py data
        sets or zarr arrays.
    output : str
        Reference of the result.
    axis : int, optional
        Negative from the end; 0 where neither it nor `order` is given.
    order : str, optional
        Letters of the axes, such as ``"NCHW"``: C is the axis to join along.
    add_axis : bool
        Join along a new axis instead (Caffe2's `add_axis`), 0 to ndim: see `stack`.
    split_info : str, optional
        Where to write the inputs' lengths along the axis: a 1-D int32 vector (int64 where a
        length needs it), 1 each with `add_axis`.
    **options
        Those of `Options`.

    Returns
    -------
    Result

    Raises
    ------
    ConcatsplitError
        Any of its leaves; then no output was created or changed.
    """
    selection = selection_from(options)
    request = Request(
        "concat",
        [os.fspath(output)],
        axis=axis,
        order=order,
        add_axis=add_axis,
        split_info=split_info,
        selection=selection,
    )
    return perform(request, inputs, Options(**options))


def stack(
    inputs: Any, output: str, axis: Axes = 0, *, split_info: str | None = None, **options: Any
) -> Result:
    """Join arrays of one shape along a new axis, as `numpy.stack` does.

    Parameters
    ----------
    inputs : sequence
        As in `concat`.
    output : str
    axis : int
        Place of the new axis in the result, 0 to ndim, negative from ndim + 1.
    split_info : str, optional
        Where to write the second output: as many ones as there are inputs.
    **options
        Those of `Options`.
    """
    selection = selection_from(options)
    request = Request(
        "stack",
        [os.fspath(output)],
        axis=axis,
        add_axis=True,
        split_info=split_info,
        selection=selection,
    )
    return perform(request, inputs, Options(**options))


def depth_concat(
    inputs: Any,
    output: str,
    order: str = DEFAULT_ORDER,
    *,
    split_info: str | None = None,
    **options: Any,
) -> Result:
    """Join arrays along their channel axis (Caffe2's DepthConcat).

    Parameters
    ----------
    inputs : sequence
        As in `concat`.
    output : str
    order : str
        Letters of the axes, one of them C: NCHW, NHWC, NCWH, CHW, HWC, NCDHW, ...
    split_info : str, optional
        Where to write the inputs' numbers of channels.
    **options
        Those of `Options`.
    """
    request = Request("depth-concat", [os.fspath(output)], order=order, split_info=split_info)
    return perform(request, inputs, Options(**options))


def split_gradient(
    dys: Sequence[Any],
    dx: str,
    *,
    split_info: Any = None,
    axis: int | str | None = None,
    order: str | None = None,
    drop_axis: bool = False,
    **options: Any,
) -> Result:
    """The gradient of split: dX is the concatenation of the dY_i (Caffe2's GetSplitGradient).

    Parameters
    ----------
    dys : sequence
        Gradients of the parts, as in `concat`; ``"zeros"`` where a part got none.
    dx : str
        Reference of the result.
    split_info : optional
        Lengths of the parts: a reference, array or sequence. Needed where a ``"zeros"`` has to
        have a length, and checked against the others.
    axis, order
        As in `split`.
    drop_axis : bool
        The parts had lost the axis: they are stacked.
    **options
        Those of `Options`.

    Raises
    ------
    UsageError
        There is no way to know how long a ``"zeros"`` is.
    ShapeMismatch
        A gradient is not as long as split_info says.
    """
    from concatsplit_core.operators.lengths import read_lengths, refuse_negative

    lengths = None if split_info is None else read_lengths(split_info)
    request = Request(
        "gradient split",
        [os.fspath(dx)],
        axis=axis,
        order=order,
        add_axis=drop_axis,
        vectors=(split_info,),
    )
    if lengths is not None:
        refuse_negative(lengths, "split_info")
    listed = [dys] if isinstance(dys, str | os.PathLike) else list(dys)
    config = Options(**options)
    sources = _with_zeros(listed, lengths, request, config)
    try:
        return perform_on(request, sources, config)
    finally:
        close_all(sources)


def _with_zeros(
    dys: list[Any], lengths: list[int] | None, request: Request, options: Options
) -> list[Source]:
    """The gradients opened, zeros in the place of those that are missing."""
    missing = [isinstance(dy, str) and dy == ZEROS for dy in dys]
    refs = [dy for dy, absent in zip(dys, missing, strict=True) if not absent]
    given = open_inputs(refs, recover=recovering(options))
    try:
        if len(given) + sum(missing) != len(dys) and any(missing):
            raise UsageError("with 'zeros' every gradient is named on its own, without patterns")
        if not given:
            raise UsageError("every gradient is 'zeros': nothing says their shape and dtype")
        axis = axis_of(request, given[0])
        if not any(missing):
            missing = [False] * len(given)
        if lengths is not None:
            _check_lengths(given, missing, lengths, None if request.add_axis else axis)
        return _filled(given, missing, lengths, axis, request.add_axis)
    except BaseException:
        close_all(given)
        raise


def _check_lengths(
    given: list[Source], missing: list[bool], lengths: list[int], axis: int | None
) -> None:
    if len(lengths) != len(missing):
        raise ShapeMismatch(
            f"split_info has {len(lengths)} lengths for {len(missing)} gradients",
            found=len(missing),
            expected=len(lengths),
        )
    others = iter(given)
    for index, (length, absent) in enumerate(zip(lengths, missing, strict=True)):
        source = None if absent else next(others)
        if axis is None:
            found = 1
        elif source is None:
            continue
        else:
            found = source.spec.shape[axis]
        if found != length:
            name = ZEROS if source is None else source.ref
            raise ShapeMismatch(
                f"gradient {index} ({name}): has length {found}"
                f"{'' if axis is None else f' along axis {axis}'}, split_info says {length}",
                ref=name,
                found=found,
                expected=length,
            )


def _filled(
    given: list[Source],
    missing: list[bool],
    lengths: list[int] | None,
    axis: int,
    add_axis: bool,
) -> list[Source]:
    first, others = given[0].spec, iter(given)
    sources: list[Source] = []
    for index, absent in enumerate(missing):
        if not absent:
            sources.append(next(others))
            continue
        if lengths is None and not add_axis:
            raise UsageError(
                f"gradient {index} is 'zeros', and nothing says its length; give --split-info"
            )
        shape = first.shape if add_axis else with_length(first.shape, axis, (lengths or [])[index])
        sources.append(wrap_array(zeros_like(shape, first.dtype), ZEROS))
    return sources
