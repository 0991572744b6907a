"""Lists of references in files, one a line: ``@list`` and ``--files-from``."""

from __future__ import annotations

import os
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator
from pathlib import Path

from concatsplit_core.endpoints.patterns import matches
from concatsplit_core.foundation.errors import InputUnavailable, UsageError
from concatsplit_core.stores.files import input_error

MOST_FROM_LISTS = 1 << 20
"""How many more references lists may stand for than they hold, since lists can name lists."""
_DEEPEST = 100
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def expand(refs: Iterable[str]) -> Iterator[str]:
    """Resolve ``@list`` files and patterns, in the order given.

    Raises
    ------
    InputUnavailable
        A pattern matches nothing, or a list cannot be read.
    UsageError
        A list leads back to itself, or lists of lists stand for far more than they hold.
    """
    known: dict[str, list[str]] = {}
    for ref in refs:
        if _is_list(ref):
            _read_all(ref, known)
            yield from _flattened(ref, known)
        else:
            yield from matches(ref)


def _is_list(ref: str) -> bool:
    """Whether a reference stands for those in a file."""
    return ref.startswith("@") and not os.path.exists(ref)


def lists_in(refs: Iterable[str]) -> list[str]:
    """The files of all ``@list`` references, and of the lists that these name."""
    lists: dict[str, list[str]] = {}
    for ref in refs:
        if _is_list(ref):
            _read_all(ref, lists)
    return [ref[1:] for ref in lists]


def _read_all(ref: str, lists: dict[str, list[str]]) -> None:
    """Read a list and all lists that it names, each once, and count the references."""
    counts: dict[str, int] = {}
    _count(ref, lists, counts, ())
    held = sum(map(len, lists.values()))
    if counts[ref] > MOST_FROM_LISTS + held:
        raise UsageError(
            f"the list {ref}: lists in it name each other, so that {held} lines become "
            f"{counts[ref]} inputs; name each input once",
            ref=ref,
            found=counts[ref],
            expected=MOST_FROM_LISTS,
        )


def _count(
    ref: str, lists: dict[str, list[str]], counts: dict[str, int], above: tuple[str, ...]
) -> int:
    """How many entries a list stands for, itself included."""
    if ref in above:
        raise UsageError(f"the list {ref} leads back to itself", ref=ref)
    if len(above) > _DEEPEST:
        raise UsageError(f"the list {ref}: lists name lists more than {_DEEPEST} deep", ref=ref)
    if ref not in counts:
        entries = lists[ref] if ref in lists else lists.setdefault(ref, read_list(ref[1:]))
        counts[ref] = 1 + sum(
            _count(entry, lists, counts, (*above, ref)) if _is_list(entry) else 1
            for entry in entries
        )
    return counts[ref]


def _flattened(ref: str, lists: dict[str, list[str]]) -> Iterator[str]:
    for entry in lists[ref]:
        if entry in lists:
            yield from _flattened(entry, lists)
        else:
            yield from matches(entry)


def read_list(path: str | Path, null: bool = False) -> list[str]:
    """References from a file; see `parse_list`."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        plain = input_error(f"the list {path}", error)
        if str(path) == "-":
            plain = type(plain)(f"{plain.message}; --files-from - reads a list from stdin")
        raise plain from error
    return parse_list(data, null, str(path))


def parse_list(data: bytes, null: bool = False, name: str = "stdin") -> list[str]:
    """References out of a list.

    Parameters
    ----------
    data : bytes
        One reference a line. Lines may end as on Windows, and a byte order mark may come first;
        blank lines and those that start with ``#`` are skipped. A file whose name starts with it
        is written ``./#name``.
    null : bool
        The references end in NUL instead, and are taken as they are.
    name : str
        Where the list comes from, for messages.

    Raises
    ------
    InputUnavailable
        It is no list, or its names end in the other way.
    """
    if null:
        text = data.decode("utf-8", "surrogateescape")
        if "\0" not in text and "\n" in text:
            raise InputUnavailable(f"the list {name}: its names end with the line; leave out -0")
        return [ref for ref in text.split("\0") if ref]
    try:
        if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):  # PowerShell writes its lists so
            text = data.decode("utf-16")
        else:
            text = data.removeprefix(_BYTE_ORDER_MARK).decode("utf-8", "surrogateescape")
        first, nul, _ = text.partition("\0")
        if nul:
            raise ValueError("it holds NUL bytes" if first.isprintable() else "it is not text")
    except ValueError as error:
        raise InputUnavailable(
            f"the list {name}: {error}; a list has one name a line, or names that end in NUL with "
            "--files-from and -0"
        ) from error
    lines = (line.removesuffix("\r") for line in text.split("\n"))
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
