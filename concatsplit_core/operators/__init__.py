"""The operators: the front door of the library, and what the command line calls.

Definitions follow Caffe2's concat and split family (the crate caffe2op-concatsplit); axes, dtypes
and values follow NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concatsplit_core.operators.comparing import diff
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
    from concatsplit_core.operators.recovering import recover
    from concatsplit_core.operators.undoing import undo
    from concatsplit_core.operators.verifying import Verification, verify

_HOMES = {
    "BlobInfo": "describing",
    "Verification": "verifying",
    "concat": "joining",
    "concat_gradient": "cutting",
    "depth_concat": "joining",
    "depth_split": "cutting",
    "diff": "comparing",
    "feed": "copying",
    "fetch": "copying",
    "fetch_to": "copying",
    "info": "describing",
    "recover": "recovering",
    "reshard": "cutting",
    "split": "cutting",
    "split_by_lengths": "cutting",
    "split_gradient": "joining",
    "stack": "joining",
    "undo": "undoing",
    "unstack": "cutting",
    "verify": "verifying",
}

__all__ = [
    "BlobInfo",
    "Verification",
    "concat",
    "concat_gradient",
    "depth_concat",
    "depth_split",
    "diff",
    "feed",
    "fetch",
    "fetch_to",
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
    """Import an operator when it is asked for: a command pays for its own only."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"concatsplit_core.operators.{_HOMES[name]}"), name)
