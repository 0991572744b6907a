"""The steps of a staged run: stage it, do its tasks, commit it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from concatsplit_core.endpoints.fingerprints import Fingerprints
from concatsplit_core.endpoints.places import STREAM
from concatsplit_core.foundation.errors import (
    UsageError,
)
from concatsplit_core.run.events import Finished, Publishing, Started
from concatsplit_core.run.executor import Executor, ThreadExecutor, other_processes
from concatsplit_core.run.output_set import OutputSet
from concatsplit_core.run.planned import PlannedRun
from concatsplit_core.run.result import Result
from concatsplit_core.run.staged.doing import do_tasks, say_how_to_go_on
from concatsplit_core.run.staged.facts import decided_by, run_facts
from concatsplit_core.run.staged.folder import (
    make_run,
    refuse_full,
    refuse_incomplete,
    refuse_written,
    remove_run,
)
from concatsplit_core.run.staged.locks import alone
from concatsplit_core.run.staged.outputs import SharedOutputSet
from concatsplit_core.run.staged.record import RunRecord, read_record, refuse_changes
from concatsplit_core.run.worker import Work
from concatsplit_core.stores.keeping import KeptRun, refuse_missing
from concatsplit_core.stores.kept_staging import KeptStaging

if TYPE_CHECKING:
    from concatsplit_core.stores.base import Location
    from concatsplit_core.stores.identity import Identity

RESUME_FOLDER = "resume"
"""The folder of a run with ``--resume``, in the home of its staging folders."""

_WAS_COMPLETE = "the outputs were complete when the last run was killed: nothing was left to do"


class StagedRun(PlannedRun):
    """A planned run that is done step by step, by one process or by many."""

    output_sets: ClassVar[type[OutputSet]] = SharedOutputSet
    output_set: SharedOutputSet
    _own: RunRecord | None = None
    """The record of the run, if this process has staged it."""

    def perform(
        self,
        fingerprints: Fingerprints,
        result: Result,
        manifest: tuple[Location, Identity | None] | None = None,
    ) -> Result:
        """Do the step that the options ask for.

        Parameters
        ----------
        fingerprints : Fingerprints
            Of the inputs.
        result : Result
            As of a dry run.
        manifest : tuple, optional
            The place of the manifest, and the file that it replaces.
        """
        step = self.options.step
        self._planned, self._record_place = result, manifest
        self._fingerprints = fingerprints
        if step is None:
            raise AssertionError("no step was asked for")
        self._facts = run_facts(self.job, self.options, self.plan, fingerprints)
        if step.phase == "published":
            return result._replace(notes=(*result.notes, _WAS_COMPLETE))
        if step.phase == "once":
            notes = () if self.job.check is None else tuple(self.job.check())
            self._do_at_once(fingerprints)
            return result._replace(notes=(*result.notes, *notes))
        folder, notes = Path(step.folder), result.notes
        is_new = step.phase == "stage" or (step.phase == "resume" and not step.folder)
        if is_new:
            notes += () if self.job.check is None else tuple(self.job.check())
            folder = self._stage(folder, fingerprints)
        try:
            if step.phase in {"run", "resume"}:
                record = self._record_in(folder)
                do_tasks(folder, record, step.share, self)
            if step.phase in {"commit", "resume"}:
                self._commit(folder, fingerprints)
        except BaseException as error:
            say_how_to_go_on(error, step.phase, folder)
            raise
        return result._replace(notes=notes)

    def _stage(self, folder: Path, fingerprints: Fingerprints) -> Path:
        """Create the outputs, and record what is to be done; returns the folder of the run."""
        outputs, step = self.output_set, self.options.step
        resumes = step is not None and step.phase == "resume"
        if not resumes:
            refuse_full(folder)
            refuse_written(folder, outputs.finals, self._record_place)
        is_made = False
        try:
            staging = self._create()
            if resumes:
                folder = staging.home / RESUME_FOLDER
            record = self._record(staging, resumes)
            is_made = make_run(folder)
            digest = record.write(folder)
            tasks = [] if resumes else self._write_tasks(staging, record, digest)
            if record.sync:
                outputs.make_durable(record.folders)
            decided = decided_by(self.job, self.options, fingerprints) if resumes else ""
            kept = KeptRun(folder, record.nonce, resumes, record.outputs, digest, decided, tasks)
            staging.keep(kept)
        except BaseException:
            outputs.roll_back()
            if is_made:
                import shutil  # which costs a resumed run milliseconds that it has no use for

                shutil.rmtree(folder, ignore_errors=True)
            raise
        staging.release()
        self._own = record
        return folder

    def _create(self) -> KeptStaging:
        """Create the outputs where they are staged."""
        outputs = self.output_set
        self._refuse_sources()
        outputs.refuse_unshareable()
        outputs.claim()
        if self._record_place is not None:
            outputs.claim_record(*self._record_place)
        outputs.begin("stage", None)
        outputs.create()
        outputs.end_staging()
        return outputs.staging

    def _write_tasks(self, staging: KeptStaging, record: RunRecord, digest: str) -> list[int]:
        """Write what other processes need to do tasks; returns by what the file is recognised."""
        from concatsplit_core.endpoints.touched import InputLooks
        from concatsplit_core.run.staged.task_file import SharedWork, write_tasks

        self.output_set.begin("run", record)
        looks = InputLooks.of(self.job.sources, self._fingerprints)
        shared = SharedWork(self.work(), looks, self.options.check, digest)
        self.output_set.abandon()
        return write_tasks(staging.home, shared, record.sync)

    def _do_at_once(self, fingerprints: Fingerprints) -> None:
        """Have a cluster do all tasks; an error leaves nothing behind."""
        outputs = self.output_set
        self._refuse_sources()
        try:
            with other_processes(self.options.executor, self.plan) as executor:
                staging = self._create()
                record = self._record(staging, resumes=False)
                work = self._work_for_tasks(record)
                self.emit(Started(self.plan.bytes_written))
                tasks = range(record.tasks)
                executor.shared = staging.home
                executor.run(work, tasks, self.emit_moved, threading.Event())
            self._complete(staging, record, fingerprints)
        except BaseException as error:
            outputs.roll_back()
            if isinstance(error, Exception):
                fingerprints.check()  # if an input has changed, that is the cause of the error
            raise

    def _work_for_tasks(self, record: RunRecord) -> Work:
        """Open what has been staged, to write to it."""
        self.output_set.begin("run", record)
        for source in self.job.sources:
            source.prepare(Path(record.folders[0]), self.options.check)
        return self.work()

    def _complete(
        self, staging: KeptStaging, record: RunRecord, fingerprints: Fingerprints
    ) -> None:
        """Complete the outputs, whose tasks are done, and publish them."""
        outputs = self.output_set
        outputs.begin("commit", record)
        work = self.work()
        outputs.keep_what_is_packed()
        outputs.assemble(self.plan, work.moves)
        outputs.finish()
        if self._record_place is not None:
            self._write_manifest(self._record_place[0], record)
        fingerprints.check()
        self.emit(Publishing())
        outputs.publish_from(staging, lambda: self.emit(Finished()))

    def _write_manifest(self, place: Location, record: RunRecord) -> None:
        """Hash all inputs and outputs, which other processes may have moved, and write it."""
        for source in self.job.sources:
            source.prepare(Path(record.folders[0]))
        data = self._manifest(self._planned, Path(place.key))
        self.output_set.write_record(place, record, data)

    def _record(self, staging: KeptStaging, resumes: bool) -> RunRecord:
        options = self.options
        return RunRecord(
            nonce=os.urandom(16).hex(),
            resumes=resumes,
            facts=self._facts,
            tasks=len(self.plan),
            memory=options.memory_bytes,
            jobs=options.workers,
            sync=options.sync,
            request=None if options.step is None else options.step.request,
            cwd=os.getcwd(),
            folders=[str(path) for path in staging.folders],
            made=[str(path) for path in staging.made],
            outputs=staging.outputs(),
            offsets=self.output_set.offsets,
        )

    def _refuse_sources(self) -> None:
        """Refuse inputs that no other process could read."""
        step = self.options.step
        is_at_once = step is not None and step.phase == "once"
        what = "done by a cluster" if is_at_once else "staged or resumed"
        for source in (*self.job.sources, *self.job.compared):
            is_gone = source.place is None and not _is_constant(source)
            if is_gone or source.ref == STREAM:
                raise UsageError(
                    f"input {source.ref}: a run that is {what} reads its inputs from "
                    "files, which other processes can open; write it to a file first",
                    ref=source.ref,
                )

    @contextmanager
    def executor(self, record: RunRecord) -> Iterator[Executor]:
        """Who does the tasks; inside the context it is there."""
        if self.options.is_on_threads:
            yield ThreadExecutor()
            return
        with other_processes(self.options.executor, self.plan) as executor:
            executor.shared = Path(record.folders[0])
            yield executor

    def _record_in(self, folder: Path) -> RunRecord:
        """The record of the run, which plans the same and whose staging folders are there."""
        if self._own is not None:
            return self._own
        record = read_record(folder)
        refuse_changes(folder, record.facts, self._facts)
        refuse_missing([Path(name) for name in record.folders], record.nonce)
        return record

    def compare(self, _record: RunRecord, _numbers: list[int], /) -> None:
        """See `Doing.compare`; `_record_in` has compared all inputs."""

    def begin(self, record: RunRecord) -> Work:
        """See `Doing.begin`."""
        return self._work_for_tasks(record)

    def make_durable(self, record: RunRecord) -> None:
        """See `Doing.make_durable`."""
        self.output_set.make_durable(record.folders)

    def check(self) -> None:
        """See `Doing.check`."""
        self._fingerprints.check()

    def end(self) -> None:
        """See `Doing.end`."""
        self.output_set.abandon()

    def _commit(self, folder: Path, fingerprints: Fingerprints) -> None:
        """Complete the outputs and publish them, if all tasks are done."""
        outputs = self.output_set
        with alone(folder):
            record = self._record_in(folder)
            refuse_incomplete(folder, record)
            staging = KeptStaging.adopt(
                record.sync,
                [Path(name) for name in record.folders],
                [Path(name) for name in record.made],
                record.outputs,
                record.nonce,
                None if self._record_place is None else self._record_place[0].key,
            )
            if record.resumes:
                staging.leave_name(decided_by(self.job, self.options, fingerprints))
            try:
                self._complete(staging, record, fingerprints)
            except BaseException:
                outputs.abandon()
                staging.release()
                raise
            remove_run(folder)


def _is_constant(source: Any) -> bool:
    """Whether a source in memory is one element over and over, such as zeros: it is made again."""
    array = getattr(source, "array", None)
    return array is not None and not any(array.strides)
