"""Join and split tensors larger than memory, in .npy, HDF5 and Zarr files, along any axis.

Examples
--------
>>> import concatsplit_core as cs
>>> cs.concat(["a.npy", "b.h5::/x"], "y.zarr", axis=1)
>>> cs.split("y.zarr", "part-{index:05d}.npy", parts=4)
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if sys.version_info < (3, 12):  # noqa: UP036 - pip refuses it, but source code can be run as it is
    raise ImportError(
        f"concatsplit needs Python 3.12 or newer, and this is Python 3.{sys.version_info[1]}; "
        "install it for a newer one, for example with 'pipx install --python 3.13 concatsplit'"
    )

if TYPE_CHECKING:
    from concatsplit_core.operators import *  # noqa: F403

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: the command line starts without NumPy."""
    from importlib import import_module

    operators = import_module("concatsplit_core.operators")
    if name == "__all__":
        return sorted(operators.__all__)
    if name in operators.__all__:
        return getattr(operators, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What completion offers: all that the library offers, and nothing else."""
    return [*(name for name in globals() if name.startswith("__")), *__getattr__("__all__")]
