"""Containers of arrays in every format that has members, and what reads them back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
import zarr.storage
from safetensors.numpy import load_file, save_file

Make = Callable[..., str]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(path: str, arrays: Mapping[str, Any]) -> str:
    """A container of arrays, by the suffix of its name."""
    if path.endswith(".npz"):
        np.savez(path, **{name: np.asarray(array) for name, array in arrays.items()})
    elif path.endswith(".safetensors"):
        save_file({name: np.asarray(array) for name, array in arrays.items()}, path)
    elif path.endswith((".zarr", ".zarr.zip")):
        store: Any = zarr.storage.ZipStore(path, mode="w") if path.endswith(".zip") else path
        group = zarr.open_group(store, mode="w", zarr_format=3)
        for name, array in arrays.items():
            group.create_array(name, data=np.asarray(array))
        if store is not path:
            store.close()
    else:
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                file.create_dataset(name, data=array)
    return path


def read(path: str) -> dict[str, np.ndarray]:
    """All arrays of a container, by the libraries of their formats."""
    if path.endswith(".safetensors"):
        return dict(load_file(path))
    if path.endswith(".npz"):
        with np.load(path) as archive:
            return dict(archive)
    if path.endswith(".zarr.zip"):
        with zarr.storage.ZipStore(path, mode="r") as store:
            members = zarr.open_group(store, mode="r").members(max_depth=None)
            return {name: item[...] for name, item in members if isinstance(item, zarr.Array)}
    if path.endswith(".zarr"):
        group = zarr.open_group(path, mode="r")
        found = (pair for pair in group.members(max_depth=None))
        return {name: item[...] for name, item in found if isinstance(item, zarr.Array)}
    arrays: dict[str, np.ndarray] = {}

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[()]

    with h5py.File(path) as file:
        file.visititems(note)
    return arrays


@pytest.fixture(params=["npz", "h5", "zarr", "safetensors"])
def suffix(request: pytest.FixtureRequest) -> str:
    """Of a container that is read."""
    return str(request.param)


@pytest.fixture(params=["npz", "h5", "zarr", "zarr.zip", "safetensors"])
def made(request: pytest.FixtureRequest) -> str:
    """Of a container that is written."""
    return str(request.param)
