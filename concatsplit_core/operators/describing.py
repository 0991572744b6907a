"""What arrays are, without reading them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from concatsplit_core.errors import UnsafeContent, UnsupportedDtype
from concatsplit_core.formats.base import Source
from concatsplit_core.formats.registry import detect, format_named
from concatsplit_core.inputs import STREAM, open_input_ref, open_inputs
from concatsplit_core.references import expand, parse_input
from concatsplit_core.result import dtype_name


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """What is known of an array without reading it."""

    ref: str
    format: str
    shape: tuple[int, ...]
    dtype: str
    chunks: tuple[int, ...] | None
    shards: tuple[int, ...] | None
    codec: str | None
    order: str
    nbytes: int
    stored_bytes: int
    attrs: dict[str, Any]


def info(ref: Any) -> list[BlobInfo]:
    """Describe an array, or all arrays of a container.

    Parameters
    ----------
    ref
        A reference, pattern, ndarray, h5py data set or zarr array.

    Returns
    -------
    list of BlobInfo
        One an array.
    """
    if not isinstance(ref, str | os.PathLike):
        return [_describe(source) for source in open_inputs(ref)]
    found = []
    for name in expand([os.fspath(ref)]):
        for blob in _blobs(name):
            found.append(_look_at(blob, alone=blob == name))
    return found


def _look_at(ref: str, alone: bool) -> BlobInfo:
    """Describe one array; one of many that no operator could read is listed as such."""
    try:
        source = open_input_ref(ref)
    except (UnsupportedDtype, UnsafeContent) as error:
        if alone:
            raise
        why = error.message.removeprefix(f"{ref}: ")
        return BlobInfo(ref, "", (), f"unsupported: {why}", None, None, None, "C", 0, 0, {})
    try:
        return _describe(source)
    finally:
        source.close()


def _blobs(ref: str) -> list[str]:
    """References of all arrays behind a reference that may name a container."""
    if ref == STREAM:
        return [ref]
    path, member = parse_input(ref)
    kind = detect(path, ref)
    names = format_named(kind).members(path, ref)
    if member is not None:
        below = [name for name in names if name.startswith(f"{member}/")]
        return [f"{path}::{name}" for name in below] if below and member not in names else [ref]
    if names == [""]:
        return [ref]
    return [f"{ref}::{name}" for name in names]


def _describe(source: Source) -> BlobInfo:
    spec, codec = source.spec, source.storage.codec
    return BlobInfo(
        ref=source.ref,
        format=source.format,
        shape=spec.shape,
        dtype=dtype_name(spec.dtype),
        chunks=spec.chunks,
        shards=spec.shards,
        codec=str(codec) if codec is not None else "other",
        order=spec.order,
        nbytes=spec.nbytes,
        stored_bytes=source.stored_bytes(),
        attrs=dict(source.storage.attrs),
    )
