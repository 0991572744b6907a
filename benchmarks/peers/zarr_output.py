"""Create the Zarr output of a peer with the same chunks, shards and codec as concatsplit's."""

from __future__ import annotations

from typing import Any

import zarr

PIPELINES = {
    "batched": "zarr.core.codec_pipeline.BatchedCodecPipeline",
    "fused": "zarr.core.codec_pipeline.FusedCodecPipeline",
    "zarrs": "zarrs.ZarrsCodecPipeline",
}


def use_pipeline(name: str) -> None:
    """Make zarr-python use this pipeline for every array that is opened from now on."""
    if name == "zarrs":
        # Importing it registers the pipeline.
        import zarrs  # noqa: F401
    zarr.config.set({"codec_pipeline.path": PIPELINES[name]})


def open_input(name: str) -> Any:
    """A Zarr array, or the dataset ``data`` of an HDF5 file, open for reading."""
    if name.endswith(".zarr"):
        return zarr.open_array(name, mode="r")
    import h5py

    return h5py.File(name, "r")["data"]


def written_unit(like: Any) -> tuple[int, ...]:
    """Shape of what is written at a time: a shard, else a chunk."""
    return tuple(getattr(like, "shards", None) or like.chunks)


def create(name: str, shape: tuple[int, ...], like: Any, codec: str | None) -> Any:
    """An empty array laid out as the first input.

    Parameters
    ----------
    name : str
    shape : tuple of int
    like : zarr.Array or h5py.Dataset
    codec : str or None
        Such as zstd:1; None for the input's own.
    """
    return zarr.create_array(
        name,
        shape=shape,
        dtype=like.dtype,
        chunks=like.chunks,
        shards=getattr(like, "shards", None),
        compressors=_codec(codec) if codec else like.compressors,
        fill_value=0,
    )


def _codec(text: str) -> Any:
    name, _, level = text.partition(":")
    if name == "zlib":
        return {"name": "numcodecs.zlib", "configuration": {"level": int(level)}}
    return {"name": name, "configuration": {"level": int(level)}}
