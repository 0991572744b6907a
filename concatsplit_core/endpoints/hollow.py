"""Refuses arrays whose headers claim far more elements than their files store.

Where the stored chunks have been counted, the planner knows more: it refuses only runs that would
go through too many absent chunks (`planning.claims`).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.errors import MalformedInput

FEW_STEPS = 1 << 17
"""Steps that are done for any array, even if nothing of it is stored."""

_STEP_BYTES = 1 << 20
"""Bytes of fill values that take as long to write as one absent chunk takes to look for."""


def refuse_hollow(sources: Sequence[Source]) -> None:
    """Refuse arrays that claim very much and store next to nothing.

    Raises
    ------
    MalformedInput
        An array has more chunks, or more MiB of elements, than its file has bytes for them.
    """
    for source in sources:
        steps = _steps(source.spec)
        if steps <= FEW_STEPS or source.spec.stored_chunks is not None:
            continue
        stored = source.stored_bytes()
        if steps > stored:
            raise MalformedInput(
                f"{source.ref}: claims the shape {source.spec.shape}, but stores {stored} "
                "bytes: the file is damaged, or holds next to nothing; cut out what it holds with "
                "the library that made it",
                ref=source.ref,
                found=stored,
                expected=steps,
            )


def _steps(spec: ArraySpec) -> int:
    """How many chunks, or MiB, have to be gone through, whether they are stored or not."""
    if spec.is_strided:
        return 0
    chunks = spec.chunks or spec.shape
    count = prod(-(-n // c) for n, c in zip(spec.shape, chunks, strict=True) if c)
    return max(count, spec.size * spec.memory_itemsize // _STEP_BYTES)
