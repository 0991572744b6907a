"""Opens inputs that are given as references, patterns, lists or arrays."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from concatsplit_core.endpoints.references import (
    SEPARATOR,
    is_path,
    parse_input,
    split_store,
)
from concatsplit_core.formats.base import InputFormat
from concatsplit_core.formats.registry import detect, open_array
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.errors import (
    ConcatsplitError,
    InputUnavailable,
    IOFailure,
    MalformedInput,
    UsageError,
)
from concatsplit_core.stores.base import Location
from concatsplit_core.stores.files import ReadingInput, input_error, output_error
from concatsplit_core.stores.folders import Folders
from concatsplit_core.stores.local import local

STREAM = "-"
_TWICE = "stdin (-) is one input; it cannot be read twice"


def open_inputs(
    inputs: Any,
    beside: str | None = None,
    recover: Callable[[list[Location]], bool] | None = None,
    raw: str | None = None,
) -> list[Source]:
    """Open references, patterns, ``@list`` files, and arrays of a program.

    Parameters
    ----------
    inputs : str, path, array or sequence of these
    beside : str, optional
        An output; an .npy stream from stdin (``-``) is copied to a file in its folder.
    recover : callable, optional
        Completes what killed runs left in these folders, before anything there is read. Returns
        whether there was anything.
    raw : str, optional
        What files of bare elements hold, as it follows ``::`` in a reference.

    Raises
    ------
    InputUnavailable, MalformedInput, UnsafeContent, UsageError
    """
    opened: list[Source] = []
    try:
        for item in resolve(inputs, recover, raw):
            if isinstance(item, str):
                opened.append(open_input_ref(item, beside))
            else:
                from concatsplit_core.endpoints.objects import open_object

                opened.append(open_object(item, f"<input {len(opened)}>"))
    except BaseException:
        close_all(opened)
        raise
    return opened


def resolve(
    inputs: Any, recover: Callable[[list[Location]], bool] | None, raw: str | None = None
) -> list[Any]:
    """The references of all inputs, after recovery of what killed runs left beside them.

    Parameters
    ----------
    inputs, recover, raw
        As of `open_inputs`.
    """
    if recover is None:
        return _expanded(inputs, raw)
    try:
        found = _expanded(inputs, raw)
    except InputUnavailable:  # a pattern may match what is not there yet
        if recover(_folders_of(given_inputs(inputs))):
            return _expanded(inputs, raw)
        raise
    return _expanded(inputs, raw) if recover(_folders_of(found)) else found


def _folders_of(items: Iterable[Any]) -> list[Location]:
    """The folders that files and stores lie in, each once."""
    folders: dict[str, None] = {}
    elsewhere: dict[Location, None] = {}
    stores: dict[str, tuple[str, bool]] = {}
    known = Folders()
    for item in items:
        if not isinstance(item, str | os.PathLike) or item == STREAM:
            continue
        path = os.fspath(item)
        if not is_path(path):
            elsewhere[parse_input(path).place.parent] = None
            continue
        is_folder = known.is_folder(path)
        if is_folder is None:
            path = path.partition(SEPARATOR)[0]
            is_folder = known.is_folder(path)
        head, tail = os.path.split(path)
        if tail in {"", ".", ".."}:
            head, tail = os.path.split(os.path.abspath(path))
        if head not in stores:  # many files lie in one folder
            above = os.path.abspath(head)
            store, inside = split_store(local(os.path.join(above, "x")))
            stores[head] = (store.key, True) if inside else (above, False)
        place, is_store = stores[head]
        if is_store:
            folders[os.path.dirname(place)] = None
            if os.path.isdir(place):
                folders[place] = None
        else:
            folders[place] = None
            if is_folder:
                folders[os.path.join(place, tail)] = None
    return [*map(local, folders), *elsewhere]


def refuse_second_stream(inputs: Any, vectors: Iterable[Any]) -> None:
    """Refuse stdin as an input if a vector of lengths was read from it."""
    both = (vectors, given_inputs(inputs))
    if all(any(isinstance(item, str) and item == STREAM for item in items) for items in both):
        raise UsageError(_TWICE, ref=STREAM)


def _expanded(inputs: Any, raw: str | None) -> list[Any]:
    """The inputs, with patterns and lists replaced by what they stand for; stdin only once."""
    found: list[Any] = []
    for item in given_inputs(inputs):
        if not isinstance(item, str | os.PathLike):
            found.append(item)
            continue
        for ref in _stands_for(os.fspath(item)):
            found += _members_of(ref) if SEPARATOR in ref else [ref]
    if sum(isinstance(item, str) and item == STREAM for item in found) > 1:
        raise UsageError(_TWICE, ref=STREAM)
    if raw is None:
        return found
    from concatsplit_core.formats.raw import with_description

    return [with_description(item, raw) if isinstance(item, str) else item for item in found]


def _stands_for(word: str) -> Iterable[str]:
    """The references that a pattern or a list stands for; of most words, themselves."""
    if not (word.startswith("@") or "*" in word or "?" in word or "[" in word):
        return [word]
    from concatsplit_core.endpoints.lists import expand

    return expand([word])


def _members_of(ref: str) -> list[str]:
    from concatsplit_core.endpoints.member_patterns import expand_members

    return expand_members(ref)


def open_input_ref(ref: str, beside: str | None = None) -> Source:
    """Open one reference, or the .npy stream on stdin."""
    return _spool(beside) if ref == STREAM else open_ref(ref)


def _spool(beside: str | None) -> Source:
    """Copy stdin to a file without a name, and open the .npy stream that it is."""
    import tempfile

    if os.isatty(0):
        raise UsageError(
            "-: stdin is a terminal; send an .npy stream to it with < FILE or PROGRAM |", ref=STREAM
        )
    from concatsplit_core.formats.stream import spooled_source

    folder = os.path.dirname(os.path.abspath(beside.partition("::")[0])) if beside else None
    if beside == STREAM or (folder is not None and not os.path.isdir(folder)):
        folder = None
    try:
        spooled = tempfile.TemporaryFile(dir=folder)
    except OSError as error:
        raise output_error("the spooled stdin", error) from error
    try:
        for piece in _stdin():
            spooled.write(piece)
        spooled.flush()
        path = f"/proc/self/fd/{spooled.fileno()}"
        form = detect(local(path), "stdin")
        if not form.is_piped:
            raise MalformedInput(
                f"-: stdin is {form.name} and no .npy stream; give the name of the file", ref=STREAM
            )
        return spooled_source(spooled, path, STREAM)
    except BaseException as error:
        spooled.close()
        if isinstance(error, OSError) and not isinstance(error, ConcatsplitError):
            raise output_error("the spooled stdin", error) from error
        raise


def _stdin() -> Iterator[bytes]:
    """All of stdin, piece by piece."""
    while True:
        try:
            piece = os.read(0, 1 << 20)
        except OSError as error:
            if error.errno == errno.EBADF:
                raise IOFailure("stdin: cannot be read: it is closed", ref=STREAM) from error
            raise input_error("stdin", error) from error
        if not piece:
            return
        yield piece


def once(inputs: Any) -> Any:
    """Inputs that can be gone through again: what a generator makes is kept."""
    return list(inputs) if isinstance(inputs, Iterator) else inputs


def given_inputs(inputs: Any) -> Iterable[Any]:
    """The inputs that a program gives: one, or several in an order.

    What has a shape or elements of its own, such as a tensor, is one input and never a list of its
    rows. What is looked up by names, such as a group, is neither.

    Raises
    ------
    UsageError
        They are none of this.
    """
    if isinstance(inputs, list | tuple):
        return inputs
    if isinstance(inputs, str | os.PathLike | np.ndarray):
        return [inputs]
    from concatsplit_core.endpoints.objects import listed

    return listed(inputs)


def open_ref(ref: str) -> Source:
    """Open one reference."""
    place, member = parse_input(ref)
    return open_array(place, member, ref)


def open_member(form: InputFormat, place: Location, member: str | None, ref: str) -> Source:
    """Open an array of a file of a known format."""
    with ReadingInput(ref):
        return form.open(place, member, ref)


def close_all(sources: Iterable[Source]) -> None:
    """Close inputs. An error is ignored: nothing is lost by it."""
    for source in sources:
        with suppress(OSError):
            source.close()


@contextmanager
def opened(refs: Sequence[Any]) -> Iterator[list[Source]]:
    """Inputs that are open inside the context."""
    sources = open_inputs(refs)
    try:
        yield sources
    finally:
        close_all(sources)
