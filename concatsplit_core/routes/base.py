"""What a route is, and what it works with."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np

from concatsplit_core.array.geometry import Box
from concatsplit_core.array.tiling import Tiling
from concatsplit_core.formats.sources import Source
from concatsplit_core.formats.stored import Stored
from concatsplit_core.formats.targets import Target
from concatsplit_core.foundation.errors import ConcatsplitError, DtypeMismatch
from concatsplit_core.foundation.records import dataclass, field
from concatsplit_core.planning.task import Task
from concatsplit_core.routes.buffers import Buffers
from concatsplit_core.stores.files import (
    close_file,
    input_error,
    open_input,
    open_staged,
    output_error,
)
from concatsplit_core.stores.pool import Pool

Convert = Callable[[np.ndarray], np.ndarray]
"""Gives the elements of a block as they are in the output."""


class Cancelled(Exception):
    """Another task failed; this one stops where it is."""


class Turns:
    """Lets tasks do their last step one at a time, in the order of their numbers."""

    def __init__(self) -> None:
        self._next = 0
        self._finished: set[int] = set()
        self._changed = threading.Condition()
        self._over = False

    def wait(self, number: int) -> None:
        """Wait until all tasks before this one are finished."""
        with self._changed:
            self._changed.wait_for(lambda: self._next == number or self._over)
            if self._over:
                raise Cancelled

    def finish(self, number: int) -> None:
        """Say that a task is finished, whether it waited for its turn or not.

        To say it again does nothing.
        """
        with self._changed:
            if number >= self._next:
                self._finished.add(number)
            while self._next in self._finished:
                self._finished.remove(self._next)
                self._next += 1
            self._changed.notify_all()

    def cancel(self) -> None:
        """Stop all tasks that wait, now or later: each raises `Cancelled`."""
        with self._changed:
            self._over = True
            self._changed.notify_all()


TakeBytes = Callable[[int, int, memoryview], None]
"""Takes the offsets of a byte from the first element of the input, and of the output; and bytes."""


class Hashes(Protocol):
    """Takes what moves and hashes it, where it comes in a form that the hashes are made of."""

    turns: Turns
    """For blocks, whose rows are hashed in the order of the tasks."""

    def of_source(self, index: int, box: Box, array: np.ndarray) -> None:
        """Elements of an input, with a box in its own indices."""
        ...

    def of_target(self, index: int, box: Box, block: np.ndarray) -> None:
        """Elements for an output, with the axes of the logical array."""
        ...

    def of_bytes(self, source: int, target: int) -> TakeBytes:
        """What hashes bytes that are copied from an input to an output."""
        ...

    def of_chunk(
        self, source: int, here: Box, target: int, there: Box | None, stored: Stored | None
    ) -> None:
        """A chunk as it is stored, and its box in the output, if it moves as it is."""
        ...

    def is_same(self, source: int, target: int) -> bool:
        """Whether the elements of an input and an output are hashed as the same bytes."""
        ...


@dataclass(slots=True)
class Context:
    """What the tasks of a run share.

    Parameters
    ----------
    sources, targets : sequence
        The opened inputs and the staged outputs.
    source_tiling, target_tiling : Tiling
    output_refs : sequence of str
        What messages call the outputs.
    window : int
        Bytes to read from a contiguous input at once.
    conversions : sequence of callable or None
        How the elements of each input change when they are read; empty where none do.
    compares_checksums : bool
        Checksums of stored bytes that move are compared.
    check : bool
        A chunk without any of these is decoded to check it, and still moves as it is stored.
    hashes : Hashes, optional
        Of what moves, where a manifest is to be written.
    reading, writing : Pool
        Descriptors of contiguous inputs and of staged contiguous outputs.
    """

    sources: Sequence[Source]
    targets: Sequence[Target]
    source_tiling: Tiling
    target_tiling: Tiling
    output_refs: Sequence[str]
    window: int
    conversions: Sequence[Convert | None] = ()
    compares_checksums: bool = False
    check: bool = False
    hashes: Hashes | None = None
    reading: Pool[str, int] = field(default_factory=lambda: Pool(open_input, close_file))
    writing: Pool[str, int] = field(default_factory=lambda: Pool(open_staged, close_file))
    turns: Turns = field(default_factory=Turns)
    _local: threading.local = field(default_factory=threading.local)

    def conversion(self, index: int) -> Convert | None:
        """How the elements of an input change when they are read."""
        return self.conversions[index] if self.conversions else None

    def writing_to(self, index: int) -> AbstractContextManager[None]:
        """Turns what the system says against writing a target into an error that names it."""
        return _WritingTo(self, index)

    def reading_from(self, index: int) -> AbstractContextManager[None]:
        """Turns what the system, or a cast, says against a source into an error that names it."""
        return _ReadingFrom(self, index)

    @property
    def ordered(self) -> bool:
        """Whether any output has to be written in the order of the tasks."""
        return any(target.ordered for target in self.targets)

    @property
    def buffers(self) -> Buffers:
        """The buffers of the calling worker."""
        if not hasattr(self._local, "buffers"):
            self._local.buffers = Buffers()
        buffers: Buffers = self._local.buffers
        return buffers


class _WritingTo:
    """What `Context.writing_to` gives: a run may ask for as many as it has outputs."""

    __slots__ = ("_context", "_index")

    def __init__(self, context: Context, index: int) -> None:
        self._context, self._index = context, index

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, ConcatsplitError | BrokenPipeError):
            raise output_error(self._context.output_refs[self._index], error) from error


class _ReadingFrom:
    """What `Context.reading_from` gives: a run may ask for as many as it has inputs."""

    __slots__ = ("_context", "_index")

    def __init__(self, context: Context, index: int) -> None:
        self._context, self._index = context, index

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, DtypeMismatch):
            if error.ref is None:
                ref = self._context.sources[self._index].ref
                raise DtypeMismatch(
                    f"input {self._index} ({ref}): {error.message}",
                    ref=ref,
                    found=error.found,
                    expected=error.expected,
                ) from error
        elif isinstance(error, OSError) and not isinstance(error, ConcatsplitError):
            raise input_error(self._context.sources[self._index].ref, error) from error


RunTask = Callable[[Task, Context], None]
"""A route: does all that a task says."""
