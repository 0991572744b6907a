"""Imports h5py without running the program ``uname``, which would take 3 ms of each start.

h5py asks `platform.uname` for the machine. Python then finds out all fields, and runs ``uname``
for the last one, the name of the processor.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["h5py", "unknown_processor"]


@contextmanager
def unknown_processor() -> Iterator[None]:
    """Inside the context, the name of the processor is empty where Python has not found it yet."""
    fields = getattr(platform.uname(), "__dict__", {})
    is_known = "processor" in fields
    fields.setdefault("processor", "")
    try:
        yield
    finally:
        if not is_known:
            fields.pop("processor", None)


with unknown_processor():
    import h5py
