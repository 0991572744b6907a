"""Which checksum the chunks of an output carry: pure.

A crc32c finds every single flipped bit, and on the compressed bytes costs less than zstd's own
checksum, which is computed from the bytes before they are compressed.
"""

from __future__ import annotations

from typing import Literal

from concatsplit_core.codecs.pipeline import Codec, Step

Checksum = Literal["auto", "crc32c", "fletcher32", "none"]
"""What may be asked for: auto is the cheapest that the format is sure to have."""

APPENDED = ("crc32c", "fletcher32")
"""Steps that only add a checksum."""

_ZSTD = "zstd"


def bare(codec: Codec) -> Codec:
    """The codec without the checksums of zstd's frames, which no reader depends on."""
    return Codec(tuple(_frame(step, False) for step in codec.steps))


def unchecked(codec: Codec) -> Codec:
    """The codec without steps and settings that only add a checksum."""
    return Codec(tuple(step for step in bare(codec).steps if step.name not in APPENDED))


def is_guarded(steps: tuple[Step, ...]) -> bool:
    """Whether the last step is a checksum of the bytes that are stored."""
    return bool(steps) and steps[-1].name in APPENDED


def in_frames(codec: Codec) -> Codec:
    """The codec with checksums in zstd's frames, unless its last step is a checksum."""
    if is_guarded(codec.steps):
        return codec
    return Codec(tuple(_frame(step, True) for step in codec.steps))


def guarded(codec: Codec, name: str) -> Codec:
    """The codec with a checksum of this name as its last step."""
    if codec.steps and codec.steps[-1].name == name:
        return codec
    return Codec((*bare(codec).steps, Step(name)))


def _frame(step: Step, checked: bool) -> Step:
    if step.name != _ZSTD:
        return step
    return Step(_ZSTD, (*step.settings[:1], *((True,) if checked else ())))


def agreed_steps(codecs: list[Codec | None]) -> Codec | None:
    """The codec of several arrays; if only checksums differ, the one with the most steps.

    Returns
    -------
    Codec or None
        None if they differ in more than checksums, or one has no neutral name.
    """
    known = [codec for codec in codecs if codec is not None]
    if len(known) < len(codecs):
        return None
    others = [codec for codec in known if codec != known[0]]
    if not others:
        return known[0]
    if any(unchecked(codec) != unchecked(known[0]) for codec in others):
        return None
    return max((bare(codec) for codec in known), key=lambda codec: len(codec.steps))
