"""A view as an input of another operator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

import numpy as np

from concatsplit_core.array.geometry import Box
from concatsplit_core.array.indexing import Picks
from concatsplit_core.formats.sources import DecodedSource, Source
from concatsplit_core.foundation.records import dataclass
from concatsplit_core.routes.blocks import in_small_boxes


@dataclass(slots=True, eq=False)
class ViewSource(DecodedSource):
    """The joined array of a view; the view stays open when this is closed.

    Parameters
    ----------
    joined : sequence of Source
        The inputs of the view.
    gather : callable
        Returns the elements at the crossings of the indices that are picked along every axis.
    """

    format: ClassVar[str] = "view"

    joined: Sequence[Source]
    gather: Callable[[tuple[Picks, ...]], np.ndarray]

    @property
    def pieces(self) -> Sequence[Source]:
        """The inputs of the view, and those of the views among them."""
        return [one for source in self.joined for one in source.pieces or (source,)]

    def read(self, box: Box) -> Iterator[tuple[Box, np.ndarray]]:
        """Gather the elements piece by piece."""
        for few in in_small_boxes(box, self.spec.memory_itemsize):
            ends = zip(few.start, few.stop, strict=True)
            yield few, self.gather(tuple(range(start, stop) for start, stop in ends))

    def stored_bytes(self) -> int:
        """Bytes that the inputs of the view take where they are stored."""
        return sum(source.stored_bytes() for source in self.joined)
