"""undo: the inverse of a run, by its manifest."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from concatsplit_core.array.fields import packed
from concatsplit_core.array.geometry import Interval, Shape, insert, with_length
from concatsplit_core.array.inference import native
from concatsplit_core.array.low_precision import numbers_of
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.array.tiling import Segment, Tiling
from concatsplit_core.endpoints.inputs import close_all, open_inputs
from concatsplit_core.endpoints.job import Job, Move
from concatsplit_core.endpoints.naming import name_again
from concatsplit_core.endpoints.references import MemberOf, parse_output
from concatsplit_core.formats.registry import detect, named_format
from concatsplit_core.formats.sources import Source
from concatsplit_core.formats.structure import Structure
from concatsplit_core.foundation.errors import (
    DtypeMismatch,
    MalformedInput,
    UnsafeContent,
    UsageError,
    VerificationMismatch,
)
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.operators.arguments import options_of
from concatsplit_core.operators.performing import recovering, spelled_out
from concatsplit_core.operators.requests import (
    converted_specs,
    names_of,
    reconcile_sources,
    with_own_meanings,
)
from concatsplit_core.operators.structures import structures_of
from concatsplit_core.operators.verifying import damaged
from concatsplit_core.run.engine import execute, recover_in
from concatsplit_core.run.manifest import ArrayRecord, Manifest, ManifestEntry
from concatsplit_core.run.manifest_reading import read_manifest
from concatsplit_core.run.options import Options
from concatsplit_core.run.result import Result
from concatsplit_core.stores.local import local

if TYPE_CHECKING:
    from concatsplit_core.operators.keywords import SharedOptions


@spelled_out
def undo(
    path: str | os.PathLike[str], /, output: Any = None, **options: Unpack[SharedOptions]
) -> Result:
    """Make the inputs of a run again from its outputs.

    The joined array is cut at the same places again, or the parts are joined again. Before it
    writes anything, undo compares the outputs with the hashes in the manifest. The inputs get
    their old shapes and dtypes. If the run cast to another dtype, the cast back has to be exact.

    Parameters
    ----------
    path : path
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
    config = options_of("undo", {**options})
    recover_in([local(os.fspath(path)).resolved.parent], config)
    record = read_manifest(Path(path))
    with ExitStack() as stack:
        arrays = []
        for array in record.arrays:
            intervals = _tiled(array)
            for entry in array.inputs:
                _check_exact(entry, array.outputs[0])
            sources = open_inputs([e.ref for e in _read(array)], recover=recovering(config))
            stack.callback(close_all, sources)
            for source, entry in zip(sources, _read(array), strict=True):
                _check_unchanged(source, entry)
            arrays.append(_Array(array, sources, intervals, _holders(array, record)))
        names = _names(record, output, Path(path))
        moves = [_inverse(*pair, config) for pair in zip(arrays, names, strict=True)]
        notes = [
            f"array '{array.name}' {_OF_FIRST}" for array in record.arrays if not array.is_compared
        ]
        check = partial(_refuse_damage, arrays, config) if record.has_hashes else None
        if record.arrays[0].name:
            moves = with_own_meanings(moves)
        named = {move.name: move for move in moves if move.name}
        made = structures_of(_structures(record), named, config) if named else {}
        return execute(Job("undo", moves, notes=notes, check=check, structures=made), config)


_OF_FIRST = (
    "is made again for the first input only: the run took it from there, and did not compare it "
    "with those of the others"
)


class _Array(NamedTuple):
    """An array of the run: its outputs, opened, and the interval to read from each.

    Parameters
    ----------
    record : ArrayRecord
    sources : sequence of Source
    intervals : sequence of Interval
    inputs : sequence of int
        Numbers of the inputs that held the array, and get it back.
    """

    record: ArrayRecord
    sources: Sequence[Source]
    intervals: Sequence[Interval]
    inputs: Sequence[int]


