"""Datasets that are open, and what HDF5 says of each of them."""

from __future__ import annotations

from typing import Any

from concatsplit_core.formats.hdf5.library import h5py


class OpenDataset:
    """A dataset that is open; h5py's own object is made when something needs it.

    That object has transfer properties of its own: to make it takes longer than to ask all that
    most datasets are asked for.

    Parameters
    ----------
    id : h5py.h5d.DatasetID

    Attributes
    ----------
    shape : tuple of int, optional
        How long each axis is; None for a dataset that has no shape.
    has_attributes : bool
        Whether there are any; most datasets of a file with thousands have none.
    """

    __slots__ = ("_dataset", "has_attributes", "id", "shape")

    def __init__(self, id: Any) -> None:
        self.id, self._dataset = id, None
        self.shape: Any = id.shape
        self.has_attributes = bool(h5py.h5a.get_num_attrs(id))

    @property
    def dataset(self) -> Any:
        """The dataset as h5py has it."""
        if self._dataset is None:
            self._dataset = h5py.Dataset(self.id, readonly=True)
        return self._dataset

    def __getattr__(self, name: str) -> Any:
        return getattr(self.dataset, name)
