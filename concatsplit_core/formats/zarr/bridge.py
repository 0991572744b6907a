"""Shows a store of this library to zarr-python, which reads and writes in it what is not plain."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

from zarr.abc.buffer import Buffer, BufferPrototype
from zarr.abc.store import (
    ByteRequest,
    OffsetByteRequest,
    RangeByteRequest,
    Store,
    SuffixByteRequest,
)
from zarr.buffer import default_buffer_prototype

from concatsplit_core.stores.base import Location


class Bridge(Store):
    """The files below a location.

    Parameters
    ----------
    place : Location
        In a store without paths.
    read_only : bool
    """

    supports_writes = True
    supports_deletes = False
    supports_listing = True

    def __init__(self, place: Location, *, read_only: bool = False) -> None:
        super().__init__(read_only=read_only)
        self._place = place

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bridge) and self._place == other._place

    def __hash__(self) -> int:
        return hash(self._place)

    def with_read_only(self, read_only: bool = False) -> Bridge:
        """The same files, read-only or not."""
        return Bridge(self._place, read_only=read_only)

    async def get(
        self,
        key: str,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """A file, or a range of it; None if there is none."""
        store, whole = self._place / key
        kind = prototype or default_buffer_prototype()
        try:
            if byte_range is None:
                return kind.buffer.from_bytes(store.read(whole))
            wanted = _range(byte_range, store.size(whole))
            return kind.buffer.from_bytes(store.read_ranges(whole, [wanted])[0])
        except FileNotFoundError:
            return None

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Ranges of several files."""
        return [await self.get(key, prototype, wanted) for key, wanted in key_ranges]

    async def exists(self, key: str) -> bool:
        """Whether there is a file."""
        return (self._place / key).kind == "file"

    async def set(self, key: str, value: Buffer) -> None:
        """Write a file."""
        self._check_writable()
        (self._place / key).write(value.to_bytes())

    async def delete(self, key: str) -> None:
        """Refused: nothing that is staged is taken back file by file."""
        raise NotImplementedError(f"{key}: files of this store are not removed one by one")

    async def list(self) -> AsyncIterator[str]:
        """The keys of all files."""
        async for key in self.list_prefix(""):
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """The keys of all files that start in a certain way."""
        for key in self._place.walk():
            own = key[len(self._place.key) :].lstrip("/")
            if own.startswith(prefix):
                yield own

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """The names in a folder."""
        place = self._place / prefix.rstrip("/")
        for name, _ in place.entries() if place.kind == "folder" else ():
            yield name


def _range(wanted: Any, size: int) -> tuple[int, int]:
    """Offset and size of the range of a file that zarr-python asks for."""
    if isinstance(wanted, RangeByteRequest):
        return wanted.start, min(wanted.end, size) - wanted.start
    if isinstance(wanted, OffsetByteRequest):
        return wanted.offset, size - wanted.offset
    if isinstance(wanted, SuffixByteRequest):
        start = max(0, size - wanted.suffix)
        return start, size - start
    raise TypeError(f"{wanted} is not a range of bytes")
