"""Builders of chunks that expand to far more than they should hold, cheap to make."""

from __future__ import annotations

import json
import lzma
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import zarr

MIB = 1 << 20
SMALL, LARGE = MIB, 160 * MIB
"""Where 4 KiB belong: enough to be wrong, and enough to be seen in resident memory."""


def deflated(nbytes: int, wbits: int = 15) -> bytes:
    """A deflate stream of zeros."""
    stream = zlib.compressobj(1, zlib.DEFLATED, wbits)
    zeros = bytes(MIB)
    parts = [stream.compress(zeros) for _ in range(nbytes // MIB)]
    return b"".join([*parts, stream.flush()])


def zstandard(nbytes: int, claim: int | None) -> bytes:
    """A zstd frame of runs of zeros (RFC 8878), which claims to hold so much, or says nothing."""
    head = b"\x28\xb5\x2f\xfd"
    head += b"\x00\x58" if claim is None else b"\xc0\x58" + struct.pack("<Q", claim)
    run = 128 << 10
    blocks = [
        ((run << 3) | 2 | (at + run >= nbytes)).to_bytes(3, "little") + b"\0"
        for at in range(0, nbytes, run)
    ]
    return head + b"".join(blocks)


def blosc(nbytes: int) -> bytes:
    """A blosc chunk of zeros."""
    from numcodecs.blosc import compress

    return bytes(compress(bytes(nbytes), b"lz4", 1, 0))


def lz4(nbytes: int) -> bytes:
    """A chunk of numcodecs' lz4: its size, then one block."""
    from numcodecs.lz4 import compress

    return bytes(compress(bytes(nbytes)))


def lzf(nbytes: int) -> bytes:
    """An LZF stream of zeros: a literal, then references to it of the greatest length."""
    return b"\x00\x00" + b"\xe0\xff\x00" * (nbytes // 264)


def bz2(nbytes: int) -> bytes:
    """A bzip2 stream of zeros."""
    import bz2 as library

    return library.compress(bytes(nbytes), 1)


def packed_lzma(nbytes: int) -> bytes:
    """An xz stream of zeros."""
    return lzma.compress(bytes(nbytes), preset=0)


ZARR: dict[str, tuple[int, dict[str, Any] | None, Callable[[int], bytes]]] = {
    # the format of the store, the codec in its metadata, the chunk
    "gzip": (3, {"name": "gzip", "configuration": {"level": 1}}, lambda n: deflated(n, 31)),
    "zstd that claims": (
        3,
        {"name": "zstd", "configuration": {"level": 0, "checksum": False}},
        lambda n: zstandard(n, n),
    ),
    "zstd that says nothing": (
        3,
        {"name": "zstd", "configuration": {"level": 0, "checksum": False}},
        lambda n: zstandard(n, None),
    ),
    "blosc": (2, {"id": "blosc", "cname": "lz4", "clevel": 1, "shuffle": 0}, blosc),
    "zlib": (2, {"id": "zlib", "level": 1}, deflated),
    "lz4": (2, {"id": "lz4", "acceleration": 1}, lz4),
    "bz2": (2, {"id": "bz2", "level": 1}, bz2),
    "none": (2, None, bytes),
    "lzma": (2, {"id": "lzma", "format": 1, "check": -1, "preset": 1}, packed_lzma),
}  # fmt: skip


def zarr_bomb(
    path: Path, kind: str, nbytes: int, stored: Callable[[int], bytes] | None = None
) -> None:
    """A store whose one chunk of 1024 float32 expands to ``nbytes``, or is stored in as many."""
    form, codec, build = ZARR[kind]
    array = zarr.create_array(
        str(path), shape=(1024,), chunks=(1024,), dtype="<f4", zarr_format=form, compressors=None
    )
    document = path / ("zarr.json" if form == 3 else ".zarray")
    metadata = json.loads(document.read_bytes())
    if form == 3:
        metadata["codecs"].append(codec)
    else:
        metadata["compressor"] = codec
    document.write_text(json.dumps(metadata))
    chunk = path / array.metadata.encode_chunk_key((0,))
    chunk.parent.mkdir(exist_ok=True)
    chunk.write_bytes((stored or build)(nbytes))


def fat_shard(path: Path) -> None:
    """A store of one shard, its index at the start, whose one chunk of 1024 float32 is stored fat.

    Outputs have their index at the end, so that its chunks move one by one.
    """
    import google_crc32c

    shards = {"shape": (1024,), "index_location": "start"}
    zarr.create_array(str(path), shape=(1024,), chunks=(1024,), shards=shards, dtype="<f4")
    index = struct.pack("<QQ", 20, SMALL)
    index += google_crc32c.value(index).to_bytes(4, "little")
    (path / "c").mkdir()
    (path / "c/0").write_bytes(index + bytes(SMALL))


HDF5: dict[str, tuple[dict[str, Any], int, Callable[[int], bytes]]] = {
    # how the data set is made, bytes before the file, the chunk
    "deflate": ({"compression": "gzip"}, 0, deflated),
    "deflate behind a user block": ({"compression": "gzip"}, 512, deflated),
    "deflate and scale-offset": ({"compression": "gzip", "scaleoffset": 2}, 0, deflated),
    "lzf": ({"compression": "lzf"}, 0, lzf),
    "zstd": ({"compression": 32015}, 0, lambda n: zstandard(n, n)),
    "blosc": ({"compression": 32001}, 0, blosc),
    "bzip2": ({"compression": 307}, 0, bz2),
    "lz4": ({"compression": 32004}, 0, lambda n: struct.pack(">QI", n, n) + lz4(n)),
}


def hdf5_bomb(
    path: Path, kind: str, nbytes: int, stored: Callable[[int], bytes] | None = None
) -> None:
    """A file whose one chunk of 1024 float32 expands to ``nbytes``, or is stored in as many."""
    options, userblock, build = HDF5[kind]
    if isinstance(options["compression"], int):
        import hdf5plugin

        assert hdf5plugin.FILTERS
    with h5py.File(path, "w", userblock_size=userblock) as file:
        made = file.create_dataset("x", shape=(1024,), dtype="<f4", chunks=(1024,), **options)
        made.id.write_direct_chunk((0,), (stored or build)(nbytes))


def wide_chunk(path: Path) -> None:
    """A file of one chunk of 1 GiB, honest and almost empty."""
    with h5py.File(path, "w") as file:
        made = file.create_dataset(
            "x", shape=(1 << 27,), dtype="<f8", chunks=(1 << 27,), compression="gzip"
        )
        made.id.write_direct_chunk((0,), deflated(4 * MIB))


def wide_zarr_chunk(path: Path) -> None:
    """A store of one chunk of 1 GiB."""
    zarr.create_array(str(path), shape=(1 << 27,), chunks=(1 << 27,), dtype="<f8")
    (path / "c").mkdir()
    (path / "c/0").write_bytes(zstandard(4 * MIB, None))
