"""How large the arrays of a run are: everything that ``--scale`` multiplies."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

ITEM_BYTES = 4
"""All arrays are float32."""

CHUNKS = (64, 128, 128)
SHARDS = (128, 256, 256)
PARTS = 64
"""Chunks of 4 MiB, eight of them in a shard, and the number of parts that a split makes."""

TRIM = 6
"""A misaligned first input is this much shorter, so that the second begins inside a chunk."""

MONTHS = 12
FIELDS = ("data", "wind", "rain", "pressure")
"""Files of a year, and their variables over time; each file has coordinates as well."""

TENSORS = 64
"""Tensors of a shard of a checkpoint."""

SMALL_ITEMS, CHUNK_ITEMS = 1024, 1024
"""Elements of each of the many small inputs, and of each of the many small chunks."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Shapes of the inputs at a scale; at 1 every large input holds 256 MiB.

    Parameters
    ----------
    scale : float
    """

    scale: float = 1.0

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of a large input: whole shards, and 1 KiB along the last axis."""
        rows = 4 if self.scale >= 0.5 else 2
        columns = 2 * max(1, round(16 * self.scale / rows))
        return (rows * CHUNKS[0], columns * CHUNKS[1], 2 * CHUNKS[2])

    @property
    def large_bytes(self) -> int:
        """Bytes of a large input."""
        return prod(self.shape) * ITEM_BYTES

    @property
    def rows_of_12_bytes(self) -> tuple[int, int]:
        """Shape of an input of three-element rows, about as large."""
        return (prod(self.shape) // 3, 3)

    @property
    def month_shape(self) -> tuple[int, int, int]:
        """Days, rows and columns of a field in a monthly file, of 128 MiB in all at scale 1."""
        return (32, max(64, round(512 * self.scale)), 512)

    @property
    def small_inputs(self) -> int:
        """How many small inputs there are."""
        return max(100, round(10_000 * self.scale))

    @property
    def members(self) -> int:
        """How many arrays a container with many of them holds."""
        return max(100, round(2000 * self.scale))

    @property
    def many_chunks(self) -> int:
        """How many chunks the inputs of the chunk count have together, an even number."""
        return 2 * max(500, round(50_000 * self.scale))

    @property
    def fewer_chunks(self) -> int:
        """A tenth of them, to see whether the time grows in proportion."""
        return self.many_chunks // 20 * 2

    @property
    def needed_bytes(self) -> int:
        """Free space that a run needs at most: inputs, an output, and their many small files."""
        return 12 * self.large_bytes + (1 << 30)
