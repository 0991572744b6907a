"""A store in memory: nothing of it is on a disk, and no file of it has a path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from concatsplit_core.errors import InputChanged
from concatsplit_core.stores.base import Entry, Status, Store


class MemoryStore(Store):
    """Files by key in a dict, as a bucket has objects: there is no folder without a file."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def stat(self, key: str) -> Status | None:
        if key in self.files:
            return Status("file", len(self.files[key]))
        return Status("folder", 0) if self._below(key) else None

    def _below(self, key: str) -> list[str]:
        start = f"{key}/" if key else ""
        return [name.removeprefix(start) for name in self.files if name.startswith(start)]

    def entries(self, key: str) -> Iterator[Entry]:
        below = self._below(key)
        if not below:
            raise FileNotFoundError(2, "No such file or directory", key)
        parts = [name.partition("/") for name in below]
        found = {head: Entry(head, "folder" if mark else "file") for head, mark, _ in parts}
        return iter(found.values())

    def read_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes | bytearray]:
        if key not in self.files:
            raise FileNotFoundError(2, "No such file or directory", key)
        data = self.files[key]
        if any(offset + nbytes > len(data) for offset, nbytes in ranges):
            raise InputChanged(f"{key}: the file became shorter while it was read", ref=key)
        return [data[offset : offset + nbytes] for offset, nbytes in ranges]

    def write(self, key: str, parts: Iterable[Any]) -> None:
        self.files[key] = b"".join(bytes(memoryview(part).cast("B")) for part in parts)
