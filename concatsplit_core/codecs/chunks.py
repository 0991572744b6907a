"""Decoding and encoding of single chunks outside any format's library, with a bounded result.

A decoder never makes more bytes than its limit: it checks sizes in headers first, and inflates a
stream without a size only up to the limit.
"""

from __future__ import annotations

from typing import Any

from concatsplit_core.codecs.bounds import STEP_ROOM
from concatsplit_core.codecs.pipeline import BLOSC_MISSING, Step
from concatsplit_core.codecs.steps import DECODERS, ENCODERS, INTO, guards
from concatsplit_core.foundation.errors import MalformedInput, OverBudget
from concatsplit_core.foundation.interrupts import BlockingLibraries

Bytes = Any
"""Anything with the buffer protocol."""

_CRC32C = Step("crc32c")
_OF_NUMCODECS = {"blosc", "lz4", "lz4_blocks", "fletcher32"}
"""Codecs in C that may keep Python from handling signals."""


def decode(
    data: Bytes, steps: tuple[Step, ...], nbytes: int, space: memoryview | None = None
) -> Bytes:
    """Undo the steps of a chunk, last one first.

    Parameters
    ----------
    data : buffer
        The chunk as stored.
    steps : tuple of Step
        In the order in which they encode.
    nbytes : int
        Bytes of the decoded chunk.
    space : memoryview, optional
        As many bytes, to decode to if the codec can; they are overwritten in any case.

    Returns
    -------
    buffer
        The decoded chunk, which is ``space`` if it was decoded there.

    Raises
    ------
    OverBudget
        The chunk claims, or expands to, more than it should hold.
    MalformedInput
        The chunk is damaged, or holds less than it should.
    """
    if space is not None and steps and steps[0].name in INTO:
        data, steps = _undone(data, steps[1:], nbytes), steps[:1]
        if _goes_into(data, steps[0], space):
            return space
    data = decode_most(data, steps, nbytes)
    found = memoryview(data).nbytes
    if found < nbytes:
        raise MalformedInput(f"it holds {found} bytes where {nbytes} belong", found=found)
    return data


def decode_most(data: Bytes, steps: tuple[Step, ...], nbytes: int) -> Bytes:
    """As `decode`, for a chunk that may hold fewer bytes."""
    data = _undone(data, steps, nbytes)
    found = memoryview(data).nbytes
    if found > nbytes:
        raise OverBudget(f"it expands to {found} bytes or more where {nbytes} belong", found=found)
    return data


def _undone(data: Bytes, steps: tuple[Step, ...], nbytes: int) -> Bytes:
    for step in reversed(steps):
        data = decode_bounded(data, step, nbytes + STEP_ROOM)
    return data


def check_guard(data: Bytes, steps: tuple[Step, ...]) -> None:
    """Compare the checksum that is the last step of a chunk, without decoding the chunk.

    Raises
    ------
    MalformedInput
        The checksum does not match.
    """
    decode_bounded(data, steps[-1], memoryview(data).nbytes)


def decode_bounded(data: Bytes, step: Step, limit: int) -> Bytes:
    """Undo one step; its result may have this many bytes at most."""
    try:
        return DECODERS[step.name](data, step, limit)
    except (MemoryError, MalformedInput):  # of which `OverBudget` is one
        raise
    except Exception as error:  # each codec library raises its own errors for damaged data
        raise MalformedInput(f"{step.name} cannot decode it: {error}") from error


def _goes_into(data: Bytes, step: Step, space: memoryview) -> bool:
    """Undo a step into `space`; False where that fails, and `decode_bounded` then says why."""
    try:
        return INTO[step.name](data, step, space)
    except Exception:  # each codec library raises its own errors for damaged data
        return False


def encode(data: Bytes, steps: tuple[Step, ...], itemsize: int) -> Bytes:
    """Apply the steps to the bytes of a chunk."""
    for step in steps:
        data = ENCODERS[step.name](data, step, itemsize)
    return data


def encode_in_parts(data: Bytes, steps: tuple[Step, ...], itemsize: int) -> list[Bytes]:
    """As `encode`, in parts to be written one after the other, so that a checksum needs no copy."""
    if steps[-1:] != (_CRC32C,):
        return [encode(data, steps, itemsize)]
    body = encode(data, steps[:-1], itemsize)
    return [body, guards().crc32c_of(body)]


def announce_libraries(steps: tuple[Step, ...]) -> None:
    """Tell the signal handlers which libraries may block while chunks with these steps decode."""
    if not _OF_NUMCODECS.isdisjoint(step.name for step in steps):
        BlockingLibraries.announce()


def can_decode(steps: tuple[Step, ...]) -> bool:
    """Whether all steps have a decoder here."""
    return all(step.name in DECODERS and _is_known_blosc(step) for step in steps)


def can_encode(steps: tuple[Step, ...]) -> bool:
    """Whether all steps have an encoder here."""
    return all(step.name in ENCODERS and _is_known_blosc(step) for step in steps)


def _is_known_blosc(step: Step) -> bool:
    """Whether blosc's inner compressor is one that numcodecs is built with."""
    return step.name != "blosc" or step.settings[0] != BLOSC_MISSING
