"""The engine: plan, stage, run and publish a job; every operator moves its bytes this way."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from concatsplit_core.endpoints import refusals
from concatsplit_core.endpoints.fingerprints import Fingerprints
from concatsplit_core.endpoints.hollow import refuse_hollow
from concatsplit_core.endpoints.inputs import opened
from concatsplit_core.endpoints.job import Job
from concatsplit_core.endpoints.layout import Outputs, aligned, lay_out
from concatsplit_core.endpoints.places import Looked, Place, find_place, folders_of
from concatsplit_core.endpoints.records import refuse_record
from concatsplit_core.endpoints.references import is_name
from concatsplit_core.errors import UsageError
from concatsplit_core.formats.sources import Source
from concatsplit_core.planning.move import MoveSpec
from concatsplit_core.planning.plan import Plan
from concatsplit_core.planning.planner import make_plan
from concatsplit_core.run.events import Finished, Moved, Publishing, Started
from concatsplit_core.run.executor import ThreadExecutor
from concatsplit_core.run.options import Options
from concatsplit_core.run.output_set import OutputSet, StagedDocument, publish_document
from concatsplit_core.run.reporting import report, what_check_does
from concatsplit_core.run.result import Result
from concatsplit_core.run.worker import MoveWork, Work
from concatsplit_core.stores.local import local

if TYPE_CHECKING:
    from concatsplit_core.run.hashing.run_hashes import RunHashes
    from concatsplit_core.run.recipes import Comparison
    from concatsplit_core.stores.base import Location, Store
    from concatsplit_core.stores.identity import Identity


def execute(job: Job, options: Options) -> Result:
    """Plan a job and, unless it is a dry run, do it.

    Raises
    ------
    ConcatsplitError
        Any error; no output was created or changed.
    """
    started = time.perf_counter()
    record = _record_place(options)
    folders = folders_of([*job.outputs, *(ref for ref, _ in job.extras)])
    recover_in([*folders, *([] if record is None else [record.parent])], options)
    fingerprints = Fingerprints([*job.sources, *job.compared], options.follow_links)
    comparison = _comparison(job, options, record)
    outputs, extras = _checked_outputs(job, options, comparison)
    plan = _plan_moves(job, outputs, options)
    result = report(job, outputs, plan)
    result = result._replace(notes=(*result.notes, *_looks_odd(job)))
    replaced = None
    places = [*(p for made in outputs for p in made.places), *extras]
    documents: list[StagedDocument] = []
    if job.documents or options.depfile is not None:
        from concatsplit_core.run.documents import documents_to_stage

        owned = set() if comparison is None else comparison.owned
        documents = documents_to_stage(job, places, record, options, owned)
    if record is not None:
        read = [*job.sources, *job.compared]
        is_ours = comparison is not None and comparison.recorded is not None
        replaced = refuse_record(record, places, read, options.force or is_ours)
    if comparison is not None:
        result = result._replace(is_unchanged=comparison.fits(result))
        note = f"nothing has changed since the run that {options.manifest} records"
        news = [note] if result.is_unchanged else comparison.left_over()
        result = result._replace(notes=(*result.notes, *news))
    if result.is_unchanged and not options.dry_run:
        for document in documents[len(job.documents) :]:
            publish_document(document, options.sync)
        return result._replace(seconds=time.perf_counter() - started)
    if options.dry_run:
        looks = what_check_does(job, plan) if options.check else []
        looks += [f"{document.ref} will list what the outputs hold" for document in job.documents]
        if options.picture is not None:
            _draw(job, plan, places, options)
        return result._replace(dry_run=True, notes=(*result.notes, *looks))
    checked = () if job.check is None else job.check()
    run = _Run(job, options, plan, outputs, extras, documents, comparison)
    run.commit(fingerprints, result, None if record is None else (record, replaced))
    notes = (*checked, *result.notes, *run.notes)
    return result._replace(seconds=time.perf_counter() - started, notes=notes)


def _draw(job: Job, plan: Plan, places: Sequence[Place], options: Options) -> None:
    """Draw the plan of a dry run."""
    from concatsplit_core.pictures.plan_picture import picture_of_plan
    from concatsplit_core.run.picture_files import write_picture

    labels = [f"{m.name}, copied as it is" if m.is_carried else m.name for m in job.moves]
    picture = picture_of_plan(plan, job.operator, labels)
    read = [*job.sources, *job.compared]
    name, force, sync = options.picture or "", options.force, options.sync
    write_picture(name, picture, places=places, sources=read, force=force, sync=sync)


def _looks_odd(job: Job) -> list[str]:
    """Notes on names that may not mean what they say; most jobs need not load what looks closer."""
    outputs = [ref for ref in job.outputs if isinstance(ref, str) and "{" in ref]
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
    owned = set() if comparison is None else comparison.look_at(places)
    for force, some in ((options.force, False), (True, True)):
        refusals.refuse_existing([p for p in places if (p.final in owned) is some], force)
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
    return make_plan(
        moves,
        memory=memory,
        jobs=options.workers,
        routes=options.allowed_routes,
        check=options.check,
        thresholds=options.thresholds,
    )


class _Run:
    """A planned job, from staging its outputs to publishing them."""

    def __init__(
        self,
        job: Job,
        options: Options,
        plan: Plan,
        outputs: Sequence[Outputs],
        extras: Sequence[Place],
        documents: Sequence[StagedDocument],
        comparison: Comparison | None,
    ) -> None:
        self._job, self._options, self._plan = job, options, plan
        self._comparison = comparison
        planned = zip(outputs, plan.moves, strict=True)
        self._outputs = [aligned(made, move.alignment) for made, move in planned]
        self._hashes = [] if options.manifest is None else self._new_hashes()
        beside = [(place, array) for place, (_, array) in zip(extras, job.extras, strict=True)]
        self._output_set = OutputSet(self._outputs, beside, options.sync, job.structures, documents)

    @property
    def notes(self) -> list[str]:
        """Notes on what could not be written, such as an attribute, though the array was."""
        return self._output_set.notes

    def commit(
        self,
        fingerprints: Fingerprints,
        result: Result,
        record: tuple[Location, Identity | None] | None,
    ) -> None:
        """Build all outputs and publish them together; on any error publish none.

        Parameters
        ----------
        fingerprints : Fingerprints
            The inputs' fingerprints: the run fails if an input changes.
        result : Result
        record : tuple, optional
            The place of the manifest, which is published last, and the file that it replaces.
        """
        try:
            self._output_set.claim()
            for source in self._job.sources:
                source.prepare(self._output_set.scratch, self._options.check)
            work = self._work()
            self._emit(Started(self._plan.bytes_written))
            executor = ThreadExecutor(self._hashes)
            executor.run(work, range(len(self._plan)), self._emit_moved, threading.Event())
            self._output_set.finish()
            if record is not None:
                self._output_set.add_record(*record, self._manifest(result, Path(record[0].key)))
            fingerprints.check()
            self._emit(Publishing())
            self._output_set.publish(lambda: self._emit(Finished()))
        except BaseException as error:
            self._output_set.roll_back()
            if isinstance(error, Exception):
                fingerprints.check()  # if an input has changed, that is the cause of the error
            raise

    def _work(self) -> Work:
        """Create the outputs, and describe the work for the workers."""
        created = self._output_set.create()
        moves = [
            MoveWork(
                move.sources,
                targets,
                move.source_tiling,
                made.planned,
                [made.places[origin.output].ref for origin in made.origins],
                move.conversions,
            )
            for move, made, targets in zip(self._job.moves, self._outputs, created, strict=True)
        ]
        check = self._options.check
        return Work(self._plan, moves, check or self._plan.compares_checksums, check)

    def _new_hashes(self) -> list[RunHashes]:
        from concatsplit_core.routes.base import Turns
        from concatsplit_core.run.hashing.run_hashes import RunHashes, waiting_memory

        memory, jobs = self._options.memory_bytes, self._options.workers
        waiting, turns = waiting_memory(memory), Turns()
        return [
            RunHashes(move, made, plan, memory, jobs, waiting, turns)
            for move, made, plan in zip(
                self._job.moves, self._outputs, self._plan.moves, strict=True
            )
        ]

    def _manifest(self, result: Result, path: Path) -> bytes:
        """The manifest of the run, after all tasks are done."""
        from concatsplit_core.run.manifest import format_manifest

        hashed = [
            (hashes.inputs(), hashes.outputs(partial(self._reopened, made)))
            for hashes, made in zip(self._hashes, self._outputs, strict=True)
        ]
        comparison, staged = self._comparison, self._output_set.staged
        recipe = None if comparison is None else comparison.recipe(result, staged)
        return format_manifest(result, path, hashed, recipe)

    def _reopened(self, made: Outputs, index: int) -> AbstractContextManager[Source]:
        return self._output_set.reopened(made.places[index], made.tiling.segments[index].spec)

    def _emit_moved(self, number: int) -> None:
        task = self._plan.task(number)
        size = sum(prod(write.box.shape) for write in task.writes)
        self._emit(Moved(size * self._job.moves[task.move].dtype.itemsize))

    def _emit(self, event: Any) -> None:
        if self._options.on_event is not None:
            self._options.on_event(event)


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
        raise UsageError("--manifest: the name contains a NUL byte or a half surrogate pair")
    return local(options.manifest).resolved
