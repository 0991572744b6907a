"""Open, plan, stage, run, commit: the one way in which every operator moves its bytes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from concatsplit_core.array.inference import infer_cost
from concatsplit_core.endpoints import refusals as outputs
from concatsplit_core.endpoints.fingerprints import Fingerprints
from concatsplit_core.endpoints.hollow import refuse_hollow
from concatsplit_core.endpoints.inputs import opened
from concatsplit_core.endpoints.job import Job
from concatsplit_core.endpoints.layout import Layout, lay_out
from concatsplit_core.endpoints.places import Place, find_place, folders_of
from concatsplit_core.endpoints.references import is_name
from concatsplit_core.errors import UsageError
from concatsplit_core.meaning.marks import enum_maps
from concatsplit_core.meaning.model import DEFINING
from concatsplit_core.planning.plan import Plan
from concatsplit_core.planning.planner import make_plan
from concatsplit_core.run.alignment import in_phase
from concatsplit_core.run.options import Options
from concatsplit_core.run.result import Blob, Result
from concatsplit_core.run.running import Run
from concatsplit_core.stores.folders import candidates

if TYPE_CHECKING:
    from concatsplit_core.run.hashing.during import RunHashes


def execute(job: Job, options: Options) -> Result:
    """Plan a job and, unless it is a dry run, do it.

    Raises
    ------
    ConcatsplitError
        Any of its leaves; then no output was created or changed.
    """
    started = time.perf_counter()
    memory, wish = options.memory_bytes, options.wish
    record = _record(options)
    folders = folders_of([*job.outputs, *(ref for ref, _ in job.extras)])
    recover_in([*folders, *([] if record is None else [record.parent])], options)
    fingerprints = Fingerprints(job.sources, options.follow_links)
    found = [find_place(ref, options.follow_links) for ref in job.outputs]
    beside = [find_place(ref, options.follow_links) for ref, _ in job.extras]
    outputs.refuse_collisions([*found, *beside])
    with opened(job.also_read) as others:
        outputs.refuse_inputs([*found, *beside], [*job.sources, *others])
    outputs.refuse_existing([*found, *beside], options.force)
    refuse_hollow(job.sources)
    layout = lay_out(job, found, wish)
    outputs.refuse_oversized(found, [segment.spec for segment in layout.outputs.segments])
    plan = make_plan(
        job.shape,
        job.source_tiling,
        layout.planned,
        memory=memory if record is None else memory - _for_hashes(job, layout, memory),
        jobs=options.workers,
        routes=options.allowed_routes,
        names=[source.ref for source in job.sources],
        check=options.check,
        whole_axes=0 if record is None else _whole_axes(job),
    )
    result = _result(job, layout, found, plan)
    replaced = None
    if record is not None:
        replaced = outputs.refuse_record(record, [*found, *beside], options.force)
    if options.dry_run:
        looks = _looks(job, plan) if options.check else []
        return replace(result, dry_run=True, notes=(*result.notes, *looks))
    checked = () if job.check is None else job.check()
    layout = in_phase(plan, job, layout)
    hashes = None if record is None else _hashes(job, layout, plan, options)
    run = Run(job, options, plan, layout, found, beside, hashes)
    run.commit(
        fingerprints, None if record is None else (record, replaced, _manifest(result, record))
    )
    notes = (*checked, *result.notes, *run.notes)
    return replace(result, seconds=time.perf_counter() - started, notes=notes)


def recover_in(folders: Iterable[Path], options: Options) -> bool:
    """Complete or undo what killed runs left in folders, and tell of it; whether there was any.

    A dry run changes nothing.
    """
    if options.dry_run:
        return False
    found = False
    folders = [folder for folder in folders if candidates(folder)]
    if not folders:
        return False
    from concatsplit_core.stores.recovery import recover

    for recovered in recover(folders):
        found = True
        if options.on_event is not None:
            options.on_event(recovered)
    return found


def _left_behind(job: Job, layout: Layout, found: Sequence[Place]) -> list[str]:
    """What says how the numbers are meant, and has no place in the format of an output."""
    said = [name for name in DEFINING if name in job.meaning.attrs]
    said += ["_FillValue"] if job.meaning.missing is not None else []
    said += ["the names of an enum"] if enum_maps(job.dtype) else []
    bare = [p for p, storage in zip(found, layout.storages, strict=True) if storage.meaning.is_bare]
    if not said or not bare:
        return []
    more = f" and {len(bare) - 1} more" if len(bare) > 1 else ""
    return [
        f"{bare[0].ref}{more}: an .npy has no place for {', '.join(said)}; "
        "the numbers are as they are stored"
    ]


def _looks(job: Job, plan: Plan) -> list[str]:
    """What --check does beside the plan, and what it cannot do."""
    found = []
    moved = plan.routes.get("encoded", 0)
    if moved:
        found.append(
            f"--check: {moved} bytes that move as they are stored are looked into: checksums are "
            "compared, what has none is decoded"
        )
    archived = [source.ref for source in job.sources if source.format == "npz"]
    if archived:
        found.append(f"--check: {_listed(archived)}: read as a whole first, for its CRC-32")
    bare = [s.ref for s in job.sources if s.format != "npz" and not s.storage.codec]
    if bare:
        found.append(
            f"--check: {_listed(bare)}: carries no checksum; a flipped bit in it is not found"
        )
    return found


def _listed(refs: Sequence[str]) -> str:
    return f"{refs[0]} and {len(refs) - 1} more" if len(refs) > 1 else refs[0]


def _record(options: Options) -> Path | None:
    """Where the manifest is to be."""
    if options.manifest is None:
        return None
    if not is_name(os.fspath(options.manifest)):
        raise UsageError("--manifest: the name holds NUL or half a character")
    return Path(os.path.realpath(options.manifest))


def _for_hashes(job: Job, layout: Layout, memory: int) -> int:
    from concatsplit_core.run.hashing.during import held_bytes

    return held_bytes(job, layout, memory)


def _whole_axes(job: Job) -> int:
    from concatsplit_core.run.hashing.leaves import cut_elements

    return cut_elements(job.shape, job.dtype).fixed


def _hashes(job: Job, layout: Layout, plan: Plan, options: Options) -> RunHashes:
    from concatsplit_core.run.hashing.during import RunHashes

    return RunHashes(job, layout, plan, options.memory_bytes, options.workers)


def _manifest(result: Result, path: Path) -> Callable[..., bytes]:
    """What makes a manifest, when all has moved."""
    from concatsplit_core.run.manifest import format_manifest

    return partial(format_manifest, result, path)


def _result(job: Job, layout: Layout, found: Sequence[Place], plan: Plan) -> Result:
    tiling = layout.outputs
    inputs = tuple(
        Blob(
            source.ref,
            source.format,
            source.spec.shape,
            source.spec.dtype,
            segment.interval,
            source.spec.chunks,
            str(source.storage.codec) if source.storage.codec is not None else None,
        )
        for source, segment in zip(job.sources, job.source_tiling.segments, strict=True)
    )
    outputs = tuple(
        Blob(
            place.ref,
            place.format.name,
            segment.spec.shape,
            segment.spec.dtype,
            segment.interval,
            segment.spec.chunks,
            str(storage.codec) if storage.codec is not None else None,
        )
        for place, segment, storage in zip(found, tiling.segments, layout.storages, strict=True)
    )
    return Result(
        operator=job.operator,
        dry_run=False,
        axis=tiling.axis,
        add_axis=job.source_tiling.new_axis or tiling.new_axis,
        stacked=job.source_tiling.new_axis,
        unstacked=tiling.new_axis,
        inputs=inputs,
        outputs=outputs,
        split_info=tuple(job.split_info),
        plan=plan,
        cost=infer_cost([segment.spec for segment in tiling.segments]),
        notes=(
            *_left_behind(job, layout, found),
            *(f"{source.ref}: {note}" for source in job.sources for note in source.storage.notes),
        ),
    )
