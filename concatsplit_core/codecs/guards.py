"""Steps that put a checksum after the bytes of a chunk, and check and remove it."""

from __future__ import annotations

from typing import Any

import numpy as np

from concatsplit_core.foundation.errors import MalformedInput

SIZE = 4
"""Bytes of either checksum."""


def crc32c_of(data: Any) -> bytes:
    """The checksum of a buffer, as it is stored."""
    import google_crc32c

    return int(google_crc32c.value(_as_array(data))).to_bytes(SIZE, "little")


def with_crc32c(data: Any) -> bytes:
    """A buffer and its checksum."""
    return b"".join((memoryview(data).cast("B"), crc32c_of(data)))


def without_crc32c(data: Any) -> memoryview:
    """A buffer without its checksum.

    Raises
    ------
    MalformedInput
        The checksum does not match.
    """
    view = _long_enough(data, "crc32c")
    if crc32c_of(view[:-SIZE]) != view[-SIZE:]:
        raise MalformedInput("its crc32c checksum does not match")
    return view[:-SIZE]


def extended(total: int, piece: np.ndarray) -> int:
    """The crc32c of all pieces so far, from that of the pieces before this one."""
    import google_crc32c

    found: int = google_crc32c.extend(total, piece)
    return found


def with_fletcher32(data: Any) -> Any:
    """As `with_crc32c`."""
    from numcodecs.fletcher32 import Fletcher32

    return Fletcher32().encode(_as_array(data))


def without_fletcher32(data: Any) -> Any:
    """As `without_crc32c`."""
    from numcodecs.fletcher32 import Fletcher32

    _long_enough(data, "fletcher32")
    try:
        return Fletcher32().decode(_as_array(data))
    except RuntimeError as error:  # its own text has two lines
        raise MalformedInput("its fletcher32 checksum does not match") from error


def _long_enough(data: Any, name: str) -> memoryview:
    view = memoryview(data).cast("B")
    if len(view) <= SIZE:
        raise MalformedInput(f"it is no longer than its {name} checksum")
    return view


def _as_array(data: Any) -> np.ndarray:
    """A buffer as an array, without a copy: google_crc32c takes no memory view."""
    return np.frombuffer(data, np.uint8) if memoryview(data).nbytes else np.empty(0, np.uint8)
