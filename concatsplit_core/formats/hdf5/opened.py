"""Datasets that are open, and what HDF5 says of each of them."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from concatsplit_core.formats.hdf5.library import h5py


class OpenDataset:
    """A dataset that is open; h5py's own object is made when something needs it.

    That object comes with transfer properties: making it takes longer than all that is asked of
    most datasets.

    Parameters
    ----------
    id : h5py.h5d.DatasetID
    """

    def __init__(self, id: Any) -> None:
        self.id = id

    @cached_property
    def dataset(self) -> Any:
        """The dataset as h5py has it."""
        return h5py.Dataset(self.id, readonly=True)

    @cached_property
    def shape(self) -> Any:
        """How long each axis is; None for a dataset that has no shape."""
        return self.id.shape

    @cached_property
    def has_attributes(self) -> bool:
        """Whether there are any; most datasets of a file with thousands have none."""
        return bool(h5py.h5a.get_num_attrs(self.id))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.dataset, name)
