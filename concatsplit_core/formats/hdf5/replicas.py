"""Gives an output the filters of its input, if all chunks move as they are stored.

Copying chunks needs no plugin. A chunk that has to be encoded nevertheless skips the filters, since
one may be lossy; HDF5 records for each chunk which it skipped.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from concatsplit_core.array.geometry import Shape
from concatsplit_core.formats.hdf5.filters import BITSHUFFLE, OPTIONAL, Filter
from concatsplit_core.formats.hdf5.library import h5py

SZ3 = 32024

_OWN_VALUES = {BITSHUFFLE: 3, SZ3: 4}
"""How many values a filter's plugin, if it is loaded, puts before those it is given."""


@lru_cache(maxsize=64)
def can_be_kept(found: tuple[Filter, ...], dtype: np.dtype, chunks: Shape) -> bool:
    """Whether an output can have these filters with exactly these parameters.

    HDF5 and plugins change parameters when a dataset is created, so one is created in memory.
    """
    try:
        with h5py.File("replica", "w", driver="core", backing_store=False) as file:
            dcpl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            dcpl.set_chunk(chunks)
            keep(dcpl, found)
            kind = h5py.h5t.py_create(dtype, logical=True)
            space = h5py.h5s.create_simple(chunks)
            made = h5py.h5d.create(file.id, b"x", kind, space, dcpl).get_create_plist()
            kept = [made.get_filter(i)[::2] for i in range(made.get_nfilters())]
    except (RuntimeError, ValueError, TypeError, OSError):
        return False
    return kept == [(item.code, item.values) for item in found]


def keep(dcpl: Any, found: tuple[Filter, ...]) -> None:
    """Set the filters of a dataset to be created as they are in another one."""
    for item in found:
        loaded = h5py.h5z.filter_avail(item.code)
        own = _OWN_VALUES.get(item.code, 0) if loaded else 0
        dcpl.set_filter(item.code, OPTIONAL, item.values[own:])
