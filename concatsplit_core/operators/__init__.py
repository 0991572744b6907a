"""The operators: the public functions of the library, which the command line calls.

Their definitions follow Caffe2's concat and split family (the crate caffe2op-concatsplit). Axes,
dtypes and values follow NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # "import x as x" makes x public for type checkers
    from concatsplit_core.operators.comparing import diff as diff
    from concatsplit_core.operators.copying import feed as feed
    from concatsplit_core.operators.copying import fetch as fetch
    from concatsplit_core.operators.copying import fetch_to as fetch_to
    from concatsplit_core.operators.cutting import concat_gradient as concat_gradient
    from concatsplit_core.operators.cutting import depth_split as depth_split
    from concatsplit_core.operators.cutting import reshard as reshard
    from concatsplit_core.operators.cutting import split as split
    from concatsplit_core.operators.cutting import split_by_lengths as split_by_lengths
    from concatsplit_core.operators.cutting import unstack as unstack
    from concatsplit_core.operators.describing import BlobInfo as BlobInfo
    from concatsplit_core.operators.describing import info as info
    from concatsplit_core.operators.joining import concat as concat
    from concatsplit_core.operators.joining import depth_concat as depth_concat
    from concatsplit_core.operators.joining import split_gradient as split_gradient
    from concatsplit_core.operators.joining import stack as stack
    from concatsplit_core.operators.recovering import recover as recover
    from concatsplit_core.operators.undoing import undo as undo
    from concatsplit_core.operators.verifying import Verification as Verification
    from concatsplit_core.operators.verifying import verify as verify

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

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Import an operator when it is first used, so that a command loads only its own modules."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"concatsplit_core.operators.{_HOMES[name]}"), name)
