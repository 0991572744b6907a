"""The hashes of manifests, computed with NumPy and xxhash from what docs/manifest.md says."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

ROW, LEAF, SECTIONS = 64 << 10, 1 << 20, 1024


def leaf_digests(array: np.ndarray, row: int = ROW, leaf: int = LEAF) -> list[bytes]:
    """Digest of every leaf of an array's elements."""
    if not array.size or not array.dtype.itemsize:
        return []
    texts = array.dtype.kind == "T"
    step = 64 if texts else len(_bytes(array.reshape(-1)[:1]))
    held = 1  # elements that are never cut
    rest = list(array.shape)
    while rest and held * step * rest[-1] <= row:
        held *= rest.pop()
    length = rest.pop() if rest else 1
    many = max(1, min(length, leaf // (held * step)))
    lines = array.reshape(-1, length, held)
    return [
        xxhash.xxh3_128_digest(_bytes(np.ascontiguousarray(line[at : at + many]).reshape(-1)))
        for line in lines
        for at in range(0, length, many)
    ]


def _bytes(flat: np.ndarray) -> bytes:
    if flat.dtype.kind == "T":
        coded = [text.encode() for text in flat.tolist()]
        return b"".join(len(text).to_bytes(8, "little") + text for text in coded)
    if flat.dtype.names is not None:
        columns = [[_bytes(flat[name][i : i + 1].reshape(-1)) for i in range(flat.size)]
                   for name in flat.dtype.names]  # fmt: skip
        return b"".join(part for item in zip(*columns, strict=True) for part in item)
    return flat.astype(flat.dtype.newbyteorder("<")).tobytes()


def value(digests: list[bytes]) -> str:
    """The hash of a blob."""
    return xxhash.xxh3_128_hexdigest(b"".join(digests))


def sections(digests: list[bytes]) -> dict[str, Any] | None:
    """The sections of a blob."""
    if len(digests) < 2:
        return None
    each = 1
    while -(-len(digests) // each) > SECTIONS:
        each *= 2
    parts = (b"".join(digests[at : at + each]) for at in range(0, len(digests), each))
    return {"leaves": each, "digests": "".join(xxhash.xxh3_128_hexdigest(p) for p in parts)}


def chunk_digest(stored: bytes | None, fill: bytes = b"", mask: int = 0) -> bytes:
    """Digest of a chunk as it is stored, or of one that is absent."""
    if stored is None:
        return xxhash.xxh3_128_digest(fill, (1 << 64) - 1)
    return xxhash.xxh3_128_digest(stored, mask)


def seal(document: dict[str, Any]) -> bytes:
    """A manifest with a SHA-256 that fits it."""
    rest = {key: item for key, item in document.items() if key != "sha256"}
    text = json.dumps(rest, indent=1).removesuffix("\n}")
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f'{text},\n "sha256": "{digest}"\n}}\n'.encode()


def read(path: Path | str) -> dict[str, Any]:
    """A manifest, after a look at its last key."""
    data = Path(path).read_bytes()
    head, mark, tail = data.rpartition(b',\n "sha256": "')
    assert mark
    assert tail == hashlib.sha256(head).hexdigest().encode() + b'"\n}\n'
    document: dict[str, Any] = json.loads(data)
    assert list(document)[-1] == "sha256"
    return document
