"""Reads a whole array into memory: for vectors of lengths, and for Python users."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from concatsplit_core.array.geometry import Box
from concatsplit_core.formats.sources import BaseSource, ContiguousSource, Source
from concatsplit_core.routes.elements import copy_elements
from concatsplit_core.stores.files import open_input, read_exactly


def load(source: Source) -> np.ndarray:
    """Read a whole array into memory.

    Returns
    -------
    numpy.ndarray
        Of the source's shape, dtype and element order.
    """
    with prepared(source):
        return read_whole(source)


@contextmanager
def prepared(source: Source) -> Iterator[None]:
    """Inside the context, a source is ready to be read, without a folder where it needs none."""
    if type(source).prepare is BaseSource.prepare:
        yield
        return
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        source.prepare(Path(folder))
        yield


def read_whole(source: Source) -> np.ndarray:
    """Read all elements of a source that is ready to be read."""
    spec = source.spec
    array: np.ndarray = np.empty(spec.shape, spec.dtype, order=spec.order)
    if not isinstance(source, ContiguousSource):
        for box, part in source.read(Box.whole(spec.shape)) if array.size else ():
            copy_elements(array[box.slices], part)
    elif array.nbytes:
        extent = source.extent
        fd = open_input(extent.path)
        try:
            into = array.reshape(-1, order=spec.order).view(np.uint8).data
            read_exactly(fd, into, extent.offset, extent.path)
        finally:
            os.close(fd)
    return array
