"""undo: the inverse of a run, by its manifest."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from concatsplit_core.array.fields import packed
from concatsplit_core.array.geometry import Interval, Shape, insert, with_length
from concatsplit_core.array.inference import native
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.array.tiling import Segment, Tiling
from concatsplit_core.endpoints.inputs import close_all, open_inputs
from concatsplit_core.endpoints.job import Job, Move
from concatsplit_core.endpoints.naming import name_parts
from concatsplit_core.endpoints.references import parse_output
from concatsplit_core.errors import (
    DtypeMismatch,
    MalformedInput,
    UnsafeContent,
    UsageError,
    VerificationMismatch,
)
from concatsplit_core.formats.sources import Source
from concatsplit_core.operators.requests import (
    converted_specs,
    names_of,
    reconcile_sources,
    recovering,
)
from concatsplit_core.operators.verifying import damaged
from concatsplit_core.run.engine import execute
from concatsplit_core.run.manifest import Entry, Manifest
from concatsplit_core.run.manifest_reading import read_manifest
from concatsplit_core.run.options import Options
from concatsplit_core.run.result import Result


def undo(manifest: str | os.PathLike[str], /, output: Any = None, **options: Any) -> Result:
    """Make the inputs of a run again from its outputs.

    The joined array is cut at the same places again, or the parts are joined again. Before it
    writes anything, undo compares the outputs with the hashes in the manifest. The inputs get
    their old shapes and dtypes. If the run cast to another dtype, the cast back has to be exact.

    Parameters
    ----------
    manifest : path
        The file that ``--manifest`` wrote.
    output : str or sequence of str, optional
        Names, a template or a folder. The default are the names that the inputs had.
    **options
        Those of `Options`.

    Raises
    ------
    MalformedInput
        The manifest is damaged, or an output has another shape or dtype than it records.
    VerificationMismatch
        An output does not match its hash; with `force` it is used as it is.
    DtypeMismatch
        The cast of the run was not exact.
    UsageError
        The outputs do not hold the whole axis, or an input had no name.
    UnsafeContent
        Without `output`: an input of the run lies outside the manifest's folder.
    """
    config = Options(**options)
    recovering(config)([Path(os.path.realpath(manifest)).parent])
    record = read_manifest(Path(manifest))
    intervals = _tiled(record, _logical_shape(record)[record.axis])
    for entry in record.inputs:
        _check_exact(entry, record.outputs[0])
    refs = [entry.ref for entry in _sorted(record)]
    sources = open_inputs(refs, recover=recovering(config))
    try:
        for source, entry in zip(sources, _sorted(record), strict=True):
            _check_unchanged(source, entry)
        names = _names(record, output, Path(manifest))
        return execute(_inverse(record, sources, intervals, names, config), config)
    finally:
        close_all(sources)


def _inverse(
    record: Manifest,
    sources: Sequence[Source],
    intervals: Sequence[Interval],
    names: Sequence[str],
    options: Options,
) -> Job:
    """The job that makes the inputs of a run from its outputs."""
    dtype = record.inputs[0].dtype
    agreement = reconcile_sources(sources, options, dtype)
    specs = converted_specs(sources, agreement)
    targets = [Segment(e.interval, ArraySpec(e.shape, e.dtype)) for e in record.inputs]
    move = Move(
        shape=_logical_shape(record),
        dtype=dtype,
        sources=sources,
        source_tiling=Tiling(record.axis, tuple(map(Segment, intervals, specs)), record.unstacked),
        outputs=names,
        target_tiling=Tiling(record.axis, tuple(targets), record.stacked),
        split_info=[e.interval.length for e in record.inputs],
        meaning=agreement.meaning,
        conversions=agreement.conversions,
    )
    return Job("undo", [move], check=partial(_refuse_damage, record, sources, options))


def _refuse_damage(record: Manifest, sources: Sequence[Source], options: Options) -> list[str]:
    """Refuse outputs that do not match their hashes; with --force, return a note for each."""
    if not record.has_hashes:
        return []
    blobs = damaged(_sorted(record), sources, record.axis, options)
    if blobs and not options.force:
        more = f" (and {len(blobs) - 1} more of {len(sources)})" if len(blobs) > 1 else ""
        raise VerificationMismatch(
            f"{blobs[0].ref}: differs from what the manifest records: {blobs[0].reason}{more}; "
            "restore it from a copy, or give --force to use it as it is",
            ref=blobs[0].ref,
        )
    return [f"{blob.ref}: used though damaged: {blob.reason}" for blob in blobs]


def _sorted(record: Manifest) -> list[Entry]:
    return sorted(record.outputs, key=lambda entry: entry.interval)


def _logical_shape(record: Manifest) -> Shape:
    """The shape of the run's logical array."""
    first = record.inputs[0]
    length = record.inputs[-1].interval.stop
    if record.stacked:
        return insert(first.shape, record.axis, length)
    return with_length(first.shape, record.axis, length)


