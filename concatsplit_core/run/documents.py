"""Files that appear beside the outputs: an index of what they hold, and a dependency file."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from concatsplit_core.endpoints.job import Job
from concatsplit_core.endpoints.places import Place
from concatsplit_core.endpoints.records import refuse_record
from concatsplit_core.endpoints.references import parse_output
from concatsplit_core.foundation.errors import NameCollision
from concatsplit_core.run.options import Options
from concatsplit_core.run.output_set import StagedDocument
from concatsplit_core.stores.base import Location


def documents_to_stage(
    job: Job,
    places: Sequence[Place],
    record: Location | None,
    options: Options,
    owned: Collection[Location],
) -> list[StagedDocument]:
    """The documents of a job, what each may replace, and last the dependency file.

    Parameters
    ----------
    job : Job
    places : sequence of Place
        Of the outputs.
    record : Location, optional
        The place of the manifest.
    options : Options
    owned : collection of Location
        What may be replaced in any case.
    """
    found = []
    for document in job.documents:
        final = parse_output(document.ref).place.resolved
        force = options.force or final in owned
        replaced = refuse_record(final, places, job.sources, force, "index")
        found.append(StagedDocument(final, replaced, document.data))
    if options.depfile is not None:
        from concatsplit_core.run.depfile import staged_depfile

        read = [*job.sources, *job.compared]
        others = [*job.lists, *job.also_read, *options.depends_on]
        found.append(staged_depfile(options.depfile, places, read, others, options.force))
    names = [record, *(document.final for document in found)]
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise NameCollision(f"{twice} is the name of two outputs, such as the manifest")
    return found
