"""The result of a run, and the notes for the user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from concatsplit_core.array.inference import infer_cost
from concatsplit_core.endpoints.job import Job, Move
from concatsplit_core.endpoints.layout import Outputs
from concatsplit_core.endpoints.places import Place
from concatsplit_core.formats.sources import Source
from concatsplit_core.meaning.dtype_metadata import enum_maps
from concatsplit_core.meaning.model import DEFINING
from concatsplit_core.planning.plan import MovePlan, Plan
from concatsplit_core.run.options import Options
from concatsplit_core.run.result import ArrayResult, Blob, Result

_ONLY_FOR = {
    "zarr_format": ("--zarr-format", "Zarr"),
    "memory_order": ("--memory-order", ".npy or .npz"),
}
"""What options are called that few formats honour, and which formats these are."""


def report(job: Job, outputs: Sequence[Outputs], plan: Plan, odd: Sequence[str]) -> Result:
    """The result of a job, made before it runs: from its plan, with notes on what looks odd."""
    pairs = list(zip(job.moves, outputs, strict=True))
    notes = [note for move, made in pairs for note in _left_behind(move, made)] + _on_low_precision(
        pairs
    )
    notes += [f"{source.ref}: {note}" for source in job.sources for note in source.storage.notes]
    notes += job.notes
    structures = job.structures.values()
    notes += dict.fromkeys(note for structure in structures for note in structure.notes)
    notes += odd
    arrays = tuple(_array(*pair, own) for pair, own in zip(pairs, plan.moves, strict=True))
    return Result(job.operator, False, arrays, plan, notes=tuple(notes))


def _array(move: Move, made: Outputs, plan: MovePlan) -> ArrayResult:
    return ArrayResult(
        axis=made.tiling.axis,
        inputs=_inputs(move),
        outputs=_outputs(made),
        split_info=tuple(move.split_info),
        cost=infer_cost([segment.spec for segment in made.tiling.segments]),
        plan=plan,
        stacked=move.source_tiling.new_axis,
        unstacked=made.tiling.new_axis,
        name=move.name,
        is_carried=move.is_carried,
        is_compared=move.is_compared,
    )


def _inputs(move: Move) -> tuple[Blob, ...]:
    return tuple(
        Blob(
            source.ref,
            source.format,
            source.spec.shape,
            source.spec.dtype,
            segment.interval,
            source.spec.chunks,
            str(source.storage.codec) if source.storage.codec is not None else None,
            is_of_program=source.place is None,
        )
        for source, segment in zip(move.sources, move.source_tiling.segments, strict=True)
    )


def _outputs(made: Outputs) -> tuple[Blob, ...]:
    found: list[Blob] = []
    before: tuple[Any, Any, Any] = None, None, None
    for place, (interval, spec), storage in zip(
        made.places, made.tiling.segments, made.storages, strict=True
    ):
        form = place.format
        if form is not before[0] or spec is not before[1] or storage is not before[2]:
            before = form, spec, storage  # most outputs are alike
            codec = str(storage.codec) if storage.codec is not None else None
            stored = spec.chunks, codec, form.description_of(spec)
        found.append(Blob(place.ref, form.name, spec.shape, spec.dtype, interval, *stored))
    return tuple(found)


def _left_behind(move: Move, made: Outputs) -> list[str]:
    """Notes on attributes that define the numbers and that the output's format cannot store."""
    lost = [name for name in DEFINING if name in move.meaning.attrs]
    lost += ["_FillValue"] if move.meaning.missing is not None else []
    lost += ["the names of an enum"] if enum_maps(move.dtype) else []
    pairs = list(zip(made.places, made.storages, strict=True))
    bare = [place for place, storage in pairs if storage.meaning.is_bare]
    notes = []
    unmarked = [place for place in made.places if not place.format.marks_records]
    if unmarked and move.dtype.names is not None and "_FillValue" in move.meaning.attrs:
        notes.append(
            f"{_listed([place.ref for place in unmarked])}: attribute '_FillValue' is left out: "
            f"in {unmarked[0].format.name} only numbers and text have one"
        )
    if lost and bare:
        notes.append(
            f"{_listed([place.ref for place in bare])}: the format {bare[0].format.name} cannot "
            f"store {', '.join(lost)}; the numbers are written as they are stored in the input"
        )
    return notes


def _on_low_precision(pairs: Sequence[tuple[Move, Outputs]]) -> list[str]:
    """What readers of the outputs should know of types such as BF16."""
    pairs = [(move, made) for move, made in pairs if move.dtype.names is not None]
    if not pairs:
        return []
    from concatsplit_core.array.low_precision import low_precision_of

    refs: dict[str, list[str]] = {}
    for move, made in pairs:
        low = low_precision_of(move.dtype)
        if low is None:
            continue
        for place, storage in zip(made.places, made.storages, strict=True):
            note = place.format.low_precision_note(low, storage)
            refs.setdefault(note, []).append(place.ref)
    return [f"{_listed(found)}: {note}" for note, found in refs.items() if note]


def what_check_does(job: Job, plan: Plan) -> list[str]:
    """Notes for a dry run on what --check will do, and what it cannot check."""
    notes = []
    encoded_bytes = plan.routes.get("encoded", 0)
    if encoded_bytes:
        notes.append(
            f"--check: {encoded_bytes} bytes of chunks that are copied as they are stored are "
            "checked: by their checksums, or by decoding them"
        )
    summed: dict[str, list[str]] = {}
    for source in job.sources:
        if source.whole_checksum is not None:
            summed.setdefault(source.whole_checksum, []).append(source.ref)
    for checksum, refs in summed.items():
        notes.append(f"--check: {_listed(refs)}: read as a whole first, to check its {checksum}")
    bare = [s.ref for s in job.sources if s.whole_checksum is None and not s.storage.codec]
    if bare:
        notes.append(f"--check: {_listed(bare)}: has no checksum; a flipped bit is not found")
    return notes


def without_effect(
    options: Options, places: Sequence[Place], sources: Sequence[Source]
) -> list[str]:
    """Notes on options that ask for something that none of the inputs or outputs can have."""
    notes = []
    asked = {"zarr_format": options.zarr_format, "memory_order": options.memory_order}
    for name, value in asked.items():
        is_default = value is None or value == "C"
        if not is_default and not any(name in place.format.honours for place in places):
            option, formats = _ONLY_FOR[name]
            notes.append(f"{option} {value} changes nothing: no output is {formats}")
    notes += _on_dtype(options)
    if options.raw is not None:
        from concatsplit_core.run.noting import note_on_raw

        notes += filter(None, [note_on_raw(options, (source.ref for source in sources))])
    return notes


def _on_dtype(options: Options) -> list[str]:
    """A note on a dtype whose number may be taken for bits, while it is bytes: f16 and c32."""
    wanted, text = options.wanted_dtype, options.dtype
    if wanted is None or not isinstance(text, str) or wanted.kind not in "fc":
        return []
    is_by_bytes = text.lstrip("<>=|") == f"{wanted.kind}{wanted.itemsize}"
    if not is_by_bytes or wanted.itemsize < (16 if wanted.kind == "f" else 32):
        return []
    half = "; half precision is f2 or float16" if wanted.kind == "f" else ""
    return [f"--dtype {text} is {wanted.name}, {wanted.itemsize} bytes an element{half}"]


def _listed(refs: Sequence[str]) -> str:
    return f"{refs[0]} and {len(refs) - 1} more" if len(refs) > 1 else refs[0]
