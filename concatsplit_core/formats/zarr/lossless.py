"""Which codecs of Zarr give back exactly the elements that they were given."""

from __future__ import annotations

from typing import Any

import numpy as np

_LOSSLESS = {
    *("blosc", "bz2", "gzip", "lz4", "lzma", "pcodec", "zlib", "zstd"),
    *("adler32", "crc32", "crc32c", "fletcher32", "jenkins_lookup3"),
    *("bytes", "endian", "packbits", "shuffle", "transpose", "vlen-bytes", "vlen-utf8"),
}
"""Codecs that are lossless with any settings; unknown ones may round."""


def is_lossless(native: tuple[str, Any]) -> bool:
    """Whether any element can be written with these codecs and read again.

    Parameters
    ----------
    native : tuple of (str, object)
        A dialect, and the codecs in its own terms.
    """
    dialect, own = native
    if dialect == "zarr2":
        found = [(c["id"], c) for c in (*(own["filters"] or ()), own["compressor"]) if c]
    else:
        chain = [*own["filters"], *own["serializer"], *own["compressors"]]
        found = [(c["name"], c.get("configuration") or {}) for c in chain]
    return all(_one_is_lossless(name.removeprefix("numcodecs."), config) for name, config in found)


def _one_is_lossless(name: str, config: dict[str, Any]) -> bool:
    if name == "astype":
        return np.can_cast(config["decode_dtype"], config["encode_dtype"])
    if name == "delta":  # differences of whole numbers wrap around, and back
        dtype = np.dtype(config["dtype"])
        stored = np.dtype(config.get("astype") or dtype)
        return {dtype.kind, stored.kind} <= {"i", "u"} and stored.itemsize >= dtype.itemsize
    return name in _LOSSLESS
