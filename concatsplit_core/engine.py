"""Open, plan, stage, run, commit: the one way in which every operator moves its bytes."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from concatsplit_core import outputs as places
from concatsplit_core.errors import ConcatsplitError
from concatsplit_core.events import Finished, Moved, Publishing, Started
from concatsplit_core.executors.threads import run_tasks
from concatsplit_core.files import Pool, open_input, output_error, write_all
from concatsplit_core.formats.base import Source, Storage, Target, Wish, Writer
from concatsplit_core.geometry import Box, Shape
from concatsplit_core.inference import infer_cost
from concatsplit_core.inheritance import inherit
from concatsplit_core.inputs import Fingerprints, opened
from concatsplit_core.interrupts import deferred_signals
from concatsplit_core.manifest import format_manifest
from concatsplit_core.options import Options
from concatsplit_core.outputs import Place
from concatsplit_core.plan import Plan, Task
from concatsplit_core.planner import make_plan
from concatsplit_core.result import Blob, Result
from concatsplit_core.routes import decoded, mapped
from concatsplit_core.routes.base import Context, RunTask
from concatsplit_core.spec import ArraySpec, Segment, Tiling
from concatsplit_core.staging import Staging

_ROUTES: dict[str, RunTask] = {"mapped": mapped.run, "decoded": decoded.run}


@dataclass(frozen=True, slots=True)
class Job:
    """One logical array between two tilings, and what to call it.

    Parameters
    ----------
    operator : str
    shape : tuple of int
        Of the logical array.
    dtype : numpy.dtype
        Of the outputs.
    sources : sequence of Source
    source_tiling : Tiling
    outputs : sequence of str
        References, one a target.
    target_tiling : Tiling
        Its specs have a shape and a dtype; their layout is found here.
    split_info : sequence of int
    extras : sequence of (str, numpy.ndarray)
        Small arrays that are written beside the outputs, and appear with them.
    also_read : sequence of str
        References that were read beside the sources; no output may be one of them.
    """

    operator: str
    shape: Shape
    dtype: np.dtype
    sources: Sequence[Source]
    source_tiling: Tiling
    outputs: Sequence[str]
    target_tiling: Tiling
    split_info: Sequence[int]
    extras: Sequence[tuple[str, np.ndarray]] = ()
    also_read: Sequence[str | os.PathLike[str]] = ()


def execute(job: Job, options: Options) -> Result:
    """Plan a job and, unless it is a dry run, do it.

    Raises
    ------
    ConcatsplitError
        Any of its leaves; then no output was created or changed.
    """
    started = time.perf_counter()
    fingerprints = Fingerprints(job.sources)
    found = [places.find_place(ref) for ref in job.outputs]
    beside = [places.find_place(ref) for ref, _ in job.extras]
    places.refuse_collisions([*found, *beside])
    with opened(job.also_read) as others:
        places.refuse_inputs([*found, *beside], [*job.sources, *others])
    places.refuse_existing([*found, *beside], options.force)
    tiling, storages = _lay_out(job, found, options)
    places.refuse_oversized(found, [segment.spec for segment in tiling.segments])
    plan = make_plan(
        job.shape, job.source_tiling, tiling, memory=options.memory_bytes, jobs=options.workers
    )
    result = _result(job, tiling, storages, found, plan)
    record = None if options.manifest is None else Path(os.path.realpath(options.manifest))
    if record is not None:
        places.refuse_record(record, [*found, *beside], options.force)
    if options.dry_run:
        return replace(result, dry_run=True)
    run = _Run(job, options, plan, tiling, storages, found, beside)
    run.commit(fingerprints, None if record is None else (record, format_manifest(result, record)))
    return replace(result, seconds=time.perf_counter() - started)


def _lay_out(job: Job, found: Sequence[Place], options: Options) -> tuple[Tiling, list[Storage]]:
    """Give every target its layout: as wished, else as the inputs, else what is sane."""
    storage, like, hint = inherit(job.sources, job.source_tiling, job.target_tiling, job.dtype)
    wish = replace(options.wish, hint=hint)
    segments, storages = [], []
    for segment, place in zip(job.target_tiling.segments, found, strict=True):
        narrowed = place.format.adapt(wish, place.base)
        spec, kept = place.format.layout(segment.spec, storage, narrowed, like)
        segments.append(Segment(segment.interval, spec))
        storages.append(kept)
    return replace(job.target_tiling, segments=tuple(segments)), storages


def _result(
    job: Job, tiling: Tiling, storages: Sequence[Storage], found: Sequence[Place], plan: Plan
) -> Result:
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
        for place, segment, storage in zip(found, tiling.segments, storages, strict=True)
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
    )


class _Run:
    """The outputs of one run, from their staging to their names."""

    def __init__(
        self,
        job: Job,
        options: Options,
        plan: Plan,
        tiling: Tiling,
        storages: Sequence[Storage],
        found: Sequence[Place],
        beside: Sequence[Place],
    ) -> None:
        self._beside = beside
        self._job, self._options, self._plan = job, options, plan
        self._tiling, self._storages, self._places = tiling, storages, found
        self._staging = Staging(options.sync)
        self._writers: dict[Path, Writer] = {}

    def commit(self, fingerprints: Fingerprints, record: tuple[Path, bytes] | None) -> None:
        """Build all outputs, then let them appear together; on any error none of them.

        Parameters
        ----------
        fingerprints : Fingerprints
        record : tuple of (Path, bytes), optional
            The manifest, which appears last.
        """
        try:
            targets = self._stage()
            self._tell(Started(self._plan.bytes_written))
            self._move(targets)
            self._attempt(self._finish)
            if record is not None:
                self._attempt(self._stage_record, *record)
            fingerprints.check()
            self._tell(Publishing())
            self._attempt(self._staging.publish)
            self._attempt(self._settle)
        except BaseException as error:
            with deferred_signals(forget=True):
                for writer in self._writers.values():
                    with suppress(Exception):
                        writer.abort()
                self._staging.rollback()
            if isinstance(error, Exception):
                fingerprints.check()  # a file that changed explains whatever else went wrong
            raise
        self._tell(Finished())

    def _stage(self) -> list[Target]:
        """Create every output, empty, in its staging place."""
        staged: dict[Path, Path] = {}
        for place in (*self._places, *self._beside):
            if place.final not in staged and not place.is_stream:
                replaces = self._options.force or place.base is not None
                staged[place.final] = self._staging.claim(
                    place.final, replace=replaces, beside=place.staged_beside
                )
        self._staging.refuse_rivals()
        scratch = next((path.parent for path in staged.values()), Path(tempfile.gettempdir()))
        for source in self._job.sources:
            source.prepare(scratch)
        targets = [
            self._attempt(
                self._add, place, staged.get(place.final, place.final), segment.spec, storage
            )
            for place, segment, storage in zip(
                self._places, self._tiling.segments, self._storages, strict=True
            )
        ]
        for place, (_, array) in zip(self._beside, self._job.extras, strict=True):
            self._attempt(self._write_small, place, staged.get(place.final, place.final), array)
        return targets

    def _write_small(self, place: Place, path: Path, array: np.ndarray) -> None:
        """Write an array that is in memory as a whole."""
        form = place.format
        wish = form.adapt(Wish(), place.base)
        plain = ArraySpec(array.shape, array.dtype)
        spec, storage = form.layout(plain, Storage(), wish, plain)
        target = self._add(place, path, spec, storage)
        if target.extent is None:
            target.store(target.encode(Box.whole(array.shape), array))
        elif array.nbytes:
            fd = _open_staged(target.extent.path)
            try:
                write_all(fd, array.tobytes(), target.extent.offset)
            finally:
                os.close(fd)

    def _add(self, place: Place, path: Path, spec: ArraySpec, storage: Storage) -> Target:
        if path not in self._writers:
            base = place.base if place.base == place.final else None
            self._writers[path] = place.format.writer(path, base)
        return self._writers[path].add(place.inner, spec, storage)

    def _stage_record(self, path: Path, data: bytes) -> None:
        staged = self._staging.claim(path, replace=self._options.force)
        self._staging.refuse_rivals()
        staged.write_bytes(data)

    def _move(self, targets: list[Target]) -> None:
        context = Context(
            sources=self._job.sources,
            targets=targets,
            source_tiling=self._job.source_tiling,
            target_tiling=self._tiling,
            output_refs=[place.ref for place in self._places],
            window=self._plan.window,
            reading=Pool(open_input, os.close),
            writing=Pool(_open_staged, os.close),
        )
        try:
            run_tasks(
                self._plan.tasks(),
                lambda task: _ROUTES[task.route](task, context),
                jobs=self._plan.workers,
                done=self._count,
                cancel=context.turns.cancel,
            )
        finally:
            context.reading.close()
            context.writing.close()

    def _count(self, task: Task) -> None:
        size = sum(prod(write.box.shape) for write in task.writes)
        self._tell(Moved(size * self._job.dtype.itemsize))

    def _finish(self) -> None:
        for writer in self._writers.values():
            writer.finish()

    def _settle(self) -> None:
        added = (*self._places, *self._beside)
        for base, form in {p.base: p.format for p in added if p.base is not None}.items():
            form.settle(base)

    def _attempt[**P, T](self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do a step that writes; what the system says against it names an output."""
        try:
            return step(*args, **kwargs)
        except OSError as error:
            if isinstance(error, ConcatsplitError | BrokenPipeError):
                raise
            raise output_error(self._places[0].ref, error) from error

    def _tell(self, event: Any) -> None:
        if self._options.on_event is not None:
            self._options.on_event(event)


def _open_staged(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CLOEXEC)
