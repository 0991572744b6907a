"""The steps of a staged run: stage it, do its tasks, commit it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from concatsplit_core.endpoints.fingerprints import Fingerprints
from concatsplit_core.errors import ConcatsplitError, OutputBusy, ResumeMismatch, UsageError
from concatsplit_core.run.events import Finished, Publishing, Started
from concatsplit_core.run.executor import ThreadExecutor
from concatsplit_core.run.output_set import OutputSet
from concatsplit_core.run.planned import PlannedRun
from concatsplit_core.run.result import Result
from concatsplit_core.run.staged.done import DoneRecord, at_work, missing_of, ranges_of, read_done
from concatsplit_core.run.staged.facts import facts_of
from concatsplit_core.run.staged.locks import alone, refuse_if_committing
from concatsplit_core.run.staged.outputs import SharedOutputSet
from concatsplit_core.run.staged.record import RUN_FILE, RunRecord, read_record, refuse_changes
from concatsplit_core.run.staged.step import share_of
from concatsplit_core.stores.keeping import Kept
from concatsplit_core.stores.kept_staging import KeptStaging, refuse_missing

RESUME_FOLDER = "resume"
"""The folder of a run with ``--resume``, in the home of its staging folders."""

_SECONDS, _BYTES = 30.0, 1 << 30
"""What is done is made durable and recorded after so long, or after so many bytes."""
_LISTED = 5


class StagedRun(PlannedRun):
    """A planned run that is done step by step, by one process or by many."""

    output_sets: ClassVar[type[OutputSet]] = SharedOutputSet
    output_set: SharedOutputSet

    def perform(self, fingerprints: Fingerprints, result: Result) -> Result:
        """Do the step that the options ask for."""
        step = self.options.step
        if step is None:
            raise AssertionError("no step was asked for")
        self._facts = facts_of(self.job, self.options, self.plan, fingerprints)
        if step.phase == "published":
            return result
        folder = Path(step.folder)
        try:
            if step.phase == "stage" or (step.phase == "resume" and not step.folder):
                folder = self._stage(folder)
            if step.phase in {"run", "resume"}:
                self._run(folder, fingerprints)
            if step.phase in {"commit", "resume"}:
                self._commit(folder, fingerprints)
        except BaseException as error:
            if step.phase == "resume" and (folder / RUN_FILE).exists():
                _say_how_to_go_on(error, folder)
            raise
        return result

    def _stage(self, folder: Path) -> Path:
        """Create the outputs, and record what is to be done; returns the folder of the run."""
        outputs, step = self.output_set, self.options.step
        self._refuse_sources()
        outputs.refuse_unshareable()
        resumes = step is not None and step.phase == "resume"
        if not resumes:
            _refuse_folder(folder)
        is_made = False
        try:
            outputs.claim()
            outputs.begin("stage", None)
            outputs.create()
            outputs.end_staging()
            staging = outputs.staging
            if resumes:
                folder = staging.home / RESUME_FOLDER
            record = self._record(staging, resumes)
            outputs.make_durable([str(path) for path in staging.folders])
            is_made = not folder.exists()
            folder.mkdir(exist_ok=True)
            record.write(folder)
            staging.keep(Kept(folder, record.nonce, resumes, record.outputs))
        except BaseException:
            outputs.roll_back()
            if is_made:
                import shutil  # which costs a resumed run milliseconds that it has no use for

                shutil.rmtree(folder, ignore_errors=True)
            raise
        staging.release()
        return folder

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
        for source in (*self.job.sources, *self.job.compared):
            if source.place is None and not _is_constant(source):
                raise UsageError(
                    f"input {source.ref}: a run that is staged or resumed reads its inputs from "
                    "files, which other processes can open; write it to a file first",
                    ref=source.ref,
                )

    def _checked(self, folder: Path, record: RunRecord) -> None:
        refuse_changes(folder, record.facts, self._facts)
        refuse_missing([Path(name) for name in record.folders], record.nonce)

    def _run(self, folder: Path, fingerprints: Fingerprints) -> None:
        """Do the tasks of a share that are not done yet."""
        record, outputs = read_record(folder), self.output_set
        self._checked(folder, record)
        share = (1, 1) if self.options.step is None else self.options.step.share
        done = read_done(folder, record.tasks)
        wanted = [number for number in share_of(record.tasks, share) if not done[number]]
        if not wanted:
            return
        own = DoneRecord(folder, record.sync)
        try:
            refuse_if_committing(folder)
            outputs.begin("run", record)
            for source in self.job.sources:
                source.prepare(Path(record.folders[0]), self.options.check)
            work = self.work()
            self.emit(Started(sum(map(self.bytes_of, wanted))))
            keeper = _Keeper(own, lambda: outputs.make_durable(record.folders), record.sync)

            def finished(number: int) -> None:
                self.emit_moved(number)
                keeper.note(number, self.bytes_of(number))

            try:
                ThreadExecutor().run(work, wanted, finished, threading.Event())
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
            record = read_record(folder)
            self._checked(folder, record)
            _refuse_incomplete(folder, record)
            staging = KeptStaging.adopt(
                record.sync,
                [Path(name) for name in record.folders],
                [Path(name) for name in record.made],
                record.outputs,
                record.nonce,
            )
            try:
                outputs.begin("commit", record)
                work = self.work()
                outputs.keep_what_is_packed()
                outputs.assemble(self.plan, work.moves)
                outputs.finish()
                fingerprints.check()
                self.emit(Publishing())
                outputs.publish_from(staging, lambda: self.emit(Finished()))
            except BaseException:
                outputs.abandon()
                staging.release()
                raise
            if folder.exists():
                remove_run(folder)


class _Keeper:
    """Records what is done, every now and then: first the data are durable, then the record."""

    def __init__(self, record: DoneRecord, make_durable: Callable[[], None], sync: bool) -> None:
        self._record, self._make_durable, self._sync = record, make_durable, sync
        self._waiting: list[int] = []
        self._bytes, self._since = 0, time.monotonic()

    def note(self, number: int, nbytes: int) -> None:
        """Note a task that is done."""
        self._waiting.append(number)
        self._bytes += nbytes
        if self._bytes >= _BYTES or time.monotonic() - self._since >= _SECONDS:
            self.flush()

    def flush(self) -> None:
        """Record all tasks that are done."""
        if self._waiting:
            if self._sync:
                self._make_durable()
            self._record.add(self._waiting)
        self._waiting.clear()
        self._bytes, self._since = 0, time.monotonic()


def _is_constant(source: Any) -> bool:
    """Whether a source in memory is one element over and over, such as zeros: it is made again."""
    array = getattr(source, "array", None)
    return array is not None and not any(array.strides)


def _refuse_folder(folder: Path) -> None:
    """Refuse a folder for a run that holds something else."""
    if (folder / RUN_FILE).exists():
        raise UsageError(
            f"--to {folder}: holds a staged run already; give another folder, or give that run up "
            f"with 'concatsplit discard {folder}'"
        )
    for draft in _drafts_in(folder):  # all that a killed stage has left
        draft.unlink()
    if os.path.lexists(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"--to {folder}: is there already, and is no empty folder")
    if not folder.absolute().parent.is_dir():
        raise UsageError(f"--to {folder}: the folder around it is not there")


def _refuse_incomplete(folder: Path, record: RunRecord) -> None:
    """Refuse to commit while tasks are missing, or processes are at work.

    Raises
    ------
    ResumeMismatch
        Tasks are missing.
    OutputBusy
        A process is still at work.
    """
    busy = at_work(folder)
    missing = missing_of(read_done(folder, record.tasks))
    if missing:
        ranges = [f"{a}-{b}" if a != b else f"{a}" for a, b in ranges_of(missing)]
        listed = ", ".join(ranges[:_LISTED]) + (", ..." if len(ranges) > _LISTED else "")
        raise ResumeMismatch(
            f"{folder}: {len(missing)} of {record.tasks} tasks are not done: {listed}; "
            f"'concatsplit run {folder}' does them",
            ref=str(folder),
            found=missing,
        )
    if busy:
        raise OutputBusy(
            f"{folder}: processes are still at work on it: {', '.join(busy[:_LISTED])}; wait for "
            "them, or end them",
            ref=str(folder),
        )


def remove_run(folder: Path) -> None:
    """Remove the folder of a run and what it holds; what else lies there stays."""
    names = ["commit", RUN_FILE]
    for path in folder.glob("done.*"):
        path.unlink(missing_ok=True)
    for path in (*_drafts_in(folder), *(folder / name for name in names)):
        path.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _drafts_in(folder: Path) -> list[Path]:
    return list(folder.glob(f"{RUN_FILE}.*.draft"))


def _say_how_to_go_on(error: BaseException, folder: Path) -> None:
    """Add to an error what becomes of the work that is done."""
    how = (
        "what is done is kept; the same command with --resume goes on, "
        f"'concatsplit discard {folder}' gives it up"
    )
    nothing = "nothing was left behind"
    if isinstance(error, ConcatsplitError) and nothing in error.message:
        error.message = error.message.replace(nothing, "what is done is kept")
    error.add_note(how)
