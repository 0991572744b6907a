"""h5py, imported without the program that it has Python run: that takes 3 ms of each start.

h5py asks `platform.uname` for its fifth field, the machine, and Python makes all fields for that.
The last one, the name of the processor, it asks the program ``uname`` for.
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
