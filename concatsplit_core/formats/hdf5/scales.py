"""Dimension scales of HDF5 files other than netCDF: kept as the inputs have them."""

from __future__ import annotations

from typing import Any

from concatsplit_core.formats.hdf5.dimensions import (
    Axis,
    axes_of,
    has_attribute,
    is_scale,
    text_attribute,
)
from concatsplit_core.formats.hdf5.library import h5py
from concatsplit_core.formats.hdf5.links import key
from concatsplit_core.formats.storage import Storage
from concatsplit_core.foundation.records import NamedTuple


def scales_of(dataset: Any) -> dict[str, Any]:
    """The scales of a dataset's axes, and its name as a scale."""
    axes = axes_of(dataset)
    scale = text_attribute(dataset, "NAME") or "" if axes and is_scale(dataset) else None
    return {"axes": axes, "scale": scale} if axes else {}


class _Waiting(NamedTuple):
    """An axis of a new dataset that gets its scales when all datasets are made."""

    member: str
    axis: int
    scales: tuple[str, ...]
    name: str | None


class Scales:
    """The scales of a file that is being written."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []

    def give(self, dataset: Any, storage: Storage) -> set[int]:
        """Note which scales a new dataset gets, or make it a scale itself.

        Returns
        -------
        set of int
            The axes that need no label.
        """
        axes: tuple[Axis, ...] = storage.own.get("axes", ())
        if len(axes) != dataset.ndim:
            return set()
        if storage.own.get("scale") is not None:
            h5py.h5ds.set_scale(dataset.id, storage.own["scale"].encode())
            return set() if any(axis.label for axis in axes) else set(range(dataset.ndim))
        member = dataset.name.lstrip("/")
        for number, axis in enumerate(axes):
            if axis.scales:
                name = (storage.meaning.dims or (None,) * dataset.ndim)[number]
                self._waiting.append(_Waiting(member, number, axis.scales, name))
        return {number for number, axis in enumerate(axes) if axis.scales and not axis.label}

    def finish(self, file: Any) -> None:
        """Attach all scales; an axis whose scales are missing gets their name as its label."""
        for member, number, scales, name in self._waiting:
            dataset = file[key(member)]
            found = [file.get(key(path)) for path in scales]
            fitting = [scale for scale in found if _fits(scale, dataset.shape[number])]
            for scale in fitting:
                dataset.dims[number].attach_scale(scale)
            if not fitting and name and not dataset.dims[number].label:
                dataset.dims[number].label = name


def _fits(scale: Any, length: int) -> bool:
    if not isinstance(scale, h5py.Dataset) or not is_scale(scale):
        return False
    return (
        scale.ndim == 1 and scale.shape[0] == length and not has_attribute(scale, "DIMENSION_LIST")
    )
