"""A format as small as one can be: the raw elements of an array, with a JSON beside them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from concatsplit_core.array.layouts import Contiguous
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.base import Candidate, InputFormat, OutputFormat
from concatsplit_core.formats.sources import ContiguousSource
from concatsplit_core.formats.storage import Extent, Storage, Wish
from concatsplit_core.formats.targets import ContiguousTarget, Writer
from concatsplit_core.foundation.errors import UnsupportedDtype
from concatsplit_core.stores.base import Location

DESCRIPTION, ELEMENTS = "array.json", "elements.bin"


@dataclass(slots=True, eq=False)
class ToySource(ContiguousSource):
    """An array in a folder."""

    format: ClassVar[str] = "toy"

    @property
    def extent(self) -> Extent:
        return Extent(f"{self.path}/{ELEMENTS}", 0)


class ToyFormat(InputFormat, OutputFormat):
    """The folder ``x.toy`` holds ``array.json`` and ``elements.bin``."""

    name = "toy"
    suffixes = (".toy",)
    is_folder = True

    def sniff(self, found: Candidate) -> bool:
        return bool((found.place / DESCRIPTION).kind)

    def open(self, place: Location, member: str | None, ref: str) -> ToySource:
        path = self.path_of(place, ref)
        said = json.loads(Path(path, DESCRIPTION).read_text())
        spec = ArraySpec(tuple(said["shape"]), np.dtype(said["dtype"]), Contiguous("C", 0))
        return ToySource(path, ref, spec, Storage())

    def layout(
        self, spec: ArraySpec, inherited: Storage, wish: Wish, like: ArraySpec | None
    ) -> tuple[ArraySpec, Storage]:
        if spec.dtype.kind not in "biufc":
            raise UnsupportedDtype(f"dtype {spec.dtype} is no number")
        return replace(spec, layout=Contiguous()), Storage()

    def writer(self, place: Location, base: Location | None) -> Writer:
        return ToyWriter(self.path_of(place, place.key))


class ToyWriter(Writer):
    """Creates one folder."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = Path(path)

    def add(self, member: str, spec: ArraySpec, storage: Storage) -> ContiguousTarget:
        self._path.mkdir(exist_ok=True)
        said = {"shape": spec.shape, "dtype": spec.dtype.str}
        (self._path / DESCRIPTION).write_text(json.dumps(said))
        elements = self._path / ELEMENTS
        elements.touch()
        os.truncate(elements, spec.nbytes)
        return ContiguousTarget(spec, Extent(str(elements), 0))
