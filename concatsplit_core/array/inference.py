"""Shape, dtype and cost inference of the operators: pure functions of specs.

The rules are those of Caffe2's TensorInferenceForConcat, TensorInferenceForSplit and
CostInferenceForConcat, with NumPy's meaning of an axis and of a dtype.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from concatsplit_core.array.geometry import (
    Interval,
    drop,
    insert,
    lengths_of,
    normalize_axis,
    tile,
    with_length,
)
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.foundation.errors import DtypeMismatch, ShapeMismatch, UsageError
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.foundation.sizes import counted

Casting = Literal["no", "equiv", "safe", "same_kind", "unsafe"]


class Cost(NamedTuple):
    """Caffe2's cost of a concat or split.

    Parameters
    ----------
    flops : int
        Number of output elements.
    bytes_moved : int
        Their bytes.
    params_bytes : int
        Bytes of parameters; these operators have none.
    """

    flops: int
    bytes_moved: int
    params_bytes: int = 0


def infer_cost(outputs: Sequence[ArraySpec]) -> Cost:
    """Cost of producing these outputs."""
    elements = nbytes = size = 0
    before: ArraySpec | None = None
    for spec in outputs:
        if spec is not before:  # outputs that are alike share one
            before, size = spec, spec.size
        elements += size
        nbytes += size * spec.dtype.itemsize
    return Cost(elements, nbytes)


def name_of(index: int, names: Sequence[str] | None, what: str = "input") -> str:
    """How messages call an input, or an output."""
    return f"{what} {index}" + (f" ({names[index]})" if names else "")


def infer_concat(
    specs: Sequence[ArraySpec],
    axis: int = 0,
    add_axis: bool = False,
    *,
    names: Sequence[str] | None = None,
    dtype: np.dtype | None = None,
) -> tuple[ArraySpec, np.ndarray]:
    """Shape of a concat or stack, and its second output.

    Parameters
    ----------
    specs : sequence of ArraySpec
        The inputs, at least one.
    axis : int
        The axis to join along, negative from the end; with `add_axis` the place of the new
        axis, 0 to ndim.
    add_axis : bool
        Stack along a new axis instead of joining along one that is there.
    names : sequence of str, optional
        What messages call the inputs.
    dtype : numpy.dtype, optional
        Dtype of the result where the caller has already chosen it; else the inputs must agree.

    Returns
    -------
    spec : ArraySpec
    split_info : numpy.ndarray
        1-D, the inputs' lengths along the axis: int32, or int64 where one needs it.

    Raises
    ------
    AxisError, ShapeMismatch, DtypeMismatch
    """
    is_list = isinstance(specs, Sequence)
    if is_list and not specs:
        raise UsageError("no inputs: name at least one array to join")
    if not is_list or not hasattr(specs[0], "ndim"):
        what = type(specs[0] if is_list else specs).__name__
        raise UsageError(f"specs: found {what}; expected a list of ArraySpec((2, 3), dtype)")
    first = specs[0]
    if add_axis:
        axis = normalize_axis(axis, first.ndim + 1, "the joined array")
    else:
        axis = normalize_axis(axis, first.ndim, name_of(0, names))
    for index, spec in enumerate(specs):
        _check_shape(index, spec, first, None if add_axis else axis, names)
    chosen = dtype if dtype is not None else infer_dtype([s.dtype for s in specs], names=names)
    lengths = [1] * len(specs) if add_axis else [s.shape[axis] for s in specs]
    shape = (insert if add_axis else with_length)(first.shape, axis, sum(lengths))
    return ArraySpec(shape, chosen), split_info_of(lengths)


def split_info_of(lengths: Sequence[int]) -> np.ndarray:
    """Lengths as the second output of Concat: 1-D int32, or int64 where one needs it."""
    wide = max(lengths, default=0) > np.iinfo(np.int32).max
    return np.array(lengths, dtype="<i8" if wide else "<i4")


def _check_shape(
    index: int, spec: ArraySpec, first: ArraySpec, axis: int | None, names: Sequence[str] | None
) -> None:
    """Refuse an input that does not fit the first one."""
    if spec.shape == first.shape:
        return
    here, there = name_of(index, names), name_of(0, names)
    differs = f"{here}: shape {spec.shape} differs from {there} {first.shape}"
    if spec.ndim != first.ndim:
        raise ShapeMismatch(
            f"{differs} in rank: {counted(spec.ndim, 'axis', 'axes')} against {first.ndim}; all "
            "inputs need the same number of axes",
            found=spec.shape,
            expected=first.shape,
        )
    may = "no axis may differ" if axis is None else f"only axis {axis} may differ"
    for d, (found, expected) in enumerate(zip(spec.shape, first.shape, strict=True)):
        if d != axis and found != expected:
            raise ShapeMismatch(
                f"{differs} on axis {d}: {found} against {expected}; {may}",
                found=spec.shape,
                expected=first.shape,
            )


def infer_split(
    spec: ArraySpec,
    lengths: Sequence[int],
    axis: int = 0,
    drop_axis: bool = False,
) -> list[ArraySpec]:
    """Shapes of the parts of a split.

    Parameters
    ----------
    spec : ArraySpec
        The input.
    lengths : sequence of int
        Length of each part along the axis, zero allowed; they sum to the axis.
    axis : int
        Negative from the end.
    drop_axis : bool
        Parts of length 1 lose the axis (Caffe2's `add_axis` of Split).

    Raises
    ------
    AxisError
    UsageError
        A length is negative, they do not sum to the axis, or `drop_axis` finds a part that is
        not of length 1.
    """
    if not hasattr(spec, "ndim"):
        raise UsageError(f"spec: found {type(spec).__name__}; expected an ArraySpec((2, 3), dtype)")
    axis = normalize_axis(axis, spec.ndim, "the input")
    from concatsplit_core.foundation.given import whole_numbers

    lengths = whole_numbers("lengths", lengths)
    if min(lengths, default=0) < 0:
        raise UsageError(f"lengths {list(lengths)}: a part cannot have length {min(lengths)}")
    if sum(lengths) != spec.shape[axis]:
        raise UsageError(
            f"lengths {list(lengths)} sum to {sum(lengths)}, "
            f"but axis {axis} has length {spec.shape[axis]}",
            found=sum(lengths),
            expected=spec.shape[axis],
        )
    return infer_parts(spec, tile(lengths), axis, drop_axis)


def infer_parts(
    spec: ArraySpec, intervals: Sequence[Interval], axis: int, drop_axis: bool
) -> list[ArraySpec]:
    """Shapes of parts at any intervals of the axis, which may leave gaps or overlap."""
    if not drop_axis:
        lengths = lengths_of(intervals)
        specs = {n: ArraySpec(with_length(spec.shape, axis, n), spec.dtype) for n in set(lengths)}
        return [specs[n] for n in lengths]  # most parts are alike
    for index, interval in enumerate(intervals):
        if interval.length != 1:
            raise UsageError(
                f"part {index} has length {interval.length} along axis {axis}: "
                "only parts of length 1 can lose the axis",
                found=interval.length,
                expected=1,
            )
    return [ArraySpec(drop(spec.shape, axis), spec.dtype)] * len(intervals)


def infer_dtype(
    dtypes: Sequence[np.dtype],
    *,
    names: Sequence[str] | None = None,
    dtype: np.dtype | None = None,
    casting: Casting = "same_kind",
    promote: bool = False,
) -> np.dtype:
    """The dtype of a result.

    Without `dtype` and `promote` the inputs must be of one dtype; a difference in byte order
    alone is lossless and gives the machine's own, as NumPy's does.

    Raises
    ------
    DtypeMismatch
        The inputs differ, cannot be promoted, or may not be cast to `dtype` under `casting`.
    """
    first = dtypes[0]
    if dtype is None and all(d == first for d in dtypes):
        return first
    # Imported late: inputs of one dtype have no need of it.
    from concatsplit_core.array.low_precision import numbers_of, raw_dtype, shown_dtype

    if dtype is not None:
        dtype = _sized(dtype, dtypes, names)
        for index, found in enumerate(dtypes):
            if not _can_cast(found, dtype, casting):
                hint = "" if casting == "unsafe" else "; --casting unsafe allows any cast"
                raise DtypeMismatch(
                    f"{name_of(index, names)}: cannot cast {shown_dtype(found)} to "
                    f"{shown_dtype(dtype)} under the rule "
                    f"'{casting}'{hint}",
                    found=found,
                    expected=dtype,
                )
        return dtype
    if promote:
        try:
            return raw_dtype(np.result_type(*map(numbers_of, dtypes)))
        except TypeError as error:
            raise DtypeMismatch(
                f"the inputs' dtypes have no common one to --promote to: {error}"
            ) from error
    for index, found in enumerate(dtypes):
        if found != first and native(found) != native(first):
            raise DtypeMismatch(
                f"{name_of(index, names)}: dtype {shown_dtype(found)} differs from "
                f"{name_of(0, names)} {shown_dtype(first)}; give --promote or --dtype to convert",
                found=found,
                expected=first,
            )
    return native(first)


def native(dtype: np.dtype) -> np.dtype:
    """A dtype in the machine's byte order; variable-length strings have none."""
    return dtype if dtype.kind == "T" else dtype.newbyteorder("=")


def _sized(dtype: np.dtype, dtypes: Sequence[np.dtype], names: Sequence[str] | None) -> np.dtype:
    """A dtype without a size, such as ``S``, with the size that NumPy gives it for the inputs."""
    if dtype.kind not in "SUV" or dtype.itemsize or dtype.names is not None:
        return dtype
    sized = [dtype]
    for index, found in enumerate(dtypes):
        try:
            sized.append(np.empty(0, found).astype(dtype, casting="unsafe").dtype)
        except (TypeError, ValueError) as error:
            raise DtypeMismatch(
                f"{name_of(index, names)}: {found} says no size for {dtype}; give one, such as "
                f"{dtype.kind}32",
                found=found,
                expected=dtype,
            ) from error
    return max(sized, key=lambda one: one.itemsize)


def _can_cast(found: np.dtype, to: np.dtype, casting: Casting) -> bool:
    """NumPy's rule, but for variable-length strings, to which NumPy casts nearly everything.

    Here only text of a fixed length (``U``) is cast to them and back, and only under ``unsafe``.
    """
    if (found.kind == "T") != (to.kind == "T"):
        return casting == "unsafe" and {found.kind, to.kind} == {"T", "U"}
    from concatsplit_core.array.low_precision import akin, numbers_of

    if found == to:
        return True
    if casting == "same_kind" and not np.can_cast(akin(found), akin(to), casting):
        return False  # ml_dtypes allows fractions to be cut off, and imaginary parts
    return bool(np.can_cast(numbers_of(found), numbers_of(to), casting))
