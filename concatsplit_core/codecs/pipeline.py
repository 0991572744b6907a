"""Codecs in terms that HDF5 and Zarr share: a chain of named steps."""

from __future__ import annotations

import re
from typing import Any

from concatsplit_core.foundation.errors import UsageError, did_you_mean
from concatsplit_core.foundation.records import NamedTuple

_COMPRESSORS = ("gzip", "zlib", "zstd", "lz4", "lzf", "blosc", "bz2")
_LEVELS = {"gzip": (0, 9), "zlib": (0, 9), "zstd": (-131072, 22), "bz2": (1, 9)}
_DEFAULT_LEVEL = {"gzip": 4, "zlib": 4, "zstd": 3, "bz2": 9}
BLOSC_COMPRESSORS = ("blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd")
"""Blosc's inner compressors; the position of each is its number in HDF5's filter."""
BLOSC_MISSING = "snappy"
"""The one that numcodecs is built without."""
BLOSC_AVAILABLE = tuple(name for name in BLOSC_COMPRESSORS if name != BLOSC_MISSING)
BLOSC_SHUFFLES = ("noshuffle", "shuffle", "bitshuffle")
"""How blosc shuffles; the position of each is its number in HDF5 and in Zarr format 2."""
_FILTERS = ("shuffle", "fletcher32", "crc32c")
_SPOKEN = {"lz4_blocks": "lz4", "loose_shuffle": "shuffle"}
"""What users call a step that HDF5 has in its own variant: its lz4 comes in blocks, and its
shuffle takes bytes that are not a whole number of items."""


class Step(NamedTuple):
    """One step of a codec: its name and its settings."""

    name: str
    settings: tuple[Any, ...] = ()

    def __str__(self) -> str:
        settings = self.settings[:1] if self.name == "zstd" else self.settings
        return ":".join(map(str, (_SPOKEN.get(self.name, self.name), *settings)))


class Codec(NamedTuple):
    """Steps in the order in which they encode; without steps, data are stored as they are."""

    steps: tuple[Step, ...] = ()

    def __str__(self) -> str:
        return "+".join(map(str, self.steps)) or "none"

    @property
    def names(self) -> set[str]:
        """Names of the steps."""
        return {step.name for step in self.steps}

    def without(self, name: str) -> Codec:
        """The codec without the steps of one name."""
        return Codec(tuple(step for step in self.steps if step.name != name))

    def __bool__(self) -> bool:
        return bool(self.steps)


def parse_codec(text: str) -> Codec:
    """A codec as it is written on a command line.

    ``none``, ``gzip:4``, ``zstd:3``, ``lz4``, ``lzf``, ``bz2``, ``blosc:zstd:5:shuffle``; steps
    are joined by ``+``, as in ``shuffle+gzip:4+fletcher32``.

    Raises
    ------
    UsageError
        An unknown name or a setting out of range.
    """
    if text.strip().lower() in {"none", ""}:
        return Codec()
    return Codec(tuple(_parse_step(part) for part in text.lower().split("+")))


def codec_names() -> tuple[str, ...]:
    """What a codec or a filter can be called."""
    return ("none", *_COMPRESSORS, *_FILTERS)


def codec_words(start: str) -> tuple[str, ...]:
    """What a codec can be that is typed as far as this: names of steps, and their settings."""
    done, plus, step = start.lower().rpartition("+")
    given, colon, _ = step.rpartition(":")
    name, *settings = given.split(":")
    levels = tuple(str(level) for level in range(1, _LEVELS.get(name, (0, 9))[1] + 1))
    if not given:
        following = codec_names()[1:] if plus else codec_names()
    elif name == "blosc":
        following = ((BLOSC_AVAILABLE, levels, BLOSC_SHUFFLES)[len(settings) :] or ((),))[0]
    else:
        following = levels if name in _LEVELS and not settings else ()
    return tuple(f"{done}{plus}{given}{colon}{word}" for word in following)


def _parse_step(text: str) -> Step:
    name, *settings = text.strip().split(":")
    if name == "blosc":
        return _parse_blosc(settings)
    if name in _FILTERS or name in {"lz4", "lzf"}:
        if settings:
            found = ":".join(settings)
            raise UsageError(
                f"--codec {text}: {name} has no setting, found '{found}'; write {name}"
            )
        return Step(name)
    if name not in _COMPRESSORS:
        known = codec_names()
        hint = did_you_mean(name, known)
        level = re.fullmatch(r"([a-z]+2?)[-_=( ]*(\d+)\)?", name)
        if level is not None and level[1] in _COMPRESSORS:
            hint = f"; did you mean '{level[1]}:{level[2]}'?"
        raise UsageError(f"--codec: unknown codec '{name}'; known are {', '.join(known)}{hint}")
    if len(settings) > 1:
        raise UsageError(
            f"--codec {text}: {name} has one setting, its level; write {name}:{settings[0]}"
        )
    return Step(name, (_level(name, settings, settings[0]) if settings else _DEFAULT_LEVEL[name],))


def _parse_blosc(settings: list[str]) -> Step:
    cname, level, shuffle = (settings + ["lz4", "5", "shuffle"][len(settings) :])[:3]
    if len(settings) > 3 or cname not in BLOSC_AVAILABLE or shuffle not in BLOSC_SHUFFLES:
        raise UsageError(
            f"--codec blosc:{':'.join(settings)}: it is not blosc:NAME:LEVEL:SHUFFLE with NAME of "
            f"{', '.join(BLOSC_AVAILABLE)} and SHUFFLE of {', '.join(BLOSC_SHUFFLES)}"
            f"{_meant_blosc(settings)}"
        )
    return Step("blosc", (cname, _level("blosc", settings, level), shuffle))


def _meant_blosc(settings: list[str]) -> str:
    """The end of a message about wrong settings of blosc: those that were probably meant."""
    first, *others = settings
    if first.isdigit() and all(other in BLOSC_AVAILABLE for other in others[:1]):
        return f"; did you mean 'blosc:{(others or ['lz4'])[0]}:{first}'?"
    if first not in BLOSC_AVAILABLE:
        return did_you_mean(first, BLOSC_AVAILABLE)
    return did_you_mean(others[1], BLOSC_SHUFFLES) if len(others) == 2 else ""


def _level(name: str, settings: list[str], text: str) -> int:
    given = f"--codec {':'.join([name, *settings])}"
    low, high = _LEVELS.get(name, (0, 9))
    try:
        level = int(text)
    except ValueError:
        raise UsageError(
            f"{given}: its level '{text}' is not a whole number from {low} to {high}"
        ) from None
    if not low <= level <= high:
        raise UsageError(f"{given}: its level {level} is not within {low} to {high}")
    return level
