"""Join and split tensors larger than memory, in .npy, HDF5 and Zarr files, along any axis.

Examples
--------
>>> import concatsplit_core as cs
>>> cs.concat(["a.npy", "b.h5::/x"], "y.zarr", axis=1)          # doctest: +SKIP
>>> cs.split("y.zarr", "part-{index:05d}.npy", parts=4)         # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concatsplit_core.array.cuts import Cut
    from concatsplit_core.array.inference import Cost, infer_concat, infer_cost, infer_split
    from concatsplit_core.array.spec import ArraySpec
    from concatsplit_core.comparison.difference import Difference
    from concatsplit_core.errors import ConcatsplitError
    from concatsplit_core.operators import (
        BlobInfo,
        Verification,
        concat,
        concat_gradient,
        depth_concat,
        depth_split,
        diff,
        feed,
        fetch,
        fetch_to,
        info,
        recover,
        reshard,
        split,
        split_by_lengths,
        split_gradient,
        stack,
        undo,
        unstack,
        verify,
    )
    from concatsplit_core.run.options import Options
    from concatsplit_core.run.result import Result

__version__ = "0.1.0"

_HOMES = {
    "ArraySpec": "array.spec",
    "BlobInfo": "operators",
    "ConcatsplitError": "errors",
    "Cost": "array.inference",
    "Cut": "array.cuts",
    "Difference": "comparison.difference",
    "Options": "run.options",
    "Result": "run.result",
    "Verification": "operators",
    "concat": "operators",
    "concat_gradient": "operators",
    "depth_concat": "operators",
    "depth_split": "operators",
    "diff": "operators",
    "feed": "operators",
    "fetch": "operators",
    "fetch_to": "operators",
    "infer_concat": "array.inference",
    "infer_cost": "array.inference",
    "infer_split": "array.inference",
    "info": "operators",
    "recover": "operators",
    "reshard": "operators",
    "split": "operators",
    "split_by_lengths": "operators",
    "split_gradient": "operators",
    "stack": "operators",
    "undo": "operators",
    "unstack": "operators",
    "verify": "operators",
}

__all__ = [
    "ArraySpec",
    "BlobInfo",
    "ConcatsplitError",
    "Cost",
    "Cut",
    "Difference",
    "Options",
    "Result",
    "Verification",
    "concat",
    "concat_gradient",
    "depth_concat",
    "depth_split",
    "diff",
    "feed",
    "fetch",
    "fetch_to",
    "infer_concat",
    "infer_cost",
    "infer_split",
    "info",
    "recover",
    "reshard",
    "split",
    "split_by_lengths",
    "split_gradient",
    "stack",
    "undo",
    "unstack",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: the command line starts without NumPy."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"concatsplit_core.{_HOMES[name]}"), name)
