"""The types of options that a program gives, which may be others than those of the command line."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from concatsplit_core.foundation.errors import UsageError, did_you_mean
from concatsplit_core.foundation.given import (
    flag,
    quoted,
    whole_number,
    whole_numbers,
    word,
)
from concatsplit_core.foundation.names import path

_ELSEWHERE = {
    "axis": "dim along",
    "force": "overwrite replace clobber exist_ok",
    "jobs": "threads workers num_workers n_jobs max_workers",
    "codec": "compression compressor compress filters",
    "memory": "memory_limit max_memory",
    "dtype": "astype type",
    "chunks": "chunk chunk_size chunksize",
    "order": "data_format",
    "parts": "sections indices_or_sections",
    "lengths": "split_size_or_sections split_sizes",
    "output": "out path",
}
"""What options are called in other libraries."""


def typed(name: str, value: Any) -> Any:
    """An option as the rest of the program expects it.

    Parameters
    ----------
    name : str
        Of a field of `Options`.
    value
        Not None, and not of a type that needs no change.

    Raises
    ------
    UsageError
        It is of a type that the option cannot have.
    """
    kind = next(
        (convert for names, convert in _CONVERSIONS if name in names.split()),
        lambda _, value: value,
    )
    return kind(name, value)


def no_such_option(operator: str, unknown: str, known: Iterable[str]) -> TypeError:
    """The error that an operator has no option of a name, and which was probably meant."""
    names = [*known, "axis", "order"]
    meant = next((ours for ours, theirs in _ELSEWHERE.items() if unknown in theirs.split()), None)
    hint = f"; did you mean '{meant}'?" if meant else did_you_mean(unknown, names)
    return TypeError(f"{operator} has no option '{unknown}'{hint}")


def meant_dtype(name: str) -> str:
    """The end of a message about a wrong dtype: the one that was probably meant."""
    letter = re.fullmatch(r"([fiuc])(\d+)", name)
    if letter is not None:
        kind = {"f": "float", "i": "int", "u": "uint", "c": "complex"}[letter[1]]
        name = f"{kind}{letter[2]}"
    short = name.lower().replace("fp", "float").replace("bf", "bfloat").replace("double", "float")
    if short in {"float8", "f8e4m3", "f8e5m2"}:
        return "; types of 8 bits are float8_e4m3fn and float8_e5m2"
    kinds = {"float": (16, 32, 64), "int": (8, 16, 32, 64), "uint": (8, 16, 32, 64)}
    known = [f"{kind}{bits}" for kind, widths in kinds.items() for bits in widths]
    known += ["complex64", "complex128", "bool", "bfloat16", "datetime64[ns]"]
    bits = re.findall(r"\d+", short)  # int128 is not a misspelt int8
    alike = [n for n in known if not bits or re.findall(r"\d+", n) == bits]
    return did_you_mean(short, alike, "--dtype ")


def _size(name: str, value: Any) -> str | int:
    if isinstance(value, float) and value.is_integer():
        return int(value)  # 1e9
    if isinstance(value, str):
        return value
    try:
        return whole_number(name, value)
    except UsageError:
        raise UsageError(
            f"{name}: {quoted(value)} is not a size; give '64MiB', '1GB' or a number of bytes"
        ) from None


def _lengths(name: str, value: Any) -> str | tuple[int, ...]:
    if isinstance(value, str):
        return value
    if not isinstance(value, Iterable):
        raise UsageError(
            f"{name}: {quoted(value)} is not a length for each axis, such as (64, 128), 'auto' or "
            "'none'"
        )
    return whole_numbers(name, value)


def _codec(name: str, value: Any) -> Any:
    from concatsplit_core.codecs.pipeline import Codec

    if isinstance(value, str | Codec):
        return value
    raise UsageError(f"{name}: {quoted(value)} is not text such as 'zstd:3' or 'none'")


def _words(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return value
    if not isinstance(value, Iterable):
        raise UsageError(f"{name}: {quoted(value)} is not text, and no list of words")
    return tuple(word(name, each) for each in value)


def _paths(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str | bytes | os.PathLike) or not isinstance(value, Iterable):
        raise UsageError(f"{name}: {quoted(value)} is not a list of names")
    return tuple(path(name, each) for each in value)


def _members(name: str, value: Any) -> str:
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        return ",".join(word(name, each) for each in value)
    raise UsageError(f"{name}: {quoted(value)} is not text such as 'x,y*', and no list of names")


def _pairs(name: str, value: Any) -> list[tuple[str, Any]]:
    given = value.items() if isinstance(value, Mapping) else value
    is_list = isinstance(given, Iterable) and not isinstance(given, str | bytes)
    pairs: list[Any] = list(given) if is_list else []
    if not is_list or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise UsageError(
            f"{name}: {quoted(value)} is not like {{'x': 'part-*.npy'}}, and no list of pairs like "
            "('x', 'part-*.npy')"
        )
    return [(word(name, each), ref) for each, ref in pairs]


def _callable(name: str, value: Any) -> Any:
    if callable(value):
        return value
    raise UsageError(f"{name}: {quoted(value)} is not a function")


_CONVERSIONS: tuple[tuple[str, Callable[[str, Any], Any]], ...] = (
    ("force promote check dry_run sync if_changed follow_links resume", flag),
    ("jobs zarr_format offset", whole_number),
    ("memory", _size),
    ("chunks shards", _lengths),
    ("codec", _codec),
    ("routes", _words),
    ("picture manifest depfile", path),
    ("depends_on", _paths),
    ("raw", word),
    ("members", _members),
    ("arrays", _pairs),
    ("history", flag),
    ("on_event", _callable),
)
