"""The outputs of a run: claimed, created, finished, and published together or rolled back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from concatsplit_core.array.geometry import Box
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.endpoints.inputs import open_member
from concatsplit_core.endpoints.layout import Origin, Outputs
from concatsplit_core.endpoints.places import Place
from concatsplit_core.formats.registry import format_of
from concatsplit_core.formats.sources import Source
from concatsplit_core.formats.storage import Storage, Wish
from concatsplit_core.formats.targets import (
    ContiguousTarget,
    DivisibleTarget,
    EncodedTarget,
    Target,
    Writer,
)
from concatsplit_core.foundation.errors import ConcatsplitError
from concatsplit_core.foundation.interrupts import deferred_signals
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.stores.base import Location
from concatsplit_core.stores.files import output_error, write_all

if TYPE_CHECKING:
    from concatsplit_core.formats.structure import Structure
    from concatsplit_core.stores.identity import Identity
    from concatsplit_core.stores.publishing import Amendment, Staging


class StagedDocument(NamedTuple):
    """A file beside the outputs that says what they hold.

    Parameters
    ----------
    final : Location
        In the store of the outputs.
    replaces : Identity, optional
        The file that it may replace.
    data : bytes
    """

    final: Location
    replaces: Identity | None
    data: bytes


def publish_document(document: StagedDocument, sync: bool) -> None:
    """Write a file that appears when it is complete, without outputs.

    Parameters
    ----------
    document : StagedDocument
    sync : bool
        Make it durable before it is published.
    """
    staging = document.final.store.staging(sync)
    try:
        staged = staging.claim(document.final.key, replaces=document.replaces)
        staging.refuse_if_busy()
        document.final.store.write(staged, [document.data])
        staging.publish(lambda _: (), (), lambda: None)
    except BaseException as error:
        staging.rollback()
        if isinstance(error, OSError) and not isinstance(error, ConcatsplitError):
            raise output_error(str(document.final), error) from error
        raise


class OutputSet:
    """The outputs of one run, from claiming to publishing.

    Parameters
    ----------
    outputs : sequence of Outputs
        One per move.
    extras : sequence of (Place, numpy.ndarray)
        Small arrays that are published with the outputs.
    sync : bool
        Make everything durable before it is published.
    structures : mapping of str to Structure
        What new containers hold beside their arrays.
    documents : sequence of StagedDocument
        They are published with the outputs.
    """

    def __init__(
        self,
        outputs: Sequence[Outputs],
        extras: Sequence[tuple[Place, np.ndarray]],
        sync: bool,
        structures: Mapping[str, Structure],
        documents: Sequence[StagedDocument] = (),
    ) -> None:
        self._structures, self._documents = structures, documents
        self._outputs, self._extras = outputs, extras
        self._places = [place for made in outputs for place in made.places]
        self._places += [place for place, _ in extras]
        self._store = self._places[0].container.store
        self._staging = self._new_staging(sync)
        self._staged: dict[Location, Location] = {}
        self._staged_documents: dict[Location, Location] = {}
        self._writers: dict[Location, Writer] = {}
        self._expected: dict[Location, set[str]] = {}
        for place in self._places:
            if place.inner:
                self._expected.setdefault(place.final, set()).add(place.inner)

    may_wait: ClassVar[bool] = True
    """Whether small files may be made as late as their elements are written."""

    def _new_staging(self, sync: bool) -> Staging:
        return self._store.staging(sync)

    def claim(self) -> None:
        """Make the staging folders of all outputs.

        Raises
        ------
        OutputRefused, OutputBusy
            There is no permission to write to a folder, or another run is writing an output.
        """
        staged, claim = self._staged, self._staging.claim
        for place in self._places:
            final = place.final
            if final not in staged and not place.is_stream:
                key = claim(
                    final.key,
                    container=place.container.key,
                    replaces=place.found,
                    must_be_unchanged=place.is_rebuilt,
                )
                staged[final] = Location(self._store, key)
        for document in self._documents:
            key = self._staging.claim(document.final.key, replaces=document.replaces)
            self._staged_documents[document.final] = Location(self._store, key)
        self._staging.refuse_if_busy()
        with self._named_in_errors():
            for document in self._documents:
                self._store.write(self._staged_documents[document.final].key, [document.data])

    @property
    def finals(self) -> tuple[Location, ...]:
        """The files and stores that are written to, and the documents beside them."""
        containers = dict.fromkeys(place.container for place in self._places)
        return (*containers, *(document.final for document in self._documents))

    @property
    def staged(self) -> Mapping[Location, Location]:
        """Where all files and folders lie before they get their names."""
        return {**self._staged, **self._staged_documents}

    @property
    def scratch(self) -> Path:
        """A folder for temporary files: the staging folder of an output, or the system's."""
        staged = next(iter(self._staged.values()), None)
        path = None if staged is None else staged.path
        if path is not None:
            return Path(path).parent
        import tempfile

        return Path(tempfile.gettempdir())

    def create(self) -> list[list[Target]]:
        """Create every output, empty, in its staging folder.

        Returns
        -------
        list of list of Target
            For every move, one target per planned segment.
        """
        with self._named_in_errors():
            created = [self._create(made) for made in self._outputs]
            small = [(self._add_small(*extra), extra[1]) for extra in self._extras]
            for writer in self._writers.values():
                writer.give_places()
            for target, array in small:
                _write_small(target, array)
            return created

    def finish(self) -> None:
        """Complete the staged files."""
        with self._named_in_errors():
            for writer in self._writers.values():
                writer.finish()

    def add_record(self, record: Location, replaced: Identity | None, data: bytes) -> None:
        """Stage the manifest of the run, which is published last.

        Parameters
        ----------
        record : Location
            Its name, in the store of the outputs.
        replaced : Identity, optional
            The file that it may replace.
        data : bytes
        """
        with self._named_in_errors():
            staged = self._staging.claim(record.key, replaces=replaced, last=True)
            self._staging.refuse_if_busy()
            self._store.write(staged, [data])

    def publish(self, done: Callable[[], None]) -> None:
        """Move all outputs to their names, or none of them; then call `done`."""
        self.publish_from(self._staging, done)

    def publish_from(self, staging: Staging, done: Callable[[], None]) -> None:
        """As `publish`, for what has been claimed with `staging`."""
        shared = {p.base.key for p in self._places if p.base is not None and not p.is_rebuilt}
        with self._named_in_errors():
            staging.publish(lambda folder: self._amend(shared, folder), shared, done)

    def roll_back(self) -> None:
        """Remove everything that was staged."""
        with deferred_signals(forget=True):
            for writer in self._writers.values():
                with suppress(Exception):
                    writer.abort()
            self._staging.rollback()

    @property
    def notes(self) -> list[str]:
        """Notes on what could not be written, such as an attribute, though the array was."""
        return [
            f"{staged.name}: {note}"
            for staged, writer in self._writers.items()
            for note in dict.fromkeys(writer.notes)
        ]

    @contextmanager
    def reopened(self, place: Place, spec: ArraySpec) -> Iterator[Source]:
        """Open a finished output in its staging folder, for reading."""
        staged = self._staged[place.final]
        member = place.inner or place.format.description_of(spec) or None
        form = format_of(staged, member, place.ref)
        source = open_member(form, staged, member, place.ref)
        try:
            yield source
        finally:
            source.close()

    def _create(self, made: Outputs) -> list[Target]:
        targets = [
            self._add(place, segment.spec, storage)
            for place, segment, storage in zip(
                made.places, made.tiling.segments, made.storages, strict=True
            )
        ]
        return [
            _region(targets[origin.output], segment.spec, origin)
            for origin, segment in zip(made.origins, made.planned.segments, strict=True)
        ]

    def _add(self, place: Place, spec: ArraySpec, storage: Storage) -> Target | DivisibleTarget:
        staged = self._staged.get(place.final, place.final)
        writer = self._writers.get(staged)
        if writer is None:
            base = place.base if place.is_rebuilt else None
            writer = self._writers[staged] = place.format.writer(staged, base)
            if place.inner:
                writer.expected.update(self._expected[place.final])
            writer.may_wait = self.may_wait
            if place.is_new_container and place.asked_container in self._structures:
                writer.add_groups(self._structures[place.asked_container])
        return writer.add(place.inner, spec, storage)

    def _add_small(self, place: Place, array: np.ndarray) -> Target | DivisibleTarget:
        """Create the place of a small array that is in memory."""
        form = place.format
        wish = form.narrowed(Wish(), place.container, place.base)
        plain = ArraySpec(array.shape, array.dtype)
        return self._add(place, *form.layout(plain, Storage(), wish, plain))

    def _amend(self, shared: set[str], folder: str) -> Iterator[Amendment]:
        """New versions of the documents that list the members of containers."""
        for number, key in enumerate(sorted(shared)):
            base = Location(self._store, key)
            inside = [place for place in self._places if place.base == base]
            added = {place.final: self._staged[place.final] for place in inside}
            there = Location(self._store, folder) / str(number)
            yield from inside[0].format.amend(base, added, there)

    @contextmanager
    def _named_in_errors(self) -> Iterator[None]:
        """Turn a system error inside the context into an error that names an output."""
        try:
            yield
        except OSError as error:
            if isinstance(error, ConcatsplitError | BrokenPipeError):
                raise
            raise output_error(self._places[0].ref, error) from error


def _write_small(target: Target | DivisibleTarget, array: np.ndarray) -> None:
    """Write a small array that is in memory."""
    if isinstance(target, EncodedTarget):
        target.store(target.place(target.encode(Box.whole(array.shape), array)))
    elif isinstance(target, ContiguousTarget) and array.nbytes:
        fd = os.open(target.extent.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            write_all(fd, array.tobytes(), target.extent.offset)
        finally:
            os.close(fd)


def _region(target: Target | DivisibleTarget, spec: ArraySpec, origin: Origin) -> Target:
    """The part of an output that a planned segment covers; most segments cover all of it."""
    if isinstance(target, ContiguousTarget):  # asked first: to ask an abstract class takes longer
        return target
    if isinstance(target, DivisibleTarget):
        return target.region(spec, origin.element, origin.chunk)
    return target
