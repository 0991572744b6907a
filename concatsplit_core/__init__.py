"""Join and split tensors larger than memory, in .npy, HDF5 and Zarr files, along any axis.

Examples
--------
>>> import concatsplit_core as cs
>>> cs.concat(["a.npy", "b.h5::/x"], "y.zarr", axis=1)          # doctest: +SKIP
>>> cs.split("y.zarr", "part-{index:05d}.npy", parts=4)         # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what is imported here under its own name is what the package offers
    from concatsplit_core.array.cuts import Cut as Cut
    from concatsplit_core.array.inference import Cost as Cost
    from concatsplit_core.array.inference import infer_concat as infer_concat
    from concatsplit_core.array.inference import infer_cost as infer_cost
    from concatsplit_core.array.inference import infer_split as infer_split
    from concatsplit_core.array.spec import ArraySpec as ArraySpec
    from concatsplit_core.comparison.difference import Difference as Difference
    from concatsplit_core.errors import ConcatsplitError as ConcatsplitError
    from concatsplit_core.operators import *  # noqa: F403
    from concatsplit_core.run.options import Options as Options
    from concatsplit_core.run.result import Result as Result

__version__ = "0.1.0"

_HOMES = {
    "ArraySpec": "array.spec",
    "ConcatsplitError": "errors",
    "Cost": "array.inference",
    "Cut": "array.cuts",
    "Difference": "comparison.difference",
    "Options": "run.options",
    "Result": "run.result",
    "infer_concat": "array.inference",
    "infer_cost": "array.inference",
    "infer_split": "array.inference",
}
"""Modules of the names that are not those of operators."""


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: the command line starts without NumPy."""
    from importlib import import_module

    if name in _HOMES:
        return getattr(import_module(f"concatsplit_core.{_HOMES[name]}"), name)
    operators = import_module("concatsplit_core.operators")
    if name == "__all__":
        return sorted([*_HOMES, *operators.__all__])
    if name in operators.__all__:
        return getattr(operators, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__getattr__("__all__")]
