"""Sizes, shapes and counts as people write and read them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from concatsplit_core.foundation.errors import UsageError

_BINARY = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_MOST_DIGITS = 40
_PATTERN = r"\s*(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?b?)\s*"


def parse_size(text: str | int, option: str = "") -> int:
    """Bytes of ``64MiB``, ``64M``, ``1GB``, ``1048576``.

    As in coreutils a bare letter and ``iB`` count in 1024s, ``B`` behind a letter in 1000s.

    Parameters
    ----------
    text : str or int
    option : str
        The option that it was given with, for messages.

    Raises
    ------
    UsageError
        The text is not a size, or not a positive one.
    """
    where = f"{option}: " if option else ""
    if isinstance(text, int):
        size = text
    else:
        match = re.fullmatch(_PATTERN, text, re.IGNORECASE)
        if match is None or (not match[2] and match[3].lower() in {"i", "ib"}):
            raise UsageError(
                f"{where}'{text}' is not a size; write 64MiB, 1GB, 2G or a number of bytes"
            )
        base = 1000 if match[2] and match[3].lower() == "b" else 1024
        if len(match[1]) > _MOST_DIGITS:
            raise UsageError(
                f"{where}a size of {text[:_MOST_DIGITS]}... is more than any machine has"
            )
        size = int(float(match[1]) * base ** _BINARY[match[2].lower()])
    if size < 1:
        raise UsageError(f"{where}a size of {text} holds nothing; write 64MiB, 1GB, 2G or bytes")
    return size


def format_size(nbytes: int, up: bool = False) -> str:
    """Bytes in the largest binary unit that keeps them readable.

    Parameters
    ----------
    nbytes : int
    up : bool
        Round up, in a form that `parse_size` reads back as at least ``nbytes``.
    """
    if nbytes < 1024:
        return f"{nbytes}B"
    if nbytes >= 1 << 80:  # a claim, beyond all units
        return f"2^{nbytes.bit_length() - 1}B"
    for unit, letter in enumerate("KMGTPE", 1):
        if nbytes < 1024 ** (unit + 1) or letter == "E":
            scaled = nbytes / 1024**unit
            if up:
                return f"{-(-nbytes * 10 // 1024**unit) / 10:g}{letter}iB"
            return f"{scaled:.1f}".rstrip("0").rstrip(".") + f"{letter}iB"
    raise AssertionError("exbibytes hold any size")


def counted(number: int, thing: str, things: str = "") -> str:
    """A number and what it counts: ``1 task``, ``3 tasks``, ``2 axes``."""
    return f"{number} {thing}" if number == 1 else f"{number} {things or f'{thing}s'}"


def shape_text(shape: Sequence[int]) -> str:
    """A shape as people write it."""
    return " x ".join(map(str, shape)) or "scalar"
