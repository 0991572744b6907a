"""Zarr arrays of a store in memory, as zarr-python writes and reads them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import zarr
from memory_store import MemoryStore
from zarr.buffer import default_buffer_prototype


def put(store: MemoryStore, key: str, array: np.ndarray, **settings: Any) -> None:
    """Have zarr-python write an array, and take its files over."""
    theirs = zarr.storage.MemoryStore()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = zarr.create_array(
            theirs, shape=array.shape, dtype=array.dtype, chunks=(2, 4), **settings
        )
        made[...] = array
    for name, data in theirs._store_dict.items():
        store.files[f"{key}/{name}"] = data.to_bytes()


def get(store: MemoryStore, key: str) -> np.ndarray:
    """An array as zarr-python reads it."""
    kind = default_buffer_prototype().buffer
    files = {
        name.removeprefix(f"{key}/"): kind.from_bytes(data)
        for name, data in store.files.items()
        if name.startswith(f"{key}/")
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array = zarr.open_array(zarr.storage.MemoryStore(files), mode="r")
        return np.asarray(array[...], array.dtype)
