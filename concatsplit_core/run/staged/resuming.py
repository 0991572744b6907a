"""`--resume`: finds what the same command has staged before."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from concatsplit_core.endpoints.fingerprints import Fingerprints
from concatsplit_core.endpoints.job import Job
from concatsplit_core.endpoints.places import Looked, find_place
from concatsplit_core.endpoints.references import parse_output
from concatsplit_core.foundation.errors import ResumeMismatch
from concatsplit_core.foundation.records import replace
from concatsplit_core.foundation.sizes import format_size
from concatsplit_core.run.options import Options
from concatsplit_core.run.staged.facts import decided_by
from concatsplit_core.run.staged.record import RunRecord, read_record
from concatsplit_core.run.staged.step import Completions, RunStep
from concatsplit_core.stores.keeping import read_kept
from concatsplit_core.stores.local import local
from concatsplit_core.stores.staging_folders import find_staging_folders, read_announced

if TYPE_CHECKING:
    from concatsplit_core.stores.base import Location


def resumed(
    job: Job, options: Options, folders: Iterable[Location], fingerprints: Fingerprints
) -> Options:
    """The options of a run with ``--resume``: they say where it was left, if it was begun.

    Parameters
    ----------
    job : Job
    options : Options
    folders : iterable of Location
        Those that the outputs are staged in.
    fingerprints : Fingerprints
        Of the inputs.

    Raises
    ------
    ResumeMismatch
        It was begun with another budget, or another number of threads.
    """
    finals = _finals(job, options)
    seen = options.on_event
    decided = cache(partial(decided_by, job, options, fingerprints))
    if isinstance(seen, Completions) and seen.has_completed(finals, decided):
        return replace(options, force=True, step=RunStep("published"))
    for folder in folders:
        for path in find_staging_folders(folder.key):
            kept = read_kept(path)
            if kept is None or not kept.resumes or read_announced(path) != finals:
                continue
            record = read_record(kept.run)
            _refuse_others(options, record, kept.run)
            step = RunStep("resume", str(kept.run))
            return replace(options, memory=record.memory, jobs=record.jobs, step=step)
    return replace(options, step=RunStep("resume"))


def _finals(job: Job, options: Options) -> set[Path]:
    """The names of all outputs, as they are announced."""
    known = Looked()
    refs = [*job.outputs, *(ref for ref, _ in job.extras)]
    places = [find_place(ref, options.follow_links, known).final for ref in refs]
    places += [parse_output(document.ref).place.resolved for document in job.documents]
    places += [] if options.manifest is None else [local(options.manifest).resolved]
    places += [] if options.depfile is None else [local(options.depfile).resolved]
    return {Path(os.fspath(place.key)) for place in places}


def _refuse_others(options: Options, record: RunRecord, folder: Path) -> None:
    """Refuse a budget or a number of threads that is given, and was another one."""
    what = ""
    if options.memory is not None and options.memory_bytes != record.memory:
        now, was = format_size(options.memory_bytes), format_size(record.memory)
        what = f"--memory was {was} and is {now}"
    elif options.jobs not in (None, record.jobs):
        what = f"--jobs was {record.jobs} and is {options.jobs}"
    if what:
        raise ResumeMismatch(
            f"the run in {folder} cannot go on: {what}; repeat what was given then, or give the "
            f"run up with 'concatsplit discard {folder}'",
            ref=str(folder),
        )
