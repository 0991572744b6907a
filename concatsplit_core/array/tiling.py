"""How arrays tile an axis of the logical array."""

from __future__ import annotations

from concatsplit_core.array.geometry import Box, Interval, Shape, drop, insert
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.foundation.records import NamedTuple


class Segment(NamedTuple):
    """One array and the interval of the logical axis that it covers."""

    interval: Interval
    spec: ArraySpec


class Tiling(NamedTuple):
    """Arrays laid along one axis of the logical array.

    Parameters
    ----------
    axis : int
        The axis of the logical array, not negative.
    segments : tuple of Segment
        In order. Sources cover the axis; targets may leave gaps or overlap.
    new_axis : bool
        The arrays lack the axis: each is seen with length 1 along it.
    """

    axis: int
    segments: tuple[Segment, ...]
    new_axis: bool = False

    def view(self, index: int) -> ArraySpec:
        """Spec of one array with the axes of the logical array."""
        spec = self.segments[index].spec
        return spec.with_axis(self.axis) if self.new_axis else spec

    def views(self) -> list[ArraySpec]:
        """Specs of all arrays with the axes of the logical array; equal neighbours share one."""
        specs = [segment.spec for segment in self.segments]
        if not self.new_axis:
            return specs
        found: list[ArraySpec] = []
        for number, spec in enumerate(specs):
            again = number and spec is specs[number - 1]
            found.append(found[-1] if again else spec.with_axis(self.axis))
        return found

    def local(self, index: int, box: Box) -> Box:
        """A box of the logical array in the array's own indices."""
        within = self.within(index, box)
        return within.drop(self.axis) if self.new_axis else within

    def within(self, index: int, box: Box) -> Box:
        """A box of the logical array in the indices of the array's view, with all axes."""
        return box.shift(self.axis, -self.segments[index].interval.start)

    def logical(self, index: int, box: Box) -> Box:
        """A box in the array's own indices on the logical array."""
        start = self.segments[index].interval.start
        if self.new_axis:
            return Box(insert(box.start, self.axis, start), insert(box.stop, self.axis, start + 1))
        return box.shift(self.axis, start)

    def local_shape(self, shape: Shape) -> Shape:
        """Shape of a block of the logical array in the array's own axes."""
        return drop(shape, self.axis) if self.new_axis else shape
