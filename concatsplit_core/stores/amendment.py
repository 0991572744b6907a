"""Documents of a container, such as consolidated metadata, that an output makes out of date."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from concatsplit_core.stores.identity import Identity


class Amendment(NamedTuple):
    """A new version of a document, published together with the members that it lists.

    Parameters
    ----------
    final, staged : Path
        The document, and its new version in the staging folder.
    found : Identity
        The document at the time it was read; only this one is replaced.
    """

    final: Path
    staged: Path
    found: Identity
