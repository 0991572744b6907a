"""Operators with many inputs and one output: concat, stack, depth_concat, gradient of split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

from concatsplit_core.array.geometry import with_length
from concatsplit_core.array.orders import DEFAULT_ORDER
from concatsplit_core.endpoints.inputs import close_all, given_inputs, open_inputs
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.errors import ShapeMismatch, UsageError
from concatsplit_core.foundation.names import path
from concatsplit_core.foundation.sizes import counted
from concatsplit_core.operators.arguments import checked, options_of
from concatsplit_core.operators.performing import perform, perform_on, recovering, spelled_out
from concatsplit_core.operators.requests import Axes, Request, axis_of, zeros_like
from concatsplit_core.operators.selection import selection_from
from concatsplit_core.run.options import Options
from concatsplit_core.run.result import Result

if TYPE_CHECKING:
    from concatsplit_core.operators.keywords import DataSetOptions, SharedOptions

ZEROS = "zeros"
"""Given in place of the gradient of a part that has none."""


@spelled_out
def concat(
    inputs: Any,
    output: str,
    axis: Axes = None,
    *,
    order: str | None = None,
    add_axis: bool = False,
    split_info: str | None = None,
    **options: Unpack[DataSetOptions],
) -> Result:
    """Join arrays along an axis, as `numpy.concatenate` does; copy one data set without an axis.

    The inputs X_0 ... X_{n-1} have lengths n_i along `axis` and agree on every other axis. Then
    the output has length n_0 + ... + n_{n-1}, and Y[s_i : s_i + n_i] = X_i, where
    s_i = n_0 + ... + n_{i-1}. The second output, `split_info`, holds the n_i (Caffe2's Concat)::

        Y   |   X_0   |  X_1  |    X_2    |
            s_0       s_1     s_2

    Parameters
    ----------
    inputs : sequence
        References (``a.npy``, ``b.h5::/x``, ``'part-*.npy'``, ``@list``), ndarrays, h5py data
        sets, zarr arrays or views.
    output : str
        Reference of the result.
    axis : int or str, optional
        A number, negative from the end, or the name of a dimension. The default is 0.
    order : str, optional
        Letters of the axes, such as ``"NCHW"``: join along C. Not together with `axis`.
    add_axis : bool
        Join along a new axis (Caffe2's `add_axis`), 0 to ndim: see `stack`.
    split_info : str, optional
        Reference of the second output, the inputs' lengths along the axis: a 1-D int32 vector
        (int64 if a length needs it). With `add_axis` every length is 1.
    **options
        Those of `Options`.

    Returns
    -------
    Result

    Raises
    ------
    ConcatsplitError
        Any error; no output was created or changed.
    """
    request = Request(
        "concat",
        [path("output", output)],
        axis=axis,
        order=order,
        add_axis=add_axis,
        split_info=split_info,
    )
    return _join(request, inputs, {**options})


def _join(request: Request, inputs: Any, options: dict[str, Any]) -> Result:
    """Join arrays, or the data sets that the options select."""
    request = request._replace(selection=selection_from(options))
    return perform(request, inputs, options_of(request.operator, options))


@spelled_out
def stack(
    inputs: Any,
    output: str,
    axis: Axes = 0,
    *,
    split_info: str | None = None,
    **options: Unpack[DataSetOptions],
) -> Result:
    """Join arrays of the same shape along a new axis, as `numpy.stack` does.

    Parameters
    ----------
    inputs : sequence
        As in `concat`.
    output : str
    axis : int
        Number of the new axis in the result, 0 to ndim; negative counts from ndim + 1.
    split_info : str, optional
        Reference of the second output: a vector with a 1 for every input.
    **options
        Those of `Options`.
    """
    request = Request(
        "stack",
        [path("output", output)],
        axis=axis,
        add_axis=True,
        split_info=split_info,
    )
    return _join(request, inputs, {**options})


@spelled_out
def depth_concat(
    inputs: Any,
    output: str,
    order: str = DEFAULT_ORDER,
    *,
    split_info: str | None = None,
    **options: Unpack[SharedOptions],
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
        Reference of the second output: the numbers of channels of the inputs.
    **options
        Those of `Options`.
    """
    request = Request("depth-concat", [path("output", output)], order=order, split_info=split_info)
    return perform(request, inputs, options_of(request.operator, {**options}))


@spelled_out
def split_gradient(
    dys: Sequence[Any],
    dx: str,
    *,
    split_info: Any = None,
    axis: int | str | None = None,
    order: str | None = None,
    drop_axis: bool = False,
    **options: Unpack[SharedOptions],
) -> Result:
    """The gradient of split: join the gradients of its parts (Caffe2's GetSplitGradient).

    Parameters
    ----------
    dys : sequence
        The gradients of the parts, given as in `concat`; ``"zeros"`` for a part that has none.
    dx : str
        Reference of the result.
    split_info : optional
        The lengths of the parts: a reference, array or sequence. Needed for ``"zeros"``; the
        lengths of the gradients are checked against it.
    axis, order
        As in `split`.
    drop_axis : bool
        The split dropped the axis: stack the gradients.
    **options
        Those of `Options`.

    Raises
    ------
    UsageError
        The length of a ``"zeros"`` is not known.
    ShapeMismatch
        A gradient does not have the length that split_info says.
    """
    from concatsplit_core.operators.lengths import read_lengths, refuse_negative

    lengths = None if split_info is None else read_lengths(split_info)
    request = checked(
        Request(
            "gradient split",
            [path("dx", dx)],
            axis=axis,
            order=order,
            add_axis=drop_axis,
            vectors=(split_info,),
        )
    )
    if lengths is not None:
        refuse_negative(lengths, "split_info")
    listed = list(given_inputs(dys))
    config = options_of("gradient split", {**options})
    sources = _with_zeros(listed, lengths, request, config)
    try:
        return perform_on(request, sources, config)
    finally:
        close_all(sources)


def _with_zeros(
    dys: list[Any], lengths: list[int] | None, request: Request, options: Options
) -> list[Source]:
    """Open the gradients; where one is missing, put zeros in its place."""
    missing = [isinstance(dy, str) and dy == ZEROS for dy in dys]
    refs = [dy for dy, is_missing in zip(dys, missing, strict=True) if not is_missing]
    opened = open_inputs(refs, recover=recovering(options), raw=options.raw_description)
    try:
        if len(opened) + sum(missing) != len(dys) and any(missing):
            raise UsageError(
                "with 'zeros', name every other gradient by itself; a pattern does not say which "
                "part it belongs to"
            )
        if not opened:
            raise UsageError(
                "every gradient is 'zeros', so their shape and dtype are unknown; name at least "
                "one gradient"
            )
        axis = axis_of(request, opened[0])
        if not any(missing):
            missing = [False] * len(opened)
        if lengths is not None:
            _check_lengths(opened, missing, lengths, None if request.add_axis else axis)
        return _insert_zeros(opened, missing, lengths, axis, request.add_axis)
    except BaseException:
        close_all(opened)
        raise


def _check_lengths(
    opened: list[Source], missing: list[bool], lengths: list[int], axis: int | None
) -> None:
    """Compare the gradients with split_info; `axis` is None if they are stacked."""
    if len(lengths) != len(missing):
        raise ShapeMismatch(
            f"split_info has {counted(len(lengths), 'length')}, but there are "
            f"{counted(len(missing), 'gradient')}; give one for each, or zeros in its place",
            found=len(missing),
            expected=len(lengths),
        )
    others = iter(opened)
    for index, (expected, is_missing) in enumerate(zip(lengths, missing, strict=True)):
        source = None if is_missing else next(others)
        if axis is None:
            length = 1
        elif source is None:
            continue
        else:
            length = source.spec.shape[axis]
        if length != expected:
            name = ZEROS if source is None else source.ref
            raise ShapeMismatch(
                f"gradient {index} ({name}): has length {length}"
                f"{'' if axis is None else f' along axis {axis}'}, split_info says {expected}",
                ref=name,
                found=length,
                expected=expected,
            )


def _insert_zeros(
    opened: list[Source],
    missing: list[bool],
    lengths: list[int] | None,
    axis: int,
    add_axis: bool,
) -> list[Source]:
    from concatsplit_core.formats.memory import wrap

    first, others = opened[0].spec, iter(opened)
    sources: list[Source] = []
    for index, is_missing in enumerate(missing):
        if not is_missing:
            sources.append(next(others))
            continue
        if lengths is None and not add_axis:
            raise UsageError(
                f"gradient {index} is 'zeros', but its length is unknown; give --split-info"
            )
        shape = first.shape if add_axis else with_length(first.shape, axis, (lengths or [])[index])
        sources.append(wrap(zeros_like(shape, first.dtype), ZEROS))
    return sources
