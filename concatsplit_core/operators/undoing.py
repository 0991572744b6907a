"""The inverse of a run that a manifest records."""

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
from concatsplit_core.formats.base import Source
from concatsplit_core.operators.performing import recovering
from concatsplit_core.operators.requests import agree_on, names_of, seen_as
from concatsplit_core.operators.verifying import damaged
from concatsplit_core.run.engine import execute
from concatsplit_core.run.manifest import Entry, Manifest
from concatsplit_core.run.manifest_reading import read_manifest
from concatsplit_core.run.options import Options
from concatsplit_core.run.result import Result


def undo(manifest: str | os.PathLike[str], /, output: Any = None, **options: Any) -> Result:
    """Make the inputs of a run again from its outputs: parts of a join, the whole of a split.

    The outputs are compared with what the manifest records of them before anything is written.
    Shapes and dtypes are as they were. Where the run cast to another dtype, the cast back has to
    be exact.

    Parameters
    ----------
    manifest : path
        What ``--manifest`` wrote.
    output : str or sequence of str, optional
        Names, a template or a folder; else the names that the inputs had.
    **options
        Those of `Options`.

    Raises
    ------
    MalformedInput
        It is no manifest, or an output is no longer what it records.
    VerificationMismatch
        An output does not hold any more what the manifest records; `force` takes it as it is.
    DtypeMismatch
        The run's cast lost something.
    UsageError
        The outputs do not hold the whole axis, or an input had no name.
    UnsafeContent
        Without `output`, an input of the run lies outside of the manifest's folder.
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
    """The job that makes the inputs of a run of its outputs."""
    dtype = record.inputs[0].dtype
    agreed = agree_on(sources, options, dtype)
    specs = seen_as(sources, agreed)
    targets = [Segment(e.interval, ArraySpec(e.shape, e.dtype)) for e in record.inputs]
    move = Move(
        shape=_logical_shape(record),
        dtype=dtype,
        sources=sources,
        source_tiling=Tiling(record.axis, tuple(map(Segment, intervals, specs)), record.unstacked),
        outputs=names,
        target_tiling=Tiling(record.axis, tuple(targets), record.stacked),
        split_info=[e.interval.length for e in record.inputs],
        meaning=agreed.meaning,
        conversions=agreed.conversions,
    )
    return Job("undo", [move], check=partial(_refuse_damage, record, sources, options))


def _refuse_damage(record: Manifest, sources: Sequence[Source], options: Options) -> list[str]:
    """Refuse outputs that do not hold any more what was recorded, or with --force note them."""
    if not record.has_hashes:
        return []
    found = damaged(_sorted(record), sources, record.axis, options)
    if found and not options.force:
        more = f" (and {len(found) - 1} more of {len(sources)})" if len(found) > 1 else ""
        raise VerificationMismatch(
            f"{found[0].ref}: is not what the manifest records: {found[0].reason}{more}; "
            "bring it back from a copy, or give --force to use it as it is",
            ref=found[0].ref,
        )
    return [f"{blob.ref}: used though damaged: {blob.reason}" for blob in found]


def _sorted(record: Manifest) -> list[Entry]:
    return sorted(record.outputs, key=lambda entry: entry.interval)


def _logical_shape(record: Manifest) -> Shape:
    """Shape of the logical array of the run."""
    first = record.inputs[0]
    length = record.inputs[-1].interval.stop
    if record.stacked:
        return insert(first.shape, record.axis, length)
    return with_length(first.shape, record.axis, length)


def _tiled(record: Manifest, length: int) -> list[Interval]:
    """What each output has to give, so that together they hold every index of the axis once."""
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
            f"the outputs hold the axis only up to {at} of {length}: the run left parts out "
            "(--only, --remainder drop or a --hop), which cannot be made again",
            found=at,
            expected=length,
        )
    return intervals


def _check_exact(entry: Entry, made: Entry) -> None:
    """Refuse a cast back that could not give the original again."""
    if not is_exact(entry.dtype, made.dtype):
        raise DtypeMismatch(
            f"{entry.ref or 'an input'} was of dtype {entry.dtype} and became {made.dtype}: "
            "what that lost cannot be made again",
            found=made.dtype,
            expected=entry.dtype,
        )


def is_exact(original: np.dtype, made: np.dtype) -> bool:
    """Whether every value of one dtype survives the way into another and back.

    NumPy calls int64 to float64 safe; a double holds whole numbers up to 2**53 only.
    """
    if native(packed(original)) == native(packed(made)):
        return True
    if original.kind in "iu" and made.kind in "fc":
        real = made if made.kind == "f" else np.empty(0, made).real.dtype
        bits = 8 * original.itemsize - (original.kind == "i")
        return bits <= int(np.finfo(real).nmant) + 1
    return original.kind != "T" and bool(np.can_cast(original, made, "safe"))


def _check_unchanged(source: Source, entry: Entry) -> None:
    if source.spec.shape != entry.shape or source.spec.dtype != entry.dtype:
        raise MalformedInput(
            f"{source.ref}: is {source.spec.shape} {source.spec.dtype}, the manifest records "
            f"{entry.shape} {entry.dtype}",
            ref=source.ref,
            found=source.spec.shape,
            expected=entry.shape,
        )


def _names(record: Manifest, output: Any, manifest: Path) -> Sequence[str]:
    if output is not None:
        intervals = [entry.interval for entry in record.inputs]
        return name_parts(names_of(output), intervals, record.outputs[0].ref)
    if not all(entry.ref for entry in record.inputs):
        raise UsageError("the run's inputs were arrays in memory or stdin: say where with -o")
    folder = os.path.realpath(manifest.parent)
    for entry in record.inputs:
        path, _ = parse_output(entry.ref)
        if not Path(os.path.realpath(path)).is_relative_to(folder):
            raise UnsafeContent(
                f"{manifest}: names an input outside of its folder, {entry.ref}; a manifest from "
                "elsewhere may name any file, so say with -o where to write",
                ref=entry.ref,
            )
    return [entry.ref for entry in record.inputs]
