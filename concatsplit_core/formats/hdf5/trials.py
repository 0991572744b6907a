"""Opens datasets; a child process tries the first ones of each file before."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from math import prod
from weakref import WeakSet

from concatsplit_core.array.geometry import Box
from concatsplit_core.formats.hdf5.describing import describe_member
from concatsplit_core.formats.hdf5.files import open_briefly, scouts
from concatsplit_core.formats.hdf5.reading import Hdf5Chunked, Hdf5Source
from concatsplit_core.formats.sources import ChunkedSource, DecodedSource
from concatsplit_core.foundation.errors import MalformedInput

_SMALL, _FEW, _MUCH = 4 << 20, 1000, 64 << 20
"""Bytes of a file, chunks, and bytes of array data that are few enough to be read twice."""
_FIRST = 64
"""How many inputs of a call, and members of a file, are tried in a child process.

For thousands it would take too long.
"""
_FILES = 1024
"""How many files are remembered, with the number of their members that were tried."""
_LONG = 0.5
"""Seconds of processor time after which the child tries no more members for one question."""

_inputs: WeakSet[Hdf5Source] = WeakSet()
"""The sources that are open: mostly the inputs of one call."""
_tried: dict[tuple[int, ...], int] = {}
"""How many members of each file were tried; the keys tell one version of a file from another."""
_passed: set[tuple[tuple[int, ...], str]] = set()
"""Members that were tried together with others of their file, and have not been opened since."""


def open_member(path: str, member: str | None, ref: str) -> Hdf5Source:
    """Open a dataset; without a name, the only one of the file."""
    is_early = len(_inputs) < _FIRST
    if is_early and _is_to_be_tried(path, member):
        scouts.check(_look_at_member, path, member, ref, _prepare_to_write)
    source = describe_member(path, member, ref)
    if is_early:
        _inputs.add(source)
    return source


def try_members(path: str, members: Sequence[str]) -> None:
    """Have the first of a file's members, which are about to be opened, tried together.

    If one of them crashes the child, nothing is known about the others. So a member that is not
    known to have passed is tried alone when it is opened.
    """
    version = _version(path)
    left = list(members[: max(0, _FIRST - max(len(_inputs), _tried.get(version, 0)))])
    with suppress(MalformedInput):
        while len(left) > 1:
            question = _look_at_members, path, json.dumps(left), path
            passed = int(scouts.check(*question, _prepare_to_write) or 0)
            if not passed:
                break
            if len(_passed) >= _FILES:
                _passed.clear()
            _passed.update((version, name) for name in left[:passed])
            left = left[passed:]


def _prepare_to_write() -> None:
    """Import what writes HDF5, which most runs that read it do as well.

    Another process looks at the input meanwhile, so that nobody waits for this.
    """
    from concatsplit_core.formats.hdf5 import layout, writing  # noqa: F401


def _version(path: str) -> tuple[int, ...]:
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _is_to_be_tried(path: str, member: str | None) -> bool:
    """Whether few members of a file have been tried since it was last changed, and not this one."""
    version = _version(path)
    if not version:
        return True
    count = _tried.pop(version, 0) + 1
    if len(_tried) >= _FILES:
        del _tried[next(iter(_tried))]
    _tried[version] = count
    if member is not None and (version, member) in _passed:
        _passed.discard((version, member))  # another thread may have opened it just now
        return False
    return count <= _FIRST


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
