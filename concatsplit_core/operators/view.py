"""A joined array that is read where it lies."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from math import prod
from typing import Any, Self

import numpy as np

from concatsplit_core.array.indexing import IndexSelection, Picks, select_elements
from concatsplit_core.array.layouts import Opaque
from concatsplit_core.array.low_precision import as_numbers
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.endpoints.fingerprints import Fingerprints
from concatsplit_core.endpoints.inputs import close_all
from concatsplit_core.formats.sources import GivesSource, Source
from concatsplit_core.formats.storage import Storage
from concatsplit_core.foundation.errors import OverBudget, UsageError
from concatsplit_core.foundation.sizes import format_size
from concatsplit_core.run.gathering import Gatherer, Joined
from concatsplit_core.stores.base import Location

_CHANGED = "changed since the view was opened; open the view again"
_AHEAD = 1 << 20
"""Bytes that an iteration reads at once, if rows are small."""


class View(GivesSource):
    """A joined array whose elements stay in its inputs until they are asked for.

    Made by `concatsplit_core.open`. It is indexed as a NumPy array is: by integers, slices of any
    step, an ellipsis, `numpy.newaxis`, arrays of integers, and masks.
    Every result is a new array in C order, which is the caller's own. Arrays that lie in one run
    of bytes, as in .npy and safetensors, are read through memory maps: only what is asked for is
    touched. Chunks of others are decoded once and kept, up to `memory` bytes; those that were not
    used for the longest time go first.

    A view is an input of every operator: one array, whose elements are read as it is written.

    A view can be shared by threads, used after a fork, and sent to other processes, which open the
    inputs again. A file that has changed since it was opened is an error, and never other elements.
    In a folder, such as a Zarr store, the files that hold what is asked for are compared.

    Parameters
    ----------
    joined : Joined
        What is read.
    fingerprints : Fingerprints
        Of the inputs' files when they were opened.
    memory : int
        Bytes of decoded chunks that are kept, and the most that one chunk may have.
    is_scalar : bool
        The view is one scalar; `joined` sees it with an axis of length 1.
    is_checked : bool
        The files are those that were opened; else this is checked before the first read.

    Raises
    ------
    WrongIndex
        An index does not fit; it is an `IndexError`.
    OverBudget
        A chunk is larger than `memory`; or several arrays name places that lie too far apart.
    InputChanged
        A file was changed, replaced or cut short. (If another program cuts a file short just while
        its map is read, the process ends with SIGBUS, as with `numpy.memmap`.)
    """

    __slots__ = (
        "__weakref__",
        "_fingerprints",
        "_gatherer",
        "_is_checked",
        "_is_closed",
        "_is_scalar",
        "_joined",
        "_memory",
        "_process",
    )

    def __init__(
        self,
        joined: Joined,
        fingerprints: Fingerprints,
        memory: int,
        is_scalar: bool = False,
        is_checked: bool = True,
    ) -> None:
        self._joined, self._fingerprints, self._memory = joined, fingerprints, memory
        self._is_scalar, self._is_checked, self._is_closed = is_scalar, is_checked, False
        self._process = -1

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return () if self._is_scalar else self._joined.shape

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the elements; BF16 and the like are of ml_dtypes, where it is installed."""
        return as_numbers(np.empty(0, self._joined.dtype)).dtype

    @property
    def dims(self) -> tuple[str | None, ...] | None:
        """The names of the axes; None if the inputs have none."""
        return self._joined.meaning.dims

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all elements, not compressed."""
        return self.size * self._joined.dtype.itemsize

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs, in order."""
        return tuple(source.ref for source in self._joined.sources)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        selection = select_elements(key, self.shape)
        self._refuse_scattered(selection)
        found = self._block(selection.picks)[selection.final]
        if isinstance(found, np.ndarray) and not found.flags.c_contiguous:
            found = found.copy(order="C")
        return found

    def __getitems__(self, indices: Any) -> list[Any]:
        """Several items along the first axis, read together; data loaders ask for them."""
        return list(self[np.asarray(indices, dtype=np.intp)])

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        step = self._rows_at_once()
        for start in range(0, len(self), step):
            for row in self[start : start + step]:
                yield row.copy() if isinstance(row, np.ndarray) else row

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError(
                "the elements of a view are in files, so that an array of them is always a copy; "
                "leave out copy=False"
            )
        array: np.ndarray = self[...]
        return array if dtype is None else array.astype(dtype, copy=False)

    def __repr__(self) -> str:
        inputs = len(self._joined.sources)
        named = f", dims {self.dims}" if self.dims else ""
        what = f"{inputs} input{'' if inputs == 1 else 's'} along axis {self._joined.tiling.axis}"
        return f"<View of {what}: shape {self.shape}, dtype {self.dtype}{named}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        if self._is_closed:
            raise UsageError("the view is closed, and cannot be sent to another process")
        state = (self._joined, self._fingerprints, self._memory, self._is_scalar, False)
        return View, state

    def close(self) -> None:
        """Close the files, and forget what was read; nothing can be read any more."""
        if self._process == os.getpid():
            self._gatherer.close()
        self._is_closed, self._process = True, -1
        close_all(self._joined.sources)

    def as_source(self, ref: str) -> Source:
        """The view as an input of another operator: one array, read where it lies."""
        from concatsplit_core.operators.view_source import ViewSource

        self._refuse_closed()
        joined = self._joined
        spec = ArraySpec(self.shape, joined.dtype, Opaque())
        return ViewSource(
            None, ref, spec, Storage(meaning=joined.meaning), joined.sources, self._gather
        )

    def _block(self, picks: tuple[Picks, ...]) -> np.ndarray:
        """The elements whose index along every axis is among those that are picked."""
        return as_numbers(self._gather(picks))

    def _gather(self, picks: tuple[Picks, ...]) -> np.ndarray:
        """As `_block`; BF16 and the like as raw items."""
        self._refuse_closed()
        if not self._is_checked:
            self._fingerprints.check(_CHANGED)
            self._is_checked = True
        process = os.getpid()
        if self._process != process:  # locks and the like are not shared with a parent process
            self._gatherer = Gatherer(self._joined, self._memory, self._check)
            self._process = process
        block = self._gatherer.block((range(1),) if self._is_scalar else picks)
        return block.reshape(()) if self._is_scalar else block

    def _refuse_scattered(self, selection: IndexSelection) -> None:
        """Refuse places whose crossings are far more elements than were asked for."""
        nbytes = prod(selection.shape) * self._joined.dtype.itemsize
        if nbytes > max(self._memory, selection.size * self._joined.dtype.itemsize):
            raise OverBudget(
                f"{selection.size} elements that lie too far apart: the rows and columns that they "
                f"are in cross at {format_size(nbytes)}, more than "
                f"memory={format_size(self._memory)!r}; ask for fewer at once",
                found=nbytes,
                expected=self._memory,
            )

    def _refuse_closed(self) -> None:
        if self._is_closed:
            raise UsageError("the view is closed; open it again")

    def _check(self, source: Source, files: Sequence[Location]) -> None:
        self._fingerprints.check_one(source, _CHANGED, files)

    def _rows_at_once(self) -> int:
        """Rows that an iteration reads at once: those of a chunk, or a few small ones."""
        row = max(1, self.nbytes // max(1, len(self)))
        chunks = self._joined.tiling.view(0).chunks if self._joined.sources else None
        wanted = max(chunks[0] if chunks else 1, _AHEAD // row)
        return max(1, min(wanted, self._memory // 2 // row))
