"""What another process is given of an input or an output, and what it does with it."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from concatsplit_core.array.geometry import Box
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.registry import format_by_suffix
from concatsplit_core.formats.sources import Source
from concatsplit_core.formats.storage import Wish
from concatsplit_core.formats.targets import ContiguousTarget, EncodedTarget
from concatsplit_core.stores.local import local

_READER = """
import pickle, sys
from concatsplit_core.run.loading import load
found = load(pickle.load(sys.stdin.buffer))
sys.stdout.buffer.write(found.dtype.str.encode() + b" " + found.tobytes())
"""


def again(thing: Any) -> Any:
    """The same thing as another process gets it."""
    data = pickle.dumps(thing)
    assert b"/proc/" not in data
    return pickle.loads(data)


def read_elsewhere(source: Source) -> bytes:
    """The dtype and the elements of a source, as another process reads them."""
    data = pickle.dumps(source)
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", _READER], input=data, capture_output=True, check=True, env=env
    )
    return done.stdout


def written(array: np.ndarray, path: Path, member: str, source: Source) -> None:
    """Write an array through a writer and a target that have been pickled, twice the same."""
    form = format_by_suffix(path.name, str(path))
    wish = form.narrowed(Wish(), local(path), None)
    inherited = replace(source.storage, dialects=frozenset({source.storage.dialect}))
    plain = ArraySpec(array.shape, array.dtype)
    spec, storage = form.layout(plain, inherited, wish, source.spec)
    writer = form.writer(local(path), None)
    target = writer.add(member, spec, storage)
    writer.give_places()
    writer.finish()
    writer, target = again((writer, target))
    for _ in range(2):
        _write(target, array)
    writer.finish()


def _write(target: Any, array: np.ndarray) -> None:
    if isinstance(target, ContiguousTarget):
        fd = os.open(target.extent.path, os.O_WRONLY)
        try:
            os.pwrite(fd, array.tobytes(order=target.spec.order), target.extent.offset)
        finally:
            os.close(fd)
    else:
        assert isinstance(target, EncodedTarget)
        target.store(target.place(target.encode(Box.whole(array.shape), array)))