def _inverse(array: _Array, names: Sequence[str | MemberOf], options: Options) -> Move:
    """The move that makes the inputs of an array from its outputs."""
    record, sources, intervals, inputs = array
    first = record.inputs[0]
    agreement = reconcile_sources(sources, options, first.dtype)
    specs = converted_specs(sources, agreement)
    entries = [first if record.is_carried else record.inputs[number] for number in inputs]
    dtypes = [_with_metadata(entry.dtype, agreement.dtype) for entry in entries]
    pairs = zip(entries, dtypes, strict=True)
    targets = [Segment(e.interval, ArraySpec(e.shape, dtype)) for e, dtype in pairs]
    return Move(
        shape=_logical_shape(record),
        dtype=_with_metadata(first.dtype, agreement.dtype),
        sources=sources,
        source_tiling=Tiling(record.axis, tuple(map(Segment, intervals, specs)), record.unstacked),
        outputs=[names[number] for number in inputs],
        target_tiling=Tiling(record.axis, tuple(targets), record.stacked),
        split_info=[e.interval.length for e in record.inputs],
        meaning=agreement.meaning,
        conversions=agreement.conversions,
        name=record.name,
        is_carried=record.is_carried,
    )


def _with_metadata(dtype: np.dtype, found: np.dtype) -> np.dtype:
    """A dtype of the manifest, with what only the file knows of it, such as names of an enum."""
    return found if found == dtype else dtype


def _structures(record: Manifest) -> list[Structure]:
    """What the outputs of the run hold beside the arrays."""
    refs = [parse_output(entry.ref) for entry in _sorted(_cut(record))]
    places = [(ref.place, str(ref.place)) for ref in refs if ref.member is not None]
    return [detect(place, ref).structure(place, ref) for place, ref in places]


def _refuse_damage(arrays: Sequence[_Array], options: Options) -> list[str]:
    """Refuse outputs that do not match their hashes; with --force, return a note for each."""
    found, count = [], 0
    for record, sources, *_ in arrays:
        found += damaged(_read(record), sources, record.axis, options)
        count += len(sources)
    if found and not options.force:
        more = f" (and {len(found) - 1} more of {count})" if len(found) > 1 else ""
        raise VerificationMismatch(
            f"{found[0].ref}: differs from what the manifest records: {found[0].reason}{more}; "
            "restore it from a copy, or give --force to use it as it is",
            ref=found[0].ref,
        )
    return [f"{blob.ref}: used though damaged: {blob.reason}" for blob in found]


def _read(record: ArrayRecord) -> list[ManifestEntry]:
    """The outputs that an array is made of again: any one of those that hold all of it."""
    return [record.outputs[0]] if record.is_carried else _sorted(record)


def _sorted(record: ArrayRecord) -> list[ManifestEntry]:
    return sorted(record.outputs, key=lambda entry: entry.interval)


def _logical_shape(record: ArrayRecord) -> Shape:
    """The shape of the run's logical array."""
    first = record.inputs[0]
    length = record.inputs[-1].interval.stop
    if record.stacked:
        return insert(first.shape, record.axis, length)
    return with_length(first.shape, record.axis, length)


def _tiled(record: ArrayRecord) -> list[Interval]:
    """The interval to read from each output, so that every index of the axis is read once."""
    length = _logical_shape(record)[record.axis]
    entries, at = _read(record), 0
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


def _check_exact(entry: ManifestEntry, output: ManifestEntry) -> None:
    """Refuse a cast back that may not give the original numbers."""
    if not keeps_every_value(entry.dtype, output.dtype):
        raise DtypeMismatch(
            f"{entry.ref or 'an input'} had dtype {entry.dtype} and was cast to {output.dtype}: "
            "numbers may have been rounded and cannot be made again",
            found=output.dtype,
            expected=entry.dtype,
        )


