"""Chunks at the edge of an array, which may be stored without the filters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from concatsplit_core.array.geometry import Shape
from concatsplit_core.codecs.chunks import decode
from concatsplit_core.codecs.pipeline import Step
from concatsplit_core.formats.hdf5.filter_checks import check_chunk
from concatsplit_core.formats.hdf5.filters import BUILT_IN, Filter, refuse_unavailable
from concatsplit_core.foundation.errors import MalformedInput, OverBudget, UnsafeContent


def looks_raw(
    raw: Any,
    unit: Shape,
    steps: tuple[Step, ...] | None,
    filters: Sequence[Filter],
    seen: Callable[[], np.ndarray],
) -> bool:
    """Whether a chunk cannot have gone through its filters, or HDF5 reads it as it is stored.

    This is for a dataset whose object header, which says it, could not be read.

    Parameters
    ----------
    raw : buffer
        The chunk as stored, as long as one without filters.
    unit : tuple of int
        Shape of a chunk.
    steps : tuple of Step, optional
        What the filters did; None where only HDF5 can undo it.
    filters : sequence of Filter
    seen : callable
        Returns what HDF5 reads of the chunk, without what lies outside the array.
    """
    nbytes = memoryview(raw).nbytes
    try:
        if steps is None:
            check_chunk(raw, list(filters), 0, nbytes)
            refuse_unavailable(filters, "")
        else:
            decode(raw, steps, nbytes)
    except UnsafeContent:
        return False
    except (MalformedInput, OverBudget):
        return True
    if steps is not None and not {item.code for item in filters} <= BUILT_IN:
        return False
    part = seen()
    chunk = np.frombuffer(raw, part.dtype).reshape(unit)
    return chunk[tuple(map(slice, part.shape))].tobytes() == part.tobytes()
