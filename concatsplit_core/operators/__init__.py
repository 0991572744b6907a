"""The operators, which the command line calls, and the types that they take and return.

Their definitions follow Caffe2's concat and split family (the crate caffe2op-concatsplit). Axes,
dtypes and values follow NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # "import x as x" makes x public for type checkers
    from concatsplit_core.array.cuts import Cut as Cut
    from concatsplit_core.array.inference import Cost as Cost
    from concatsplit_core.array.inference import infer_concat as infer_concat
    from concatsplit_core.array.inference import infer_cost as infer_cost
    from concatsplit_core.array.inference import infer_split as infer_split
    from concatsplit_core.array.spec import ArraySpec as ArraySpec
    from concatsplit_core.foundation.errors import ConcatsplitError as ConcatsplitError
    from concatsplit_core.operators.comparing import diff as diff
    from concatsplit_core.operators.comparison.difference import (
        DataSetDifference as DataSetDifference,
    )
    from concatsplit_core.operators.comparison.difference import Difference as Difference
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
    from concatsplit_core.operators.discarding import discard as discard
    from concatsplit_core.operators.joining import concat as concat
    from concatsplit_core.operators.joining import depth_concat as depth_concat
    from concatsplit_core.operators.joining import split_gradient as split_gradient
    from concatsplit_core.operators.joining import stack as stack
    from concatsplit_core.operators.picturing import draw_chunks as draw_chunks
    from concatsplit_core.operators.recovering import recover as recover
    from concatsplit_core.operators.sharing import run_tasks as run_tasks
    from concatsplit_core.operators.staging import commit as commit
    from concatsplit_core.operators.staging import stage as stage
    from concatsplit_core.operators.statistics import Statistics as Statistics
    from concatsplit_core.operators.undoing import undo as undo
    from concatsplit_core.operators.verifying import Verification as Verification
    from concatsplit_core.operators.verifying import verify as verify
    from concatsplit_core.operators.view import View as View
    from concatsplit_core.operators.viewing import open as open
    from concatsplit_core.run.events import Finished as Finished
    from concatsplit_core.run.events import Moved as Moved
    from concatsplit_core.run.events import Noted as Noted
    from concatsplit_core.run.events import Publishing as Publishing
    from concatsplit_core.run.events import Started as Started
    from concatsplit_core.run.options import Options as Options
    from concatsplit_core.run.result import ArrayResult as ArrayResult
    from concatsplit_core.run.result import Blob as Blob
    from concatsplit_core.run.result import Result as Result
    from concatsplit_core.run.staged.state import RunState as RunState

_HOMES = {
    "ArrayResult": "run.result",
    "ArraySpec": "array.spec",
    "Blob": "run.result",
    "BlobInfo": "operators.describing",
    "ConcatsplitError": "foundation.errors",
    "Cost": "array.inference",
    "Cut": "array.cuts",
    "DataSetDifference": "operators.comparison.difference",
    "Difference": "operators.comparison.difference",
    "Finished": "run.events",
    "Moved": "run.events",
    "Noted": "run.events",
    "Options": "run.options",
    "Publishing": "run.events",
    "Result": "run.result",
    "RunState": "run.staged.state",
    "Started": "run.events",
    "Statistics": "operators.statistics",
    "Verification": "operators.verifying",
    "View": "operators.view",
    "commit": "operators.staging",
    "concat": "operators.joining",
    "concat_gradient": "operators.cutting",
    "depth_concat": "operators.joining",
    "depth_split": "operators.cutting",
    "diff": "operators.comparing",
    "draw_chunks": "operators.picturing",
    "discard": "operators.discarding",
    "feed": "operators.copying",
    "fetch": "operators.copying",
    "fetch_to": "operators.copying",
    "infer_concat": "array.inference",
    "infer_cost": "array.inference",
    "infer_split": "array.inference",
    "info": "operators.describing",
    "open": "operators.viewing",
    "recover": "operators.recovering",
    "reshard": "operators.cutting",
    "run_tasks": "operators.sharing",
    "split": "operators.cutting",
    "split_by_lengths": "operators.cutting",
    "split_gradient": "operators.joining",
    "stack": "operators.joining",
    "stage": "operators.staging",
    "undo": "operators.undoing",
    "unstack": "operators.cutting",
    "verify": "operators.verifying",
}
"""The modules of all that the library offers."""

if not TYPE_CHECKING:  # type checkers know the names from the imports above
    __all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: a command loads only its own modules, and starts fast."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"concatsplit_core.{_HOMES[name]}"), name)
