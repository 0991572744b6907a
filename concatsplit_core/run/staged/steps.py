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
    ConcatsplitError,
    InputUnavailable,
    OutputBusy,
    ResumeMismatch,
    UsageError,
)
from concatsplit_core.run.events import Finished, Moved, Publishing, Started
from concatsplit_core.run.executor import Executor, ThreadExecutor
from concatsplit_core.run.output_set import OutputSet
from concatsplit_core.run.planned import PlannedRun
from concatsplit_core.run.result import Result
from concatsplit_core.run.staged.done import DoneRecord, read_done
from concatsplit_core.run.staged.facts import decided_by, facts_of
from concatsplit_core.run.staged.folder import (
    make_run,
    refuse_full,
    refuse_incomplete,
    refuse_written,
    remove_run,
)
from concatsplit_core.run.staged.keeper import Keeper
from concatsplit_core.run.staged.locks import alone, refuse_if_committing
from concatsplit_core.run.staged.outputs import SharedOutputSet
from concatsplit_core.run.staged.record import RunRecord, read_record, refuse_changes
from concatsplit_core.run.staged.step import share_of
from concatsplit_core.run.worker import Work
from concatsplit_core.stores.keeping import Kept
from concatsplit_core.stores.kept_staging import KeptStaging, refuse_missing

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
        if step is None:
            raise AssertionError("no step was asked for")
        self._facts = facts_of(self.job, self.options, self.plan, fingerprints)
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
                self._run(folder, fingerprints)
            if step.phase in {"commit", "resume"}:
                self._commit(folder, fingerprints)
        except BaseException as error:
            _say_how_to_go_on(error, step.phase, folder)
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
            if record.sync:
                outputs.make_durable(record.folders)
            is_made = make_run(folder)
            digest = record.write(folder)
            decided = decided_by(self.job, self.options, fingerprints) if resumes else ""
            staging.keep(Kept(folder, record.nonce, resumes, record.outputs, digest, decided))
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

    def _do_at_once(self, fingerprints: Fingerprints) -> None:
        """Have a cluster do all tasks; an error leaves nothing behind."""
        from concatsplit_core.run.cluster import ClusterExecutor

        outputs = self.output_set
        self._refuse_sources()
        try:
            with ClusterExecutor(self.options.executor, self.plan) as executor:
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
    def _executor(self, record: RunRecord) -> Iterator[Executor]:
        """Who does the tasks; inside the context it is there."""
        if self.options.is_on_threads:
            yield ThreadExecutor()
            return
        from concatsplit_core.run.cluster import ClusterExecutor

        with ClusterExecutor(self.options.executor, self.plan) as executor:
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

    def _run(self, folder: Path, fingerprints: Fingerprints) -> None:
        """Do the tasks of a share that are not done yet."""
        record, outputs = self._record_in(folder), self.output_set
        share = (1, 1) if self.options.step is None else self.options.step.share
        done = read_done(folder, record.nonce, record.tasks)
        wanted = [number for number in share_of(record.tasks, share) if not done[number]]
        if not wanted:
            return
        own = DoneRecord(folder, record.nonce, record.sync)
        try:
            refuse_if_committing(folder)
            work = self._work_for_tasks(record)
            self.emit(Started(self.plan.bytes_written * len(wanted) // record.tasks))
            keeper = Keeper(own, lambda: outputs.make_durable(record.folders), record.sync)

            def finished(number: int) -> None:
                nbytes = self.bytes_of(number)
                self.emit(Moved(nbytes))
                keeper.note(number, nbytes)

            try:
                with self._executor(record) as executor:
                    executor.run(work, wanted, finished, threading.Event())
            except Exception:
                fingerprints.check()  # if an input has changed, that is the cause of the error
                raise
            finally:
                keeper.flush()
            fingerprints.check()
        finally:
            own.close()
            outputs.abandon()

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


def _say_how_to_go_on(error: BaseException, phase: str, folder: Path) -> None:
    """Add to an error what becomes of the work that is done."""
    if isinstance(error, ResumeMismatch | OutputBusy | InputUnavailable):
        return  # its message says what to do
    nothing, kept = "nothing was left behind", "what is done is kept"
    if isinstance(error, ConcatsplitError) and nothing in error.message:
        error.message = error.message.replace(nothing, kept)
        kept = ""
    how = (
        "the same command with --resume goes on"
        if phase == "resume"
        else f"'concatsplit {phase} {folder}' goes on"
    )
    how += f", 'concatsplit discard {folder}' gives it up"
    error.add_note("; ".join(filter(None, (kept, how))))