def keeps_every_value(original: np.dtype, cast: np.dtype) -> bool:
    """Whether a cast to a dtype and back keeps every value of the original dtype.

    NumPy calls int64 to float64 safe, but a double holds whole numbers only up to 2**53.
    """
    if native(packed(original)) == native(packed(cast)):
        return True
    if original.kind in "iu" and cast.kind in "fc":
        real = cast if cast.kind == "f" else np.empty(0, cast).real.dtype
        bits = 8 * original.itemsize - (original.kind == "i")
        return bits <= int(np.finfo(real).nmant) + 1
    if "T" in (original.kind, cast.kind):
        return original.kind == "U"
    return bool(np.can_cast(numbers_of(original), numbers_of(cast), "safe"))


def _check_unchanged(source: Source, entry: ManifestEntry) -> None:
    if source.spec.shape != entry.shape or source.spec.dtype != entry.dtype:
        raise MalformedInput(
            f"{source.ref}: has shape {source.spec.shape} and dtype {source.spec.dtype}, but the "
            f"manifest records {entry.shape} and {entry.dtype}",
            ref=source.ref,
            found=source.spec.shape,
            expected=entry.shape,
        )


def _names(record: Manifest, output: Any, manifest: Path) -> list[list[str | MemberOf]]:
    """Where the inputs of each array go."""
    if output is not None:
        return [_named(array, record, names_of(output)) for array in record.arrays]
    entries = [
        array.inputs[0 if array.is_carried else number]
        for array in record.arrays
        for number in _holders(array, record)
    ]
    if not all(entry.ref for entry in entries):
        raise UsageError(
            "the run's inputs were arrays in memory or stdin and have no names; give names with -o"
        )
    folder = local(manifest.parent).resolved
    for entry in entries:
        place = parse_output(entry.ref).place
        if named_format(place.name) is None:
            raise UsageError(
                f"{manifest}: the input {entry.ref} has the suffix of no format that is written; "
                "give the names to write with -o",
                ref=entry.ref,
            )
        if not place.resolved.is_within(folder):
            raise UnsafeContent(
                f"{manifest}: the input {entry.ref} lies outside the manifest's folder; since "
                "anyone could have written that name, give the names to write with -o",
                ref=entry.ref,
            )
    return [_original_names(array, record) for array in record.arrays]


def _cut(record: Manifest) -> ArrayRecord:
    """The first array that was joined or cut, of which every input had a part."""
    return next((array for array in record.arrays if not array.is_carried), record.arrays[0])


def _holders(array: ArrayRecord, record: Manifest) -> list[int]:
    """Numbers of the inputs that held an array, as far as that is known."""
    if array.is_carried:
        return list(range(len(_cut(record).inputs) if array.is_compared else 1))
    in_containers = array.name and any(e.ref.endswith(f"::{array.name}") for e in array.inputs)
    numbers = range(len(array.inputs))
    # an entry without a name stands for fill values: the input did not hold the array
    return [n for n in numbers if array.inputs[n].ref] if in_containers else [*numbers]


def _container(record: Manifest, number: int) -> str:
    """The name of an input that is a container."""
    refs = (array.inputs[number].ref for array in record.arrays if not array.is_carried)
    return str(parse_output(next(ref for ref in refs if ref)).place)


def _named(array: ArrayRecord, record: Manifest, outputs: list[str]) -> list[str | MemberOf]:
    """Names as they were asked for."""
    entries = _cut(record).inputs if array.is_carried else array.inputs
    intervals = [entry.interval for entry in entries]
    originals = [entry.ref for entry in entries]
    names = name_again(outputs, intervals, array.outputs[0].ref, originals, array.name)
    if not array.name or "{array" in outputs[0]:
        return [*names]
    return [MemberOf(name, array.name) for name in names]


def _original_names(array: ArrayRecord, record: Manifest) -> list[str | MemberOf]:
    """The names that the inputs had; a container is made again as a whole."""
    if not array.name:
        return [entry.ref for entry in array.inputs]
    if not any(parse_output(entry.ref).member for entry in array.inputs if entry.ref):
        return [str(parse_output(entry.ref).place) for entry in array.inputs]
    count = len(_cut(record).inputs)
    return [MemberOf(_container(record, number), array.name) for number in range(count)]
