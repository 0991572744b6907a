"""Zarr stores written and read by zarr-python, without its warnings."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import zarr
from conformance.arrays import Row
from conformance.base import FormatConformance
from conformance.second import check_with_tensorstore

_FUSED = {
    "codec_pipeline.path": "zarr.core.codec_pipeline.FusedCodecPipeline",
    "codec_pipeline.max_workers": 1,
}


@contextmanager
def reference() -> Iterator[None]:
    """Hide zarr-python's warnings, and have it encode chunks in turn, which suits small ones.

    Arrays that are made or opened outside of this context get the pipeline that users have.
    """
    with warnings.catch_warnings(), zarr.config.set(_FUSED):
        warnings.simplefilter("ignore")
        yield


def create(
    ref: str, array: np.ndarray, *, zarr_format: int = 3, rows: slice | None = None, **settings
) -> None:
    """Create an array, filled as far as `rows` says; chunks are clipped to its rank."""
    path, _, member = ref.partition("::")
    ndim = array.ndim
    chunks = tuple(settings.pop("chunks", (4, 4, 3)))[:ndim]
    shards = settings.pop("shards", None)
    if isinstance(shards, dict):
        shards = {**shards, "shape": shards["shape"][:ndim]}
    elif shards is not None:
        shards = shards[:ndim]
    if settings.pop("transposed", False):
        settings["filters"] = [zarr.codecs.TransposeCodec(order=tuple(range(ndim))[::-1])]
    with reference():
        made = zarr.create_array(
            store=path,
            name=member or None,
            shape=array.shape,
            dtype=settings.pop("dtype", array.dtype),
            chunks=chunks,
            shards=shards,
            zarr_format=zarr_format,
            **settings,
        )
        if array.size:
            made[...] = array


def opened(ref: str) -> zarr.Array:
    path, _, member = str(ref).partition("::")
    with reference():
        return zarr.open_array(store=path, path=member or None, mode="r")


def read(ref: str) -> np.ndarray:
    with reference():
        array = opened(ref)
        return np.asarray(array[...], array.dtype)


class ZarrConformance(FormatConformance):
    """Written and read by zarr-python."""

    output = ".zarr"
    attributes = True
    zarr_format = 3

    def write(self, path: Path, array: np.ndarray, layout: Row) -> str:
        ref = str(path.with_suffix(".zarr"))
        create(ref, array, zarr_format=self.zarr_format, **layout.settings)
        return ref

    def read(self, ref: str) -> np.ndarray:
        array = read(ref)
        check_with_tensorstore(ref, array)
        return array

    def read_attributes(self, ref: str) -> dict:
        return dict(opened(ref).attrs)
