"""What a plan is made for: one logical array between its two tilings, described."""

from __future__ import annotations

from collections.abc import Sequence

from concatsplit_core.array.geometry import Shape
from concatsplit_core.array.tiling import Tiling
from concatsplit_core.foundation.records import NamedTuple


class MoveSpec(NamedTuple):
    """What the planner needs to know about one logical array between its two tilings.

    Parameters
    ----------
    shape : tuple of int
        Of the logical array.
    sources, targets : Tiling
        Along the same axis. The sources cover what the targets cover.
    names, target_names : sequence of str, optional
        What messages call the sources and the targets.
    whole_axes : int
        Axes at the end on which blocks are best whole: who hashes them wants whole rows.
    """

    shape: Shape
    sources: Tiling
    targets: Tiling
    names: Sequence[str] | None = None
    target_names: Sequence[str] | None = None
    whole_axes: int = 0

    @property
    def axis(self) -> int:
        return self.targets.axis

    def name_of_target(self, target: int) -> str:
        """The name of a target, or its number where it has none."""
        return str(target) if self.target_names is None else self.target_names[target]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to move."""
        segments = self.targets.segments
        return 0 in self.shape or not segments or not segments[0].spec.dtype.itemsize
