"""Documents that change together with what they speak of."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from concatsplit_core.stores.identity import Identity


class Amendment(NamedTuple):
    """A document of a container that changes together with the members that it speaks of.

    Parameters
    ----------
    final, staged : Path
        The document, and what is to replace it.
    found : Identity
        The document when it was read.
    """

    final: Path
    staged: Path
    found: Identity
