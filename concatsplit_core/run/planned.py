"""A planned run, from staging its outputs to publishing them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from concatsplit_core.endpoints.fingerprints import Fingerprints
from concatsplit_core.endpoints.job import Job
from concatsplit_core.endpoints.layout import Outputs, aligned
from concatsplit_core.endpoints.places import Place
from concatsplit_core.formats.sources import Source
from concatsplit_core.planning.plan import Plan
from concatsplit_core.run.events import Finished, Moved, Publishing, Started
from concatsplit_core.run.executor import ThreadExecutor
from concatsplit_core.run.options import Options
from concatsplit_core.run.output_set import OutputSet, StagedDocument
from concatsplit_core.run.result import Result
from concatsplit_core.run.worker import MoveWork, Work

if TYPE_CHECKING:
    from concatsplit_core.run.hashing.run_hashes import RunHashes
    from concatsplit_core.run.recipes import Comparison
    from concatsplit_core.stores.base import Location
    from concatsplit_core.stores.identity import Identity


class PlannedRun:
    """A planned job, from staging its outputs to publishing them.

    Attributes
    ----------
    job : Job
    options : Options
    plan : Plan
    output_set : OutputSet
    """

    def __init__(
        self,
        job: Job,
        options: Options,
        plan: Plan,
        outputs: Sequence[Outputs],
        extras: Sequence[Place],
        documents: Sequence[StagedDocument],
        comparison: Comparison | None = None,
    ) -> None:
        self.job, self.options, self.plan = job, options, plan
        self._comparison = comparison
        planned = zip(outputs, plan.moves, strict=True)
        self.outputs = [aligned(made, move.alignment) for made, move in planned]
        self._hashes = [] if options.manifest is None else self._new_hashes()
        beside = [(place, array) for place, (_, array) in zip(extras, job.extras, strict=True)]
        self.output_set = self.output_sets(
            self.outputs, beside, options.sync, job.structures, documents
        )

    output_sets: ClassVar[type[OutputSet]] = OutputSet
    """What stages the outputs."""

    @property
    def notes(self) -> list[str]:
        """Notes on what could not be written, such as an attribute, though the array was."""
        return self.output_set.notes

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
            self.output_set.claim()
            scratch = self.output_set.scratch
            for source in self.job.sources:
                source.prepare(scratch, self.options.check)
            work = self.work()
            self.emit(Started(self.plan.bytes_written))
            executor = ThreadExecutor(self._hashes)
            executor.run(work, range(len(self.plan)), self.emit_moved, threading.Event())
            self.output_set.finish()
            if record is not None:
                self.output_set.add_record(*record, self._manifest(result, Path(record[0].key)))
            fingerprints.check()
            self.emit(Publishing())
            self.output_set.publish(lambda: self.emit(Finished()))
        except BaseException as error:
            self.output_set.roll_back()
            if isinstance(error, Exception):
                fingerprints.check()  # if an input has changed, that is the cause of the error
            raise

    def work(self) -> Work:
        """Create the outputs, and describe the work for the workers."""
        created = self.output_set.create()
        for target in (target for targets in created for target in targets):
            target.is_durable = self.options.sync
        moves = [
            MoveWork(
                move.sources,
                targets,
                move.source_tiling,
                made.planned,
                [made.places[origin.output].ref for origin in made.origins],
                move.conversions,
            )
            for move, made, targets in zip(self.job.moves, self.outputs, created, strict=True)
        ]
        check = self.options.check
        return Work(self.plan, moves, check or self.plan.compares_checksums, check)

    def _new_hashes(self) -> list[RunHashes]:
        from concatsplit_core.routes.base import Turns
        from concatsplit_core.run.hashing.run_hashes import RunHashes, waiting_memory

        memory, jobs = self.options.memory_bytes, self.options.workers
        waiting, turns = waiting_memory(memory), Turns()
        return [
            RunHashes(move, made, plan, memory, jobs, waiting, turns)
            for move, made, plan in zip(self.job.moves, self.outputs, self.plan.moves, strict=True)
        ]

    def _manifest(self, result: Result, path: Path) -> bytes:
        """The manifest of the run, after all tasks are done."""
        from concatsplit_core.run.manifest import format_manifest

        hashed = [
            (hashes.inputs(), hashes.outputs(partial(self._reopened, made)))
            for hashes, made in zip(self._hashes, self.outputs, strict=True)
        ]
        comparison, staged = self._comparison, self.output_set.staged
        recipe = None if comparison is None else comparison.recipe(result, staged)
        return format_manifest(result, path, hashed, recipe)

    def _reopened(self, made: Outputs, index: int) -> AbstractContextManager[Source]:
        return self.output_set.reopened(made.places[index], made.tiling.segments[index].spec)

    def emit_moved(self, number: int) -> None:
        """Tell the listener that a task is done."""
        if self.options.on_event is not None:
            self.emit(Moved(self.bytes_of(number)))

    def bytes_of(self, number: int) -> int:
        """Array bytes that a task writes."""
        return self.plan.bytes_of(number)

    def emit(self, event: Any) -> None:
        """Tell the listener of an event."""
        if self.options.on_event is not None:
            self.options.on_event(event)
