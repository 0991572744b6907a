"""fetch and feed: copy one array (Caffe2's FetchBlob and FeedBlob)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from concatsplit_core.array.cuts import Cut
from concatsplit_core.array.low_precision import as_numbers
from concatsplit_core.endpoints.fingerprints import Fingerprints
from concatsplit_core.endpoints.inputs import close_all, open_inputs
from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.foundation.names import path
from concatsplit_core.operators.arguments import options_of
from concatsplit_core.operators.performing import perform_on, recovering, spelled_out
from concatsplit_core.operators.requests import Request
from concatsplit_core.run.loading import load
from concatsplit_core.run.options import Options
from concatsplit_core.run.result import Result

if TYPE_CHECKING:
    from concatsplit_core.operators.keywords import SharedOptions


def fetch(ref: Any) -> np.ndarray:
    """Read a blob into memory (Caffe2's FetchBlob).

    Parameters
    ----------
    ref
        A reference, h5py dataset, zarr array or `View`.

    Returns
    -------
    numpy.ndarray
        BF16 and the like are of ml_dtypes' dtype, or raw items where it is not installed.

    Raises
    ------
    InputChanged
        The blob was changed while it was read.
    UnsafeContent
        A link leads out of its store.
    """
    sources = open_inputs(ref)
    try:
        if len(sources) != 1:
            raise UsageError(f"fetch copies one blob, but REF names {len(sources)}")
        fingerprints = Fingerprints(sources)
        array = as_numbers(load(sources[0]))
        fingerprints.check()
        return array
    finally:
        close_all(sources)


@spelled_out
def fetch_to(ref: Any, output: str, **options: Unpack[SharedOptions]) -> Result:
    """Copy a blob out of a container: to a file, or to stdout as an .npy stream.

    Parameters
    ----------
    ref
        As in `fetch`.
    output : str
        A reference, or ``-`` for stdout.
    **options
        Those of `Options`.
    """
    return _copy("fetch", ref, output, options_of("fetch", {**options}))


@spelled_out
def feed(ref: str, array: Any, **options: Unpack[SharedOptions]) -> Result:
    """Write an array as a blob, also as a new member of an existing container.

    The container is never left half-written: an HDF5 file is copied with the new member and then
    replaced; a Zarr array is built outside the store and then moved into it (Caffe2's FeedBlob).

    Parameters
    ----------
    ref : str
        The output, such as ``x.h5::/group/name``.
    array
        A reference, ``-`` for an .npy stream on stdin, ndarray, h5py dataset, zarr array or
        `View`.
    **options
        Those of `Options`.
    """
    return _copy("feed", array, ref, options_of("feed", {**options}))


def _copy(operator: str, item: Any, output: str, options: Options) -> Result:
    """Copy one array. A scalar is stacked to length 1 and the axis dropped again."""
    name = path("REF" if operator == "feed" else "output", output)
    sources = open_inputs(
        item, beside=name, recover=recovering(options), raw=options.raw_description
    )
    try:
        if len(sources) != 1:
            raise UsageError(f"{operator} copies one blob, but the input names {len(sources)}")
        request = Request(operator, [name])
        if not sources[0].spec.ndim:
            request = Request(operator, [name], add_axis=True, cut=Cut(parts=1), drop_axis=True)
        return perform_on(request, sources, options)
    finally:
        close_all(sources)
