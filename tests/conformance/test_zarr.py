"""The Zarr format against zarr-python: both versions, shards, and codecs of every kind."""

from __future__ import annotations

import warnings
from typing import ClassVar

import numcodecs
import zarr.codecs as own
import zarr.codecs.numcodecs as foreign
from conformance.arrays import BYTES, NESTED, NUMBERS, SWAPPED, TEXT, TIMES, Row
from conformance.zarr_arrays import ZarrConformance

warnings.filterwarnings("ignore", message="Numcodecs codecs are not in the Zarr version 3")
FLAT = [("a", "<i2"), ("b", "<f8"), ("c", "S3")]
NUMCODECS = (numcodecs.Zstd(1), numcodecs.LZ4(), numcodecs.BZ2(2), numcodecs.Zlib(3))


def _compressed(*codecs: object, dtype: object = "<f4", **settings: object) -> Row:
    name = "+".join(type(codec).__name__ for codec in codecs)
    extra = "".join(f" {k}" for k in settings)
    return Row(f"{name} {dtype}{extra}", dtype, compressors=codecs, **settings)


class TestZarr2(ZarrConformance):
    """Format 2."""

    zarr_format = 2
    dtypes: ClassVar[tuple] = (
        *NUMBERS,
        *SWAPPED,
        *TIMES,
        *BYTES,
        *TEXT,
        "V7",
        NESTED,
    )
    layouts: ClassVar[tuple] = (
        Row("default"),
        Row("stored", compressors=None),
        Row("order F", order="F"),
        Row("order F big endian", ">i4", order="F"),
        Row("large chunks", chunks=(12, 12, 9)),
        Row("short chunks", chunks=(1, 3, 9)),
        Row("separator", chunk_key_encoding={"name": "v2", "separator": "/"}),
        Row("delta", "<i4", filters=[numcodecs.Delta("<i4")]),
        Row("shuffle", "<i4", filters=[numcodecs.Shuffle(4)]),
        Row("shuffle+fletcher32", "<i4", filters=[numcodecs.Shuffle(4), numcodecs.Fletcher32()]),
        *(Row(f"numcodecs {c.codec_id}", compressors=c) for c in NUMCODECS),
        Row("gzip", compressors=numcodecs.GZip(6)),
        Row("lzma", compressors=numcodecs.LZMA(preset=0)),
        Row("zstd checksum", compressors=numcodecs.Zstd(2, checksum=True)),
        Row("blosc", compressors=numcodecs.Blosc()),
        Row("blosc bitshuffle", "<i8", compressors=numcodecs.Blosc("zstd", 3, 2)),
        Row("blosc autoshuffle", compressors=numcodecs.Blosc("lz4", 5, -1)),
        Row("crc32", compressors=numcodecs.CRC32()),
        Row("no fill value", fill_value=None),
        Row("fill value", fill_value=-1.5),
        Row("structured", NESTED, order="F"),
        Row("text", "<U4"),
    )


class TestZarr3(ZarrConformance):
    """Format 3, a file a chunk."""

    dtypes: ClassVar[tuple] = (
        *NUMBERS,
        *SWAPPED,
        *TIMES[:2],
        *BYTES,
        *TEXT[:1],
        "V7",
        FLAT,
    )
    layouts: ClassVar[tuple] = (
        Row("default"),
        Row("stored", compressors=None),
        Row("big endian", serializer=own.BytesCodec(endian="big")),
        Row("big endian half", "<f2", serializer=own.BytesCodec(endian="big")),
        Row("transposed", transposed=True),
        Row("transposed big endian", transposed=True, serializer=own.BytesCodec(endian="big")),
        Row("order F", order="F"),
        Row("large chunks", chunks=(12, 12, 9)),
        Row("short chunks", chunks=(1, 3, 9)),
        Row("keys of format 2", chunk_key_encoding={"name": "v2", "separator": "."}),
        Row("keys with dots", chunk_key_encoding={"name": "default", "separator": "."}),
        _compressed(own.GzipCodec(level=6)),
        _compressed(own.ZstdCodec(level=3)),
        _compressed(own.ZstdCodec(level=3, checksum=True)),
        _compressed(own.BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle"), dtype="<u2"),
        _compressed(own.BloscCodec(cname="lz4", shuffle="noshuffle")),
        _compressed(own.Crc32cCodec()),
        _compressed(own.ZstdCodec(), own.Crc32cCodec()),
        _compressed(own.Crc32cCodec(), own.GzipCodec()),
        _compressed(foreign.BZ2(level=2)),
        _compressed(foreign.LZ4()),
        _compressed(foreign.LZMA(preset=0)),
        _compressed(foreign.Zlib(level=4)),
        _compressed(foreign.Zstd(level=4)),
        _compressed(foreign.GZip(level=4)),
        _compressed(foreign.Blosc(cname="lz4hc", clevel=4)),
        _compressed(foreign.Shuffle(elementsize=4), own.ZstdCodec()),
        _compressed(foreign.Fletcher32()),
        _compressed(foreign.CRC32()),
        _compressed(foreign.CRC32C()),
        _compressed(foreign.Adler32()),
        _compressed(own.ZstdCodec(), filters=[foreign.Delta(dtype="<i4")], dtype="<i4"),
        _compressed(own.ZstdCodec(), filters=[foreign.PackBits()], dtype="?"),
        Row("fill value", fill_value=-1.5),
        Row("structured", FLAT),
        Row("text", "<U4"),
        Row("bytes", "S5"),
    )


class TestZarrSharded(ZarrConformance):
    """Format 3, many chunks a file."""

    dtypes: ClassVar[tuple] = ("?", "u1", "<i4", ">i4", "<f2", "<f8", "<c16", "<M8[ns]", "S5")
    layouts: ClassVar[tuple] = (
        Row("default", shards=(8, 8, 6)),
        Row("one chunk a shard", shards=(4, 4, 3)),
        Row("large shard", chunks=(2, 2, 3), shards=(16, 12, 12)),
        Row("index at start", shards={"shape": (8, 8, 6), "index_location": "start"}),
        Row("stored", shards=(8, 8, 6), compressors=None),
        Row("gzip", shards=(8, 4, 6), compressors=own.GzipCodec(level=5)),
        Row("big endian", shards=(8, 4, 6), serializer=own.BytesCodec(endian="big")),
        Row("transposed", shards=(8, 4, 6), transposed=True),
        Row("crc32c", shards=(8, 4, 6), compressors=[own.ZstdCodec(), own.Crc32cCodec()]),
        Row("blosc", shards=(8, 4, 6), compressors=own.BloscCodec(cname="zstd")),
        Row("lzma", shards=(8, 4, 6), compressors=foreign.LZMA(preset=0)),
        Row("fill value", shards=(8, 4, 6), fill_value=-1.5),
    )
