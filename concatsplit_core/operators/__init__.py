"""The operators: the front door of the library, and what the command line calls.

Definitions follow Caffe2's concat and split family (the crate caffe2op-concatsplit); axes, dtypes
and values follow NumPy.
"""

from __future__ import annotations

from concatsplit_core.operators.copying import feed, fetch, fetch_to
from concatsplit_core.operators.cutting import (
    concat_gradient,
    depth_split,
    reshard,
    split,
    split_by_lengths,
    unstack,
)
from concatsplit_core.operators.describing import BlobInfo, info
from concatsplit_core.operators.joining import concat, depth_concat, split_gradient, stack
from concatsplit_core.operators.undoing import undo

__all__ = [
    "BlobInfo",
    "concat",
    "concat_gradient",
    "depth_concat",
    "depth_split",
    "feed",
    "fetch",
    "fetch_to",
    "info",
    "reshard",
    "split",
    "split_by_lengths",
    "split_gradient",
    "stack",
    "undo",
    "unstack",
]
