"""Pictures as files: checked, staged and published as outputs are."""

from __future__ import annotations

import os
from collections.abc import Sequence

from concatsplit_core.endpoints.places import Place
from concatsplit_core.endpoints.records import refuse_record
from concatsplit_core.endpoints.references import is_name
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.run.output_set import StagedDocument, publish_document
from concatsplit_core.stores.local import local

SUFFIX = ".svg"


def write_picture(
    name: str | os.PathLike[str],
    svg: str,
    *,
    places: Sequence[Place],
    sources: Sequence[Source],
    force: bool,
    sync: bool = True,
) -> None:
    """Write a picture, which appears when it is complete.

    Parameters
    ----------
    name : path
        On the local disk; it ends in ``.svg``.
    svg : str
    places : sequence of Place
        Outputs, none of which it may be.
    sources : sequence of Source
        Inputs, none of which it may be or lie in.
    force, sync : bool
        As in `Options`.

    Raises
    ------
    UsageError
        The name is not one for a picture.
    OutputExists, OutputIsInput, OutputRefused, NameCollision
        It must not be written there.
    """
    refuse_name(name)
    final = local(name).resolved
    replaced = refuse_record(final, places, sources, force, "picture")
    publish_document(StagedDocument(final, replaced, svg.encode()), sync)


def refuse_name(name: str | os.PathLike[str]) -> None:
    """Refuse a name that is not one for a picture."""
    text = os.fspath(name)
    if not is_name(text):
        raise UsageError("--picture: no file can have its name: it holds NUL or half a character")
    if not text.lower().endswith(SUFFIX):
        raise UsageError(f"--picture {text}: a picture is SVG; give a name that ends in {SUFFIX}")
