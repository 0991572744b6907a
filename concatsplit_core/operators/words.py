"""The words of a command line: lists of references, and what a word can be."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from concatsplit_core.endpoints.lists import expand, parse_list, read_list
from concatsplit_core.endpoints.references import parse_input


def references_in(source: str | bytes, null: bool = False) -> list[str]:
    """The references of a list.

    Parameters
    ----------
    source : str or bytes
        The name of the file with the list, or the list itself.
    null : bool
        The references end in NUL instead of with the line.

    Raises
    ------
    InputUnavailable
        The file cannot be read, or is no list.
    """
    return parse_list(source, null) if isinstance(source, bytes) else read_list(source, null)


def files_of(words: Iterable[str]) -> Iterator[str]:
    """The references that words and patterns stand for, if their files are there."""
    for word in words:
        for ref in expand([os.path.expanduser(word)]):
            if os.path.exists(ref.partition("::")[0]):
                yield ref


def member_names(path: str) -> list[str]:
    """The names of the arrays in a file or store, as far as a shell can show them."""
    from concatsplit_core.formats.registry import detect

    place, _ = parse_input(os.path.expanduser(path))
    members = detect(place, path).members(place, path)
    return [name for name in members if name and name.isprintable()]


def dims_of(ref: str) -> list[str]:
    """The names of the dimensions of all arrays that a reference stands for."""
    from concatsplit_core.operators.describing import info

    dims = (str(dim) for blob in info(ref) for dim in blob.dims or () if dim)
    return list(dict.fromkeys(dims))


def codecs(start: str) -> Sequence[str]:
    """What a codec can be that is typed as far as this."""
    from concatsplit_core.codecs.pipeline import codec_words

    return codec_words(start)


def routes() -> Sequence[str]:
    """The names of the routes."""
    from concatsplit_core.planning.task import ROUTES

    return ROUTES