def _tiled(record: Manifest, length: int) -> list[Interval]:
    """The interval to read from each output, so that every index of the axis is read once."""
    entries, at = _sorted(record), 0
    intervals = []
    for number, entry in enumerate(entries):
        following = entries[number + 1].interval.start if number + 1 < len(entries) else length
        stop = min(entry.interval.stop, max(entry.interval.start, following))
        if entry.interval.start != at:
            break
        intervals.append(Interval(at, stop))
        at = stop
    if at != length or len(intervals) != len(entries):
        raise UsageError(
            f"the outputs hold only the first {at} of {length} indices along the axis: the run "
            "left parts out (--only, --remainder drop or --hop), which cannot be made again",
            found=at,
            expected=length,
        )
    return intervals


def _check_exact(entry: Entry, output: Entry) -> None:
    """Refuse a cast back that may not give the original numbers."""
    if not is_exact(entry.dtype, output.dtype):
        raise DtypeMismatch(
            f"{entry.ref or 'an input'} had dtype {entry.dtype} and was cast to {output.dtype}: "
            "numbers may have been rounded and cannot be made again",
            found=output.dtype,
            expected=entry.dtype,
        )


def is_exact(original: np.dtype, cast: np.dtype) -> bool:
    """Whether a cast to a dtype and back keeps every value of the original dtype.

    NumPy calls int64 to float64 safe, but a double holds whole numbers only up to 2**53.
    """
    if native(packed(original)) == native(packed(cast)):
        return True
    if original.kind in "iu" and cast.kind in "fc":
        real = cast if cast.kind == "f" else np.empty(0, cast).real.dtype
        bits = 8 * original.itemsize - (original.kind == "i")
        return bits <= int(np.finfo(real).nmant) + 1
    return original.kind != "T" and bool(np.can_cast(original, cast, "safe"))


def _check_unchanged(source: Source, entry: Entry) -> None:
    if source.spec.shape != entry.shape or source.spec.dtype != entry.dtype:
        raise MalformedInput(
            f"{source.ref}: has shape {source.spec.shape} and dtype {source.spec.dtype}, but the "
            f"manifest records {entry.shape} and {entry.dtype}",
            ref=source.ref,
            found=source.spec.shape,
            expected=entry.shape,
        )


def _names(record: Manifest, output: Any, manifest: Path) -> Sequence[str]:
    if output is not None:
        intervals = [entry.interval for entry in record.inputs]
        return name_parts(names_of(output), intervals, record.outputs[0].ref)
    if not all(entry.ref for entry in record.inputs):
        raise UsageError(
            "the run's inputs were arrays in memory or stdin and have no names; give names with -o"
        )
    folder = os.path.realpath(manifest.parent)
    for entry in record.inputs:
        path, _ = parse_output(entry.ref)
        if not Path(os.path.realpath(path)).is_relative_to(folder):
            raise UnsafeContent(
                f"{manifest}: the input {entry.ref} lies outside the manifest's folder; since "
                "anyone could have written that name, give the names to write with -o",
                ref=entry.ref,
            )
    return [entry.ref for entry in record.inputs]
