"""Opens datasets; a child process tries the first ones of each file before."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from math import prod
from typing import NoReturn
from weakref import WeakSet

from concatsplit_core.array.geometry import Box
from concatsplit_core.formats.hdf5.describing import describe_member
from concatsplit_core.formats.hdf5.files import open_briefly, pool, scouts, version_of
from concatsplit_core.formats.hdf5.looking import serve, write_text
from concatsplit_core.formats.hdf5.reading import Hdf5Chunked, Hdf5Source
from concatsplit_core.formats.sources import ChunkedSource, DecodedSource
from concatsplit_core.foundation.errors import InputChanged, MalformedInput

_SMALL, _FEW, _MUCH = 4 << 20, 1000, 64 << 20
"""Bytes of a file, chunks, and bytes of array data that are few enough to be read twice."""
_FIRST = 64
"""How many inputs of a call, and members of a file, are tried in a child process.

For thousands it would take too long.
"""
_FILES = 1024
"""How many files are remembered, with the number of their members that were tried."""
_TIMES = 4
"""How often a file is tried that is no longer the same when it is opened."""
_STAYS_MS = 10_000
"""How long a program stays that nobody asks any more: starting another one takes 0.2 s."""
_LONG = 0.5
"""Seconds of processor time after which the child tries no more members for one question."""

_inputs: WeakSet[Hdf5Source] = WeakSet()
"""The sources that are open: mostly the inputs of one call."""
_tried: dict[tuple[int, ...], int] = {}
"""How many members of each file were tried; the keys tell one version of a file from another."""
_passed: set[tuple[tuple[int, ...], str | None]] = set()
"""Members that were tried, with the version of their file."""


def open_member(path: str, member: str | None, ref: str) -> Hdf5Source:
    """Open a dataset; without a name, the only one of the file."""
    if len(_inputs) >= _FIRST:
        return describe_member(path, member, ref)
    for _ in range(_TIMES):
        version = _version(path)
        if _is_to_be_tried(version, member):
            scouts.check(_look_at_member, path, member, ref, _prepare_to_write)
            _note_passed(version, [member])
        source = describe_member(path, member, ref)
        opened = pool.peek(path)
        if opened is None or opened.version == version:
            _inputs.add(source)
            return source
        source.close()
    raise InputChanged(f"{ref}: is replaced or written to again and again while it is opened")


def try_members(path: str, members: Sequence[str]) -> None:
    """Have the first of a file's members, which are about to be opened, tried together.

    If one of them crashes the child, nothing is known about the others. So a member that is not
    known to have passed is tried alone when it is opened.
    """
    version = _version(path)
    most = max(0, _FIRST - max(len(_inputs), _tried.get(version, 0)))
    left = [name for name in members[:_FIRST] if (version, name) not in _passed][:most]
    with suppress(MalformedInput):
        while len(left) > 1:
            question = _look_at_members, path, json.dumps(left), path
            passed = int(scouts.check(*question, _prepare_to_write) or 0)
            if not passed:
                break
            _note_passed(version, left[:passed])
            left = left[passed:]


def _note_passed(version: tuple[int, ...], members: Sequence[str | None]) -> None:
    """Remember members that were tried, while their file stays the same."""
    for known, most in ((_passed, _FIRST * _FILES), (_tried, _FILES)):
        if len(known) >= most:
            known.clear()
    _passed.update((version, name) for name in members)
    _tried[version] = _tried.get(version, 0) + len(members)


def _prepare_to_write() -> None:
    """Import what writes HDF5, which most runs that read it do as well.

    Another process looks at the input meanwhile, so that nobody waits for this.
    """
    from concatsplit_core.formats.hdf5 import layout, writing  # noqa: F401


def _version(path: str) -> tuple[int, ...]:
    try:
        return version_of(os.stat(path))
    except OSError:
        return ()


def _is_to_be_tried(version: tuple[int, ...], member: str | None) -> bool:
    """Whether few members of a file have been tried since it was last changed, and not this one."""
    if not version:
        return True
    return (version, member) not in _passed and _tried.get(version, 0) < _FIRST


def _look_at_members(path: str, members: str | None) -> bytes:
    """Try several members, with the file opened once; returns how many were tried."""
    names = json.loads(members or "[]")
    end, done = time.process_time() + _LONG, 0
    with open_briefly(path, ""):
        while done < len(names) and (not done or time.process_time() < end):
            with suppress(Exception):  # whoever opens it will meet it as well
                _look_at_member(path, names[done])
            done += 1
    return b"%d" % done


def _look_at_member(path: str, member: str | None) -> None:
    """Try what is done with a dataset through HDF5, with all of it if the file is small."""
    source = describe_member(path, member, "")
    try:
        if os.stat(path).st_size > _SMALL:
            return
        source.stored_bytes()
        spec, whole = source.spec, Box.whole(source.spec.shape)
        if isinstance(source, ChunkedSource):
            list(islice(source.stored(whole, False), 1))
        part = prod(spec.chunks or spec.shape) * spec.memory_itemsize
        decodes = not isinstance(source, Hdf5Chunked) or source.steps is None
        if isinstance(source, DecodedSource) and decodes and part:
            for _ in islice(source.read(whole), min(_FEW, _MUCH // part)):
                pass
    finally:
        source.close()


def answer_others(ask: int, answer: int) -> NoReturn:
    """What a program does that another process has started to look: it says that it is there.

    Parameters
    ----------
    ask, answer : int
        Pipes to that process.
    """
    scouts.ask_nobody()
    write_text(answer, b"")
    serve(ask, answer, pool.close, None, _STAYS_MS)
