"""What made the outputs of a run: what was asked for, and all files that were read and written.

With ``--if-changed`` a manifest records it, so that the next run can tell whether anything differs.
Whole files are hashed, and not only elements: attributes, chunks and codecs count as well.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from concatsplit_core.endpoints import refusals
from concatsplit_core.endpoints.group_documents import group_documents
from concatsplit_core.endpoints.job import Job
from concatsplit_core.endpoints.places import Place
from concatsplit_core.endpoints.references import parse_input, parse_output
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.errors import ConcatsplitError, OutputExists, UsageError
from concatsplit_core.run.manifest import Recipe
from concatsplit_core.run.options import Options
from concatsplit_core.run.result import Result
from concatsplit_core.run.threads import run_on_threads
from concatsplit_core.stores.base import Location
from concatsplit_core.stores.files import input_error

_BLOCK = 1 << 20
_NOT_THE_RESULT = frozenset(
    {"force", "memory", "jobs", "dry_run", "picture", "sync", "manifest", "if_changed", "depfile"}
    | {"depends_on", "on_event", "resume", "step", "thresholds"}
)
"""Options that do not decide what the outputs hold."""


class Comparison:
    """Compares a run that is planned with the one that its manifest records.

    Parameters
    ----------
    job : Job
    options : Options
    record : Location
        The manifest.

    Raises
    ------
    UsageError
        An input is no file, so that it cannot be compared, or the operator keeps no request.
    """

    def __init__(self, job: Job, options: Options, record: Location) -> None:
        if job.asked is None:
            raise UsageError(f"--if-changed is not for {job.operator}")
        self._job, self._options = job, options
        self._folder = os.path.dirname(record.key)
        self._files = _files_of(job)
        self._inputs: str | None = None
        self._written: list[Location] = []
        self._known: dict[Location, str] = {}
        self.owned: set[Location] = set()
        self.recorded, self._why_none = _recorded(record)

    def look_at(self, places: Sequence[Place]) -> set[Location]:
        """Those outputs that are there and are still as the recorded run left them."""
        if any(place.is_stream for place in places):
            raise UsageError("--if-changed compares files, but the output is stdout")
        documents = (parse_output(d.ref).place.resolved for d in self._job.documents)
        self._written = list(dict.fromkeys([*(place.final for place in places), *documents]))
        known = {} if self.recorded is None else self.recorded.outputs
        self._known = {f: name for f in self._written if (name := self._known_name(f)) is not None}
        paths = {name: os.path.join(self._folder, name) for name in self._known.values()}
        hashes = _hashes_of(list(paths.values()), self._options.workers)
        same = {name for name, path in paths.items() if hashes[path] == known[name]}
        self.owned = {final for final, name in self._known.items() if name in same}
        return self.owned

    def refuse_existing(self, places: Sequence[Place]) -> None:
        """Refuse outputs that exist, unless they may be replaced, or are as the last run left them.

        Raises
        ------
        OutputExists
        """
        owned = self.look_at(places)
        refusals.refuse_existing([place for place in places if place.final in owned], True)
        others = [place for place in places if place.final not in owned]
        try:
            refusals.refuse_existing(others, self._options.force)
        except OutputExists as error:
            manifest = self._options.manifest
            recorded = {place.ref for place in others if place.final in self._known}
            why = f"{manifest} does not record it"
            if error.ref in recorded:
                why = f"it is not as {manifest} records it"
            if self.recorded is None:
                why = self._why_none
            if not why:
                raise
            raise OutputExists(f"{error.message}; {why}", ref=error.ref) from error

    def _known_name(self, final: Location) -> str | None:
        """By what name the recorded run wrote an output; it may have made the store around it."""
        known = {} if self.recorded is None else self.recorded.outputs
        name = self._name(final)
        while name and name not in known:
            name = os.path.dirname(name)
        return name or None

    def judged(self, result: Result) -> Result:
        """The result, which says whether anything has changed."""
        is_unchanged = self._fits(result)
        note = f"nothing has changed since the run that {self._options.manifest} records"
        notes = [note] if is_unchanged else self._left_over()
        return result._replace(is_unchanged=is_unchanged, notes=(*result.notes, *notes))

    def _fits(self, result: Result) -> bool:
        """Whether the run that is planned would write what is there already."""
        recorded = self.recorded
        if recorded is None or recorded.asked != self._asked(result):
            return False
        if {*self._known.values()} != recorded.outputs.keys() or not self.owned.issuperset(
            self._written
        ):
            return False
        return recorded.inputs == self._hash_of_inputs()

    def recipe(self, result: Result, staged: Mapping[Location, Location]) -> Recipe:
        """What is to be recorded.

        Parameters
        ----------
        result : Result
        staged : mapping of Location to Location
            Where all that is written lies until it gets its name.
        """
        keys = {self._name(final): staged[final].key for final in self._written}
        hashes = _hashes_of(list(keys.values()), self._options.workers)
        outputs = {name: hashes[key] for name, key in keys.items()}
        return Recipe(self._asked(result), self._hash_of_inputs(), dict(sorted(outputs.items())))

    def _left_over(self) -> list[str]:
        """Notes on outputs of the recorded run that the new one does not write."""
        names = {*self._known.values()}
        known = () if self.recorded is None else self.recorded.outputs
        left = [os.path.join(self._folder, name) for name in known if name not in names]
        there = [os.path.relpath(name) for name in left if os.path.lexists(name)]
        return [
            f"{name} was an output of the last run; this run does not write it" for name in there
        ]

    def _hash_of_inputs(self) -> str:
        if self._inputs is None:
            hashes = _hashes_of(self._files, self._options.workers)
            borrowed = (repr(_borrowed(source)) for source in self._job.sources)
            self._inputs = _hash_of("\n".join([*map(hashes.__getitem__, self._files), *borrowed]))
        return self._inputs

    def _asked(self, result: Result) -> str:
        options = {
            name: getattr(self._options, name)
            for name in sorted(Options.__annotations__)
            if name not in _NOT_THE_RESULT
        }
        blobs = [
            [[self._name_of(blob.ref), blob.interval] for blob in side]
            for array in result.arrays
            for side in (array.inputs, array.outputs)
        ]
        version = vars(sys.modules[__name__.partition(".")[0]])["__version__"]
        return _hash_of(repr((version, self._job.asked, options, blobs)))

    def _name_of(self, ref: str) -> str:
        place, member = parse_input(ref)
        return f"{self._name(place.resolved)}::{member}"

    def _name(self, place: Location) -> str:
        return os.path.relpath(place.key, self._folder)


def _recorded(record: Location) -> tuple[Recipe | None, str]:
    """What a manifest records; None and why, if it is not sound, or does not record this."""
    from pathlib import Path

    from concatsplit_core.run.manifest_reading import read_manifest

    if not os.path.lexists(record.key):
        return None, ""
    try:
        recipe = read_manifest(Path(record.key)).recipe
    except ConcatsplitError as error:
        return None, f"what the last run wrote is not known: {error.message}"
    return recipe, "" if recipe else f"{record.key} is the manifest of a run without --if-changed"


def _files_of(job: Job) -> list[str]:
    """All files and folders that a job reads, each once."""
    found: dict[str, None] = {}
    is_set = any(move.name for move in job.moves)
    for source in [*job.sources, *job.compared]:
        if source.ref == "-" or (source.path is None and source.ref.startswith("<")):
            what = "stdin" if source.ref == "-" else f"{source.ref} is an array in memory"
            raise UsageError(f"--if-changed compares files, but {what} is an input of this run")
        found |= dict.fromkeys(_files_of_source(source, is_set))
    for ref in job.also_read:
        found[parse_input(os.fspath(ref)).place.key] = None
    return list(found)


def _files_of_source(source: Source, is_set: bool) -> list[str]:
    path = source.path
    if path is None:  # fill values, which follow from all else
        return []
    asked = parse_input(source.ref).place.key
    if not os.path.isdir(path):
        return [path, *([asked] if asked != path and os.path.isfile(asked) else [])]
    root = source.root or path
    if is_set:
        return [root]
    return [path, *group_documents(source, root)]


def _borrowed(source: Source) -> dict[str, Any]:
    """What an array means by the attributes of another one in its group, as bounds do."""
    meaning = source.storage.meaning
    return {name: meaning.attrs[name] for name in meaning.borrowed if name in meaning.attrs}


def _hashes_of(paths: Sequence[str], jobs: int) -> dict[str, str]:
    """A hash of each file or folder, with the names of all that is in a folder."""
    files: dict[str, list[str]] = {path: _inside(path) for path in paths}
    hashes: dict[str, str] = {}

    def work(path: str) -> None:
        hashes[path] = _hash_of_file(path)

    distinct = list(dict.fromkeys(name for names in files.values() for name in names))
    run_on_threads(distinct, work, jobs=min(jobs, max(1, len(distinct))), done=lambda _: None)
    return {
        path: hashes[path]
        if names == [path]
        else _hash_of("\n".join(f"{name[len(path):]}\0{hashes[name]}" for name in names))
        for path, names in files.items()
    }  # fmt: skip


def _inside(path: str) -> list[str]:
    """All files in a folder in the order of their names; of a file only itself."""
    if not os.path.isdir(path):
        return [path]
    found, seen = [], {os.path.realpath(path)}
    for folder, inside, names in os.walk(path, followlinks=True):
        real = {os.path.realpath(os.path.join(folder, name)): name for name in sorted(inside)}
        inside[:] = [name for place, name in real.items() if place not in seen]
        seen.update(real)
        found += [os.path.join(folder, name) for name in sorted(names)]
    return found


def _hash_of_file(path: str) -> str:
    """The hash of a file; one that there is not has a hash of its own."""
    import xxhash

    state = xxhash.xxh3_128()
    if os.path.exists(path) and not os.path.isfile(path):
        return _hash_of("no regular file")
    try:
        with open(path, "rb", buffering=0) as file:
            while block := file.read(_BLOCK):
                state.update(block)
    except FileNotFoundError:
        return _hash_of("absent")
    except OSError as error:
        raise input_error(path, error) from error
    return str(state.hexdigest())


def _hash_of(text: str) -> str:
    import xxhash

    data: Any = text.encode("utf-8", "surrogateescape")
    return str(xxhash.xxh3_128_hexdigest(data))
