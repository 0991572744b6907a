"""A planned job, from the staging of its outputs to their names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from concatsplit_core.array.geometry import Box
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.endpoints.fingerprints import Fingerprints
from concatsplit_core.endpoints.job import Job
from concatsplit_core.endpoints.layout import Layout
from concatsplit_core.endpoints.places import Place
from concatsplit_core.errors import ConcatsplitError
from concatsplit_core.formats.base import Source, Storage, Target, Wish, Writer
from concatsplit_core.planning.plan import Plan, Task
from concatsplit_core.routes import decoded, encoded, kernel, mapped
from concatsplit_core.routes.base import Context, RunTask
from concatsplit_core.run.events import Finished, Moved, Publishing, Started
from concatsplit_core.run.options import Options
from concatsplit_core.run.threads import run_tasks
from concatsplit_core.stores.files import Pool, open_input, output_error, write_all
from concatsplit_core.stores.interrupts import deferred_signals
from concatsplit_core.stores.staging import Staging

if TYPE_CHECKING:
    from concatsplit_core.run.hashing.during import RunHashes
    from concatsplit_core.run.hashing.record import Hashed
    from concatsplit_core.stores.amendment import Amendment
    from concatsplit_core.stores.identity import Identity

Record = tuple[Path, "Identity | None", Callable[["Sequence[Hashed]", "Sequence[Hashed]"], bytes]]
"""Where a manifest is to be, what it replaces, and what makes it of what the blobs hold."""

_ROUTES: dict[str, RunTask] = {
    "kernel": kernel.run,
    "encoded": encoded.run,
    "mapped": mapped.run,
    "decoded": decoded.run,
}


class Run:
    """The outputs of one run, from their staging to their names."""

    def __init__(
        self,
        job: Job,
        options: Options,
        plan: Plan,
        layout: Layout,
        found: Sequence[Place],
        beside: Sequence[Place],
        hashes: RunHashes | None = None,
    ) -> None:
        self._beside, self._hashes = beside, hashes
        self._job, self._options, self._plan = job, options, plan
        self._layout, self._places = layout, found
        self._staging = Staging(options.sync)
        self._writers: dict[Path, Writer] = {}
        self._staged: dict[Path, Path] = {}

    def commit(self, fingerprints: Fingerprints, record: Record | None) -> None:
        """Build all outputs, then let them appear together; on any error none of them.

        Parameters
        ----------
        fingerprints : Fingerprints
        record : tuple, optional
            Of the manifest, which appears last.
        """
        try:
            targets = self._stage()
            self._tell(Started(self._plan.bytes_written))
            self._move(targets)
            self._attempt(self._finish)
            if record is not None and self._hashes is not None:
                path, replaced, made = record
                hashed = self._hashes.inputs(), self._hashes.outputs(self._reopened)
                self._attempt(self._stage_record, path, replaced, made(*hashed))
            fingerprints.check()
            self._tell(Publishing())
            over = partial(self._tell, Finished())
            self._attempt(self._staging.publish, self._amend, self._shared, over)
        except BaseException as error:
            with deferred_signals(forget=True):
                for writer in self._writers.values():
                    with suppress(Exception):
                        writer.abort()
                self._staging.rollback()
            if isinstance(error, Exception):
                fingerprints.check()  # a file that changed explains whatever else went wrong
            raise

    @property
    def notes(self) -> list[str]:
        """What could not be written, and did not cost an array."""
        return [
            f"{path.name}: {note}"
            for path, writer in self._writers.items()
            for note in dict.fromkeys(writer.notes)
        ]

    def _stage(self) -> list[Target]:
        """Create every output, empty, in its staging place."""
        staged = self._staged
        for place in (*self._places, *self._beside):
            if place.final not in staged and not place.is_stream:
                staged[place.final] = self._staging.claim(
                    place.final,
                    found=place.found,
                    exact=place.is_rebuilt,
                    beside=place.staged_beside,
                )
        self._staging.refuse_rivals()
        scratch = _scratch(next(iter(staged.values()), None))
        for source in self._job.sources:
            source.prepare(scratch, self._options.check)
        layout = self._layout
        targets = [
            self._attempt(
                self._add, place, staged.get(place.final, place.final), segment.spec, storage
            )
            for place, segment, storage in zip(
                self._places, layout.outputs.segments, layout.storages, strict=True
            )
        ]
        for place, (_, array) in zip(self._beside, self._job.extras, strict=True):
            self._attempt(self._write_small, place, staged.get(place.final, place.final), array)
        return [
            targets[home].part(segment.spec, element, chunk)
            if layout.storages[home].grid is not None
            else targets[home]
            for (home, element, chunk), segment in zip(
                layout.homes, layout.planned.segments, strict=True
            )
        ]

    def _write_small(self, place: Place, path: Path, array: np.ndarray) -> None:
        """Write an array that is in memory as a whole."""
        form = place.format
        wish = form.adapt(Wish(), place.path, place.base)
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

    def _stage_record(self, path: Path, replaced: Identity | None, data: bytes) -> None:
        staged = self._staging.claim(path, found=replaced, last=True)
        self._staging.refuse_rivals()
        staged.write_bytes(data)

    def _move(self, targets: list[Target]) -> None:
        context = Context(
            sources=self._job.sources,
            targets=targets,
            source_tiling=self._job.source_tiling,
            target_tiling=self._layout.planned,
            output_refs=[self._places[home].ref for home, _, _ in self._layout.homes],
            window=self._plan.window,
            conversions=self._job.conversions,
            looks=self._options.check or self._plan.looks,
            check=self._options.check,
            hashes=self._hashes,
            reading=Pool(open_input, os.close),
            writing=Pool(_open_staged, os.close),
        )
        turns = [context.turns] if self._hashes is None else [context.turns, self._hashes.turns]

        def work(task: Task) -> None:
            _ROUTES[task.route](task, context)
            for each in turns:
                each.finish(task.number)

        def cancel() -> None:
            for each in turns:
                each.cancel()

        try:
            run_tasks(
                self._plan.tasks(),
                work,
                jobs=self._plan.workers,
                done=self._count,
                cancel=cancel,
            )
        finally:
            context.reading.close()
            context.writing.close()

    @contextmanager
    def _reopened(self, index: int) -> Iterator[Source]:
        """A finished output where it is staged, to be read."""
        place = self._places[index]
        source = place.format.open(self._staged[place.final], place.inner or None, place.ref)
        try:
            yield source
        finally:
            source.close()

    def _count(self, task: Task) -> None:
        size = sum(prod(write.box.shape) for write in task.writes)
        self._tell(Moved(size * self._job.dtype.itemsize))

    def _finish(self) -> None:
        for writer in self._writers.values():
            writer.finish()

    @property
    def _shared(self) -> set[Path]:
        """Containers that stay where they are while members are added to them."""
        places = (*self._places, *self._beside)
        return {p.base for p in places if p.base is not None and not p.is_rebuilt}

    def _amend(self, folder: Path) -> Iterator[Amendment]:
        """Documents of containers that say what members they have."""
        for number, base in enumerate(sorted(self._shared)):
            added = {
                place.final: self._staged[place.final]
                for place in (*self._places, *self._beside)
                if place.base == base
            }
            form = next(p.format for p in (*self._places, *self._beside) if p.base == base)
            yield from form.amend(base, added, folder / str(number))

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


def _scratch(staged: Path | None) -> Path:
    """A folder for what has to be spooled: beside an output, where there is one on a disk."""
    if staged is not None:
        return staged.parent
    import tempfile

    return Path(tempfile.gettempdir())


def _open_staged(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CLOEXEC)
