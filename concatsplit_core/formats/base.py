"""What a format has to offer: the protocols between the engine and the files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from concatsplit_core.codecs.pipeline import Codec
from concatsplit_core.geometry import Box, Shape
from concatsplit_core.spec import ArraySpec, Order


@dataclass(frozen=True, slots=True)
class Extent:
    """Where the bytes of a contiguous array lie.

    Parameters
    ----------
    path : Path
    offset : int
        Of the first element, in bytes.
    """

    path: Path
    offset: int


@dataclass(frozen=True, slots=True)
class Storage:
    """How an array is kept, beyond its spec; what an output inherits from its inputs.

    Parameters
    ----------
    codec : Codec, optional
        In neutral terms; None where it cannot be put in them.
    native : tuple of (str, object), optional
        The codec in the format's own terms: a dialect, and what only that dialect reads.
    fill_value : object, optional
    attrs : mapping
    dimension_names : tuple of str or None, optional
    dialect : str
        Such as ``zarr3``: the version of the format.
    """

    codec: Codec | None = Codec()
    native: tuple[str, Any] | None = None
    fill_value: Any = None
    attrs: Mapping[str, Any] = field(default_factory=dict)
    dimension_names: tuple[str | None, ...] | None = None
    dialect: str = ""


class Source(Protocol):
    """One array that is read."""

    ref: str
    format: str
    spec: ArraySpec
    storage: Storage
    extent: Extent | None

    @property
    def path(self) -> Path | None:
        """The file or folder; None where the array is in memory."""
        ...

    def read(self, box: Box) -> Iterator[tuple[Box, np.ndarray]]:
        """Parts that cover a box, decoded one after another; never called with an extent.

        An array handed out is valid until the next one is asked for.
        """
        ...

    def prepare(self, folder: Path) -> None:
        """Make ready to be read; what has to be spooled goes into the folder."""
        ...

    def stored_bytes(self) -> int:
        """Bytes that the array takes in its file."""
        ...

    def close(self) -> None: ...


class Target(Protocol):
    """One array that is written, in a staged file."""

    spec: ArraySpec
    extent: Extent | None
    ordered: bool
    """Whether `store` has to be called in the order of the tasks, by one thread at a time."""

    def encode(self, box: Box, block: np.ndarray) -> Any:
        """Encode a block that covers whole chunks; called by many threads."""
        ...

    def store(self, encoded: Any) -> None:
        """Write what `encode` gave."""
        ...


class Writer(Protocol):
    """A staged file or folder in which arrays are created."""

    def add(self, member: str, spec: ArraySpec, storage: Storage) -> Target:
        """Create an array; nothing is written to it yet."""
        ...

    def finish(self) -> None:
        """Complete the staged file."""
        ...

    def abort(self) -> None:
        """Let go of the staged file, which is about to be removed."""
        ...


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of an output's layout; None means: as the inputs, else what is sane."""

    chunks: Shape | str | None = None
    codec: Codec | None = None
    memory_order: Order | None = None
    zarr_format: int | None = None
    hint: Shape | None = None
    """Chunks of the largest input, to follow where the inputs disagree."""


class Format(Protocol):
    """What the registry knows of a format."""

    name: str

    def open(self, path: Path, member: str | None, ref: str) -> Source:
        """Open one array read-only; without a member the only one there is."""
        ...

    def members(self, path: Path, ref: str) -> list[str]:
        """Names of the arrays that a container holds; ``[""]`` where the file is the array."""
        ...

    def layout(
        self, spec: ArraySpec, inherited: Storage, wish: Wish, like: ArraySpec | None
    ) -> tuple[ArraySpec, Storage]:
        """Lay out an output: its chunks, order and codec. Pure.

        Parameters
        ----------
        spec : ArraySpec
            Shape and dtype of the output.
        inherited : Storage
            What the inputs agree on.
        wish : Wish
            What was asked for.
        like : ArraySpec, optional
            The layout that the inputs agree on, with the output's axes.
        """
        ...

    def adapt(self, wish: Wish, base: Path | None) -> Wish:
        """The wish as a container that is to be added to narrows it down."""
        ...

    def settle(self, base: Path) -> None:
        """Bring up to date what a container says of its members, after some were added."""
        ...

    def writer(self, path: Path, base: Path | None) -> Writer:
        """A writer of a staged file; `base` is a container whose other members are to be kept."""
        ...
