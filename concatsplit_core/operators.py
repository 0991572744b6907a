"""The operators: the front door of the library, and what the command line calls.

Definitions follow Caffe2's concat and split family (the crate caffe2op-concatsplit); axes, dtypes
and values follow NumPy.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from concatsplit_core.cuts import Cut
from concatsplit_core.engine import Job, execute
from concatsplit_core.errors import UsageError
from concatsplit_core.formats.base import Source
from concatsplit_core.formats.registry import detect, format_named
from concatsplit_core.geometry import normalize_axis, tile
from concatsplit_core.inference import infer_concat, infer_dtype, infer_parts
from concatsplit_core.inputs import close_all, open_inputs, open_ref
from concatsplit_core.naming import name_parts, named_count
from concatsplit_core.options import Options
from concatsplit_core.references import expand, parse_input
from concatsplit_core.result import Result, dtype_name
from concatsplit_core.spec import Segment, Tiling

_CUT_FIELDS = ("parts", "uneven", "size", "remainder", "lengths", "at")


def concat(
    inputs: Any, output: str, axis: int = 0, *, add_axis: bool = False, **options: Any
) -> Result:
    """Join arrays along an axis, as `numpy.concatenate` does.

    For inputs X_0 ... X_{n-1} that agree on every other axis, Y has along `axis` the length
    sum_i len(X_i), and Y[start_i : start_i + len(X_i)] = X_i (Caffe2's Concat).

    Parameters
    ----------
    inputs : sequence
        References (``a.npy``, ``b.h5::/x``, ``'part-*.npy'``, ``@list``), ndarrays, h5py data
        sets or zarr arrays.
    output : str
        Reference of the result.
    axis : int
        Negative from the end.
    add_axis : bool
        Join along a new axis instead (Caffe2's `add_axis`), 0 to ndim: see `stack`.
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
    return _concat("concat", inputs, output, axis, add_axis, Options(**options))


def stack(inputs: Any, output: str, axis: int = 0, **options: Any) -> Result:
    """Join arrays of one shape along a new axis, as `numpy.stack` does.

    Parameters
    ----------
    inputs : sequence
        As in `concat`.
    output : str
    axis : int
        Place of the new axis in the result, 0 to ndim, negative from ndim + 1.
    **options
        Those of `Options`.
    """
    return _concat("stack", inputs, output, axis, True, Options(**options))


def _concat(
    operator: str, inputs: Any, output: str, axis: int, add_axis: bool, options: Options
) -> Result:
    sources = open_inputs(inputs)
    try:
        specs = [source.spec for source in sources]
        names = [source.ref for source in sources]
        dtype = _result_dtype(sources, options)
        whole, split_info = infer_concat(specs, axis, add_axis, names=names, dtype=dtype)
        axis = axis % whole.ndim
        lengths = [int(n) for n in split_info]
        segments = map(Segment, tile(lengths), specs)
        target = Segment(tile([whole.shape[axis]])[0], whole)
        job = Job(
            operator=operator,
            shape=whole.shape,
            dtype=whole.dtype,
            sources=sources,
            source_tiling=Tiling(axis, tuple(segments), new_axis=add_axis),
            outputs=[os.fspath(output)],
            target_tiling=Tiling(axis, (target,)),
            split_info=lengths,
        )
        return execute(job, options)
    finally:
        close_all(sources)


def _result_dtype(sources: Sequence[Source], options: Options) -> Any:
    if not sources:
        raise UsageError("no inputs: name at least one array to join")
    return infer_dtype(
        [source.spec.dtype for source in sources],
        names=[source.ref for source in sources],
        dtype=options.wanted_dtype,
        casting=options.casting,
        promote=options.promote,
    )


def split(
    input: Any,
    output: str | Sequence[str],
    *,
    axis: int = 0,
    drop_axis: bool = False,
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
    axis : int
        Negative from the end.
    drop_axis : bool
        Parts of length 1 lose the axis (Caffe2's `add_axis` of Split).
    parts, uneven, size, remainder, lengths, at
        How to cut: see `Cut`. Without any of them as many equal parts as there are names.
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
    cut = Cut(**{name: options.pop(name) for name in _CUT_FIELDS if name in options})
    return _split("split", input, output, axis, drop_axis, cut, Options(**options))


def unstack(input: Any, output: str | Sequence[str], axis: int = 0, **options: Any) -> Result:
    """Cut an array into its items along an axis, which they lose, as `numpy.unstack` does.

    Parameters
    ----------
    input, output
        As in `split`.
    axis : int
        Negative from the end.
    **options
        Those of `Options`.
    """
    return _split("unstack", input, output, axis, True, Cut(size=1), Options(**options))


def _split(
    operator: str,
    input: Any,
    output: str | Sequence[str],
    axis: int,
    drop_axis: bool,
    cut: Cut,
    options: Options,
) -> Result:
    names = [output] if isinstance(output, str | os.PathLike) else list(output)
    names = [os.fspath(name) for name in names]
    if not names:
        raise UsageError("no outputs: name the parts, or give a template")
    sources = open_inputs(input)
    try:
        if len(sources) != 1:
            raise UsageError(f"one input is split at a time, found {len(sources)}")
        spec = sources[0].spec
        axis = normalize_axis(axis, spec.ndim, f"input {sources[0].ref}")
        intervals = cut.intervals(spec.shape[axis], named_count(names))
        if not intervals or (drop_axis and not spec.shape[axis]):
            raise UsageError(f"axis {axis} of {sources[0].ref} has length 0: there is no part")
        dtype = _result_dtype(sources, options)
        parts = infer_parts(replace(spec, dtype=dtype), intervals, axis, drop_axis)
        job = Job(
            operator=operator,
            shape=spec.shape,
            dtype=dtype,
            sources=sources,
            source_tiling=Tiling(axis, (Segment(tile([spec.shape[axis]])[0], spec),)),
            outputs=name_parts(names, intervals, sources[0].ref),
            target_tiling=Tiling(axis, tuple(map(Segment, intervals, parts)), new_axis=drop_axis),
            split_info=[interval.length for interval in intervals],
        )
        return execute(job, options)
    finally:
        close_all(sources)


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """What is known of an array without reading it."""

    ref: str
    format: str
    shape: tuple[int, ...]
    dtype: str
    chunks: tuple[int, ...] | None
    shards: tuple[int, ...] | None
    codec: str | None
    order: str
    nbytes: int
    stored_bytes: int
    attrs: dict[str, Any]


def info(ref: Any) -> list[BlobInfo]:
    """Describe an array, or all arrays of a container.

    Parameters
    ----------
    ref
        A reference, pattern, ndarray, h5py data set or zarr array.

    Returns
    -------
    list of BlobInfo
        One an array.
    """
    if not isinstance(ref, str | os.PathLike):
        return [_describe(source) for source in open_inputs(ref)]
    found = []
    for name in expand([os.fspath(ref)]):
        for blob in _blobs(name):
            source = open_ref(blob)
            try:
                found.append(_describe(source))
            finally:
                source.close()
    return found


def _blobs(ref: str) -> list[str]:
    """References of all arrays behind a reference that may name a container."""
    path, member = parse_input(ref)
    kind = detect(path, ref)
    names = format_named(kind).members(path, ref)
    if member is not None:
        below = [name for name in names if name.startswith(f"{member}/")]
        return [f"{path}::{name}" for name in below] if below and member not in names else [ref]
    if names == [""]:
        return [ref]
    return [f"{ref}::{name}" for name in names]


def _describe(source: Source) -> BlobInfo:
    spec, codec = source.spec, source.storage.codec
    return BlobInfo(
        ref=source.ref,
        format=source.format,
        shape=spec.shape,
        dtype=dtype_name(spec.dtype),
        chunks=spec.chunks,
        shards=spec.shards,
        codec=str(codec) if codec is not None else "other",
        order=spec.order,
        nbytes=spec.nbytes,
        stored_bytes=source.stored_bytes(),
        attrs=dict(source.storage.attrs),
    )
