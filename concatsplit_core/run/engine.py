"""The engine: plan, stage, run and publish a job; every operator moves its bytes this way."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from math import prod
from typing import TYPE_CHECKING

from concatsplit_core.endpoints import refusals
from concatsplit_core.endpoints.fingerprints import Fingerprints
from concatsplit_core.endpoints.hollow import refuse_hollow
from concatsplit_core.endpoints.inputs import opened
from concatsplit_core.endpoints.job import Job
from concatsplit_core.endpoints.layout import Outputs, lay_out
from concatsplit_core.endpoints.places import Looked, Place, find_place, folders_of
from concatsplit_core.endpoints.records import refuse_record
from concatsplit_core.endpoints.references import MemberOf, is_name
from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.foundation.records import NamedTuple, replace
from concatsplit_core.planning.move import MoveSpec
from concatsplit_core.planning.plan import Plan
from concatsplit_core.planning.planner import make_plan
from concatsplit_core.run.options import Options
from concatsplit_core.run.output_set import StagedDocument, publish_document
from concatsplit_core.run.planned import PlannedRun
from concatsplit_core.run.reporting import report, what_check_does, without_effect
from concatsplit_core.run.result import Result
from concatsplit_core.stores.local import local

if TYPE_CHECKING:
    from concatsplit_core.run.recipes import Comparison
    from concatsplit_core.stores.base import Location, Store
    from concatsplit_core.stores.identity import Identity


class _Decided(NamedTuple):
    """All that is decided of a run before anything is created.

    Parameters
    ----------
    plan : Plan
    outputs : list of Outputs
        Of each move.
    extras : list of Place
        Where the arrays go that are carried along.
    places : list of Place
        Of all outputs, those of `extras` last.
    documents : list of StagedDocument
        What appears beside the outputs.
    result : Result
    manifest : (Location, Identity or None), optional
        Where the manifest goes, and what it may replace.
    """

    plan: Plan
    outputs: list[Outputs]
    extras: list[Place]
    places: list[Place]
    documents: list[StagedDocument]
    result: Result
    manifest: tuple[Location, Identity | None] | None


def execute(job: Job, options: Options) -> Result:
    """Decide what a job does and, unless it is a dry run, do it.

    Raises
    ------
    ConcatsplitError
        Any error; no output was created or changed.
    """
    started = time.perf_counter()
    record = _record_place(options)
    options, fingerprints = _prepared(job, options, record)
    comparison = _comparison(job, options, record)
    decided = _decide(job, options, record, comparison)
    result = decided.result
    if options.dry_run:
        return _shown(job, options, decided)
    if result.is_unchanged:
        for document in decided.documents[len(job.documents) :]:
            publish_document(document, options.sync)
        return result._replace(seconds=time.perf_counter() - started)
    plan, outputs, extras, _, documents, _, manifest = decided
    checked: Sequence[str] = ()
    run: PlannedRun
    if options.step is None:
        checked = () if job.check is None else job.check()
        run = PlannedRun(job, options, plan, outputs, extras, documents, comparison)
        run.commit(fingerprints, result, manifest)
    else:
        from concatsplit_core.run.staged.steps import StagedRun

        run = staged = StagedRun(job, options, plan, outputs, extras, documents, comparison)
        result = staged.perform(fingerprints, result, manifest)
    notes = (*checked, *result.notes, *run.notes)
    return result._replace(seconds=time.perf_counter() - started, notes=notes)


def _prepared(job: Job, options: Options, record: Location | None) -> tuple[Options, Fingerprints]:
    """Recover what killed runs left, and look at the inputs; the options say which steps follow."""
    folders = folders_of([*job.outputs, *(ref for ref, _ in job.extras)])
    beside = [] if options.depfile is None else [local(options.depfile).resolved.parent]
    beside += [] if record is None else [record.parent]
    recover_in([*folders, *beside], options)
    read = [*job.sources, *job.compared]
    fingerprints = Fingerprints(read, options.follow_links, is_checked=not options.dry_run)
    if options.resume and not options.dry_run:
        from concatsplit_core.run.staged.resuming import resumed

        options = resumed(job, options, folders, fingerprints)
    elif not options.is_on_threads and not options.dry_run:
        from concatsplit_core.run.staged.step import RunStep

        options = replace(options, step=RunStep("once"))
    return options, fingerprints


def _decide(
    job: Job, options: Options, record: Location | None, comparison: Comparison | None
) -> _Decided:
    """Where the outputs go, how they are laid out, which task moves what; creates nothing."""
    outputs, extras = _checked_outputs(job, options, comparison)
    plan = _plan_moves(job, outputs, options)
    places = [*(p for made in outputs for p in made.places), *extras]
    read = [*job.sources, *job.compared]
    odd = [*_looks_odd(job), *without_effect(options, places, read)]
    result = report(job, outputs, plan, odd)
    documents = _documents(job, places, record, options, comparison)
    manifest = None
    if record is not None:
        is_ours = comparison is not None and comparison.recorded is not None
        manifest = record, refuse_record(record, places, read, options.force or is_ours)
    if comparison is not None:
        result = comparison.judged(result)
    return _Decided(plan, outputs, extras, places, documents, result, manifest)


def _shown(job: Job, options: Options, decided: _Decided) -> Result:
    """What a dry run returns."""
    result = decided.result
    looks = what_check_does(job, decided.plan) if options.check else []
    looks += [f"{document.ref} will list what the outputs hold" for document in job.documents]
    if options.picture is not None:
        _draw(job, result, decided.places, options)
    return result._replace(dry_run=True, notes=(*result.notes, *looks))


def _draw(job: Job, result: Result, places: Sequence[Place], options: Options) -> None:
    """Draw the plan of a dry run."""
    from concatsplit_core.run.picture_files import write_picture

    read = [*job.sources, *job.compared]
    name, force, sync = options.picture or "", options.force, options.sync
    write_picture(name, result.picture(), places=places, sources=read, force=force, sync=sync)


def _looks_odd(job: Job) -> list[str]:
    """Notes on names that may not mean what they say; most jobs need not load what looks closer."""
    names = {ref.container if isinstance(ref, MemberOf) else ref for ref in job.outputs}
    names.update(ref for ref, _ in job.extras)
    outputs = sorted(name for name in names if "{" in name or "*" in name or "?" in name)
    inputs = [source.ref for source in job.moves[0].sources]
    is_plain = len(inputs) < 2 or (
        len(inputs[0]) == len(inputs[-1]) == max(map(len, inputs)) and inputs == sorted(inputs)
    )
    if is_plain and not outputs:
        return []
    from concatsplit_core.endpoints.oddities import notes_on_order, notes_on_outputs

    return [*notes_on_outputs(outputs), *([] if is_plain else notes_on_order(inputs))]


def _comparison(job: Job, options: Options, record: Location | None) -> Comparison | None:
    """What compares the run with the one that its manifest records, if that was asked for."""
    if record is None or not options.if_changed:
        return None
    from concatsplit_core.run.recipes import Comparison

    return Comparison(job, options, record)


def _documents(
    job: Job,
    places: Sequence[Place],
    record: Location | None,
    options: Options,
    comparison: Comparison | None,
) -> list[StagedDocument]:
    """What appears beside the outputs, which is mostly nothing, and last the dependency file."""
    if not job.documents and options.depfile is None:
        return []
    from concatsplit_core.run.documents import documents_to_stage

    owned = set() if comparison is None else comparison.owned
    return documents_to_stage(job, places, record, options, owned)


def _checked_outputs(
    job: Job, options: Options, comparison: Comparison | None
) -> tuple[list[Outputs], list[Place]]:
    """The places and layouts of all outputs; raises if an output must not be written there."""
    wish, _ = options.wish, options.memory_bytes  # a wrong option is named before all else
    known = Looked()
    found = [[find_place(ref, options.follow_links, known) for ref in m.outputs] for m in job.moves]
    extras = [find_place(ref, options.follow_links, known) for ref, _ in job.extras]
    places = [*(place for one in found for place in one), *extras]
    refusals.refuse_collisions(places)
    refusals.refuse_several_stores(places, job.sources, options.manifest is not None)
    with opened(job.also_read) as others:
        refusals.refuse_inputs(places, [*job.sources, *job.compared, *others])
    if comparison is None:
        refusals.refuse_existing(places, options.force)
    else:
        comparison.refuse_existing(places)
    refuse_hollow(job.sources)
    outputs = [lay_out(move, ours, wish) for move, ours in zip(job.moves, found, strict=True)]
    refusals.refuse_oversized(
        [place for made in outputs for place in made.places],
        [segment.spec for made in outputs for segment in made.tiling.segments],
    )
    return outputs, extras


def _plan_moves(job: Job, outputs: Sequence[Outputs], options: Options) -> Plan:
    """The plan of all moves, within one budget."""
    memory, moves = options.memory_bytes, []
    pairs = list(zip(job.moves, outputs, strict=True))
    if options.manifest is not None:
        from concatsplit_core.run.hashing.run_hashes import held_bytes

        memory -= held_bytes(pairs, memory)
    for move, made in pairs:
        whole_axes = 0
        if options.manifest is not None:
            from concatsplit_core.run.hashing.leaves import cut_elements

            whole_axes = cut_elements(move.shape, move.dtype).fixed
        names = [source.ref for source in move.sources]
        to = [made.places[origin.output].ref for origin in made.origins]
        moves.append(MoveSpec(move.shape, move.source_tiling, made.planned, names, to, whole_axes))
    may_be_alone = options.jobs is None and options.manifest is None
    return make_plan(
        moves,
        memory=memory,
        jobs=options.workers,
        routes=options.allowed_routes,
        check=options.check,
        may_be_alone=may_be_alone,
        in_memory=may_be_alone and _are_in_memory(job, outputs, options),
        thresholds=options.thresholds,
    )


def _are_in_memory(job: Job, outputs: Sequence[Outputs], options: Options) -> bool:
    """Whether all outputs become files in memory; nobody looks where it does not matter."""
    nbytes = sum(prod(move.shape) * move.dtype.itemsize for move in job.moves)
    places = [place for made in outputs for place in made.places]
    if nbytes < max(2, len(places)) * options.thresholds.for_two_copies:
        return False
    from concatsplit_core.stores.memory_files import folder_is_in_memory

    folders = {place.final.parent for place in places}
    return all(f.store.has_paths and folder_is_in_memory(f.key) for f in folders)


def recover_in(folders: Iterable[Location], options: Options) -> bool:
    """Complete or undo what killed runs left in folders, and emit a note for each.

    A dry run changes nothing.

    Returns
    -------
    bool
        Whether there was anything to recover.
    """
    if options.dry_run:
        return False
    is_recovered = False
    by_store: dict[Store, list[str]] = {}
    for folder in folders:
        by_store.setdefault(folder.store, []).append(folder.key)
    for store, keys in by_store.items():
        if options.resume:
            from concatsplit_core.run.staged.step import look_before_recovery

            look_before_recovery(options.on_event, keys)
        for recovered in store.recover(keys):
            is_recovered = True
            if options.on_event is not None:
                options.on_event(recovered)
    return is_recovered


def _record_place(options: Options) -> Location | None:
    """Where the manifest goes, which is always on the local disk."""
    if options.manifest is None:
        return None
    if not is_name(os.fspath(options.manifest)):
        raise UsageError("--manifest: no file can have its name: it holds NUL or half a character")
    return local(options.manifest).resolved
