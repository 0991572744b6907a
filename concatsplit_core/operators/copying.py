"""One array to one: fetch and feed (Caffe2's FetchBlob and FeedBlob)."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from concatsplit_core.array.cuts import Cut
from concatsplit_core.endpoints.fingerprints import Fingerprints
from concatsplit_core.endpoints.inputs import close_all, open_inputs
from concatsplit_core.endpoints.loading import load
from concatsplit_core.errors import UsageError
from concatsplit_core.operators.performing import perform_on, recovering
from concatsplit_core.operators.requests import Request
from concatsplit_core.run.options import Options
from concatsplit_core.run.result import Result


def fetch(ref: Any) -> np.ndarray:
    """Read a blob into memory (Caffe2's FetchBlob).

    Parameters
    ----------
    ref
        A reference, h5py data set or zarr array.

    Returns
    -------
    numpy.ndarray

    Raises
    ------
    InputChanged
        It was written to meanwhile.
    UnsafeContent
        A link leads out of its store.
    """
    sources = open_inputs(ref)
    try:
        if len(sources) != 1:
            raise UsageError(f"one blob is fetched at a time, found {len(sources)}")
        fingerprints = Fingerprints(sources)
        found = load(sources[0])
        fingerprints.check()
        return found
    finally:
        close_all(sources)


def fetch_to(ref: Any, output: str, **options: Any) -> Result:
    """Copy a blob out of a container, to a file or, as ``-``, to stdout as an .npy stream.

    Parameters
    ----------
    ref
        As in `fetch`.
    output : str
    **options
        Those of `Options`.
    """
    return _copy("fetch", ref, output, Options(**options))


def feed(ref: str, array: Any, **options: Any) -> Result:
    """Write an array as a blob, which may be a new member of an existing container.

    The container is never left half-written: an HDF5 file is rebuilt as a copy and replaced, a
    Zarr array is built beside its place (Caffe2's FeedBlob).

    Parameters
    ----------
    ref : str
        Where to: ``x.h5::/group/name``.
    array
        An ndarray, a reference, ``-`` for an .npy stream on stdin, h5py data set or zarr array.
    **options
        Those of `Options`.
    """
    return _copy("feed", array, ref, Options(**options))


def _copy(operator: str, item: Any, output: str, options: Options) -> Result:
    """Request one array as it is; one without axes is seen with an axis of length 1."""
    name = os.fspath(output)
    sources = open_inputs(item, beside=name, recover=recovering(options))
    try:
        if len(sources) != 1:
            raise UsageError(f"one blob is copied at a time, found {len(sources)}")
        request = Request(operator, [name])
        if not sources[0].spec.ndim:
            request = Request(operator, [name], add_axis=True, cut=Cut(parts=1), drop_axis=True)
        return perform_on(request, sources, options)
    finally:
        close_all(sources)
