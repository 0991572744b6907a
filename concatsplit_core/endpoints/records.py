"""Refuses manifests and indexes that are outputs or inputs, or that exist."""

from __future__ import annotations

import os
from collections.abc import Sequence

from concatsplit_core.endpoints.places import Place
from concatsplit_core.endpoints.references import SEPARATOR, parse_input
from concatsplit_core.endpoints.refusals import real_places
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.errors import (
    NameCollision,
    OutputExists,
    OutputIsInput,
    OutputRefused,
)
from concatsplit_core.stores.base import Location
from concatsplit_core.stores.identity import Identity


def refuse_record(
    record: Location,
    places: Sequence[Place],
    sources: Sequence[Source],
    force: bool,
    what: str = "manifest",
) -> Identity | None:
    """Refuse a manifest, or an index, that is an output or an input, or exists.

    Returns
    -------
    Identity or None
        What it may replace.
    """
    if any(record.is_within(place.container) for place in places):
        raise NameCollision(f"{what} {record} is an output, or lies in one")
    found = record.identity
    _refuse_record_of_input(record, sources, what)
    if found is not None and found.kind != "file":
        kind = "a folder" if found.kind == "folder" else "no regular file"
        name = str(record)
        raise OutputRefused(f"{what} {name} is {kind}; it is not replaced", ref=name)
    if found is not None and not force:
        raise OutputExists(f"{what} {record} exists; give --force to replace it", ref=str(record))
    return found


def _refuse_record_of_input(record: Location, sources: Sequence[Source], what: str) -> None:
    known = [source for source in sources if source.place is not None]
    asked = {source.ref.partition(SEPARATOR)[0]: source for source in known}  # such as an index
    real = {parse_input(ref).place.resolved: source for ref, source in asked.items()}
    for place, source in (real | real_places(known)).items():
        if record.is_within(place) or _are_one_file(record.path, place.path):
            raise OutputIsInput(
                f"{what} {record} is input {source.ref}, or lies in it; write somewhere else",
                ref=str(record),
            )


def _are_one_file(path: str | None, other: str | None) -> bool:
    """Whether two names, if both exist, lead to one file, as hard links do."""
    if path is None or other is None or not os.path.lexists(path):
        return False
    return os.path.samefile(path, other)
