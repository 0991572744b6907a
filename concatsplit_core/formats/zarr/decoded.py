"""Reads Zarr arrays with zarr-python."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from concatsplit_core.array.geometry import Box
from concatsplit_core.formats.sources import DecodedSource
from concatsplit_core.foundation.errors import ConcatsplitError, MalformedInput
from concatsplit_core.foundation.records import dataclass, field
from concatsplit_core.stores.base import Location
from concatsplit_core.stores.files import input_error


@dataclass(slots=True, eq=False)
class ZarrDecoded(DecodedSource):
    """An array that zarr-python decodes, since its chunks differ in length.

    Parameters
    ----------
    folder : Location, optional
        Where its chunks are files; None where only zarr-python knows its store.
    in_store : zarr.Array, optional
        The open array, where only zarr-python knows its store.
    """

    format: ClassVar[str] = "zarr"

    folder: Location | None
    in_store: Any = None
    opened: Any = field(default=None, init=False)
    """The array as zarr-python has it; None until that is needed."""

    @property
    def place(self) -> Location | None:
        """The folder or archive of the array; None where only zarr-python knows its store."""
        return self.folder and (self.folder.store.file or self.folder)

    @property
    def array(self) -> Any:
        """The array as zarr-python has it."""
        if self.in_store is not None or self.folder is None:
            return self.in_store
        if self.opened is None:
            from concatsplit_core.formats.zarr.library import open_by_library

            self.opened = open_by_library(self.folder)
        return self.opened

    def read(self, box: Box) -> Iterator[tuple[Box, np.ndarray]]:
        """All of the box at once."""
        yield box, self._decoded_by_library(box, self.ref)

    def _decoded_by_library(self, box: Box, what: str) -> np.ndarray:
        try:
            return np.asarray(self.array[box.slices])
        except ConcatsplitError:
            raise
        except Exception as error:  # any codec may raise anything for a damaged chunk
            raise MalformedInput(f"{what}: cannot be decoded: {error}", ref=self.ref) from error

    def stored_bytes(self) -> int:
        """Bytes of its files."""
        if self.folder is None:
            return int(self.in_store.nbytes_stored())
        try:
            return sum(map(self.folder.store.size, self.folder.walk()))
        except OSError as error:
            raise input_error(self.ref, error) from error
