"""A store in memory: nothing of it is on a disk, and no file of it has a path."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from concatsplit_core.foundation.errors import InputChanged, OutputBusy, OutputChanged, OutputExists
from concatsplit_core.stores.base import Entry, Location, Look, Status, Store
from concatsplit_core.stores.identity import Identity
from concatsplit_core.stores.publishing import Amendment, Staging

HIDDEN = ".staged"
_EXISTING: dict[str, MemoryStore] = {}


class MemoryStore(Store):
    """Files by key in a dict, as a bucket has objects: there is no folder without a file."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.files: dict[str, bytes] = {}
        self.busy: set[str] = set()
        """Keys that runs are about to publish."""
        self.runs = 0

    def stat(self, key: str) -> Status | None:
        if key in self.files:
            return Status("file", len(self.files[key]))
        start = f"{key}/" if key else ""
        is_folder = any(name.startswith(start) for name in self.files)
        return Status("folder", 0) if is_folder else None

    def _below(self, key: str) -> list[str]:
        start = f"{key}/" if key else ""
        return [name.removeprefix(start) for name in self.files if name.startswith(start)]

    def entries(self, key: str) -> Iterator[Entry]:
        below = self._below(key)
        if not below and key:
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

    def keys(self, key: str) -> list[str]:
        """The keys of a file, or of all files in a folder."""
        return [name for name in self.files if name == key or name.startswith(f"{key}/")]

    def look(self, key: str) -> Look:
        found = [(zlib.crc32(n.encode()), zlib.crc32(self.files[n])) for n in self.keys(key)]
        return Look(hash(tuple(sorted(found))) if found else None, [])

    def identify(self, key: str) -> Identity | None:
        found, number = self.stat(key), self.look(key).number
        return None if found is None else Identity(found.kind, number or 0, found.size, 0)

    def spell(self, key: str) -> str:
        return f"memory://{self.name}/{key}" if self.name else key

    def staging(self, sync: bool) -> Staging:
        return MemoryStaging(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return (named_store, (self.name,)) if self.name else super().__reduce__()  # type: ignore[return-value]


def named_store(name: str) -> MemoryStore:
    """The store of a name, which is made when it is first asked for."""
    return _EXISTING.setdefault(name, MemoryStore(name))


def location_of(url: str) -> Location:
    """The place of ``memory://STORE/KEY``."""
    name, _, key = url.removeprefix("memory://").partition("/")
    return Location(named_store(name), key.rstrip("/"))


class MemoryStaging(Staging):
    """Builds outputs below a hidden prefix, and gives their files other keys to publish them."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        store.runs += 1
        self._prefix = f"{HIDDEN}/{store.runs}"
        self._busy: set[str] = set()
        self._claims: list[tuple[str, str, Identity | None]] = []

    def claim(
        self,
        final: str,
        *,
        container: str | None = None,
        replaces: Identity | None = None,
        must_be_unchanged: bool = False,
        last: bool = False,
    ) -> str:
        staged = f"{self._prefix}/{len(self._claims)}/{final.rpartition('/')[2]}"
        self._claims.append((final, staged, replaces))
        return staged

    def refuse_if_busy(self) -> None:
        finals = {final for final, _, _ in self._claims}
        if finals & self._store.busy:
            raise OutputBusy("another run is writing it")
        self._store.busy |= finals
        self._busy = finals

    def publish(
        self,
        amend: Callable[[str], Iterable[Amendment]] = lambda _: (),
        shared: Iterable[str] = (),
        done: Callable[[], None] = lambda: None,
    ) -> None:
        changes = [*self._claims, *amend(f"{self._prefix}/amended")]
        for final, _, replaces in changes:
            now = self._store.identify(final)
            if now != replaces:
                error = OutputExists if replaces is None else OutputChanged
                raise error(f"{final}: is no longer what it was", ref=final)
        files = self._store.files
        for final, _, _ in changes:
            for key in self._store.keys(final):
                del files[key]
        for final, staged, _ in changes:
            for key in self._store.keys(staged):
                files[final + key[len(staged) :]] = files.pop(key)
        self.rollback()
        with suppress(Exception):
            done()

    def rollback(self) -> None:
        for key in self._store.keys(self._prefix):
            del self._store.files[key]
        self._store.busy -= self._busy
        self._claims.clear()
