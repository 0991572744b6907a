"""Writes a safetensors file: all tensors get their places first, then their elements."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from concatsplit_core.array.geometry import Shape
from concatsplit_core.array.layouts import Contiguous
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.chunking import refuse_chunks_and_codec
from concatsplit_core.formats.misnamed import not_utf8
from concatsplit_core.formats.safetensors.elements import elements_shape, little_endian, type_of
from concatsplit_core.formats.safetensors.header import (
    ALIGNMENT,
    LENGTH_BYTES,
    LONGEST,
    METADATA,
    format_header,
    in_order,
    with_spaces,
)
from concatsplit_core.formats.safetensors.reading import header_of
from concatsplit_core.formats.storage import Extent, Storage, Wish
from concatsplit_core.formats.structure import Structure
from concatsplit_core.formats.targets import ContiguousTarget, Writer
from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.foundation.jsonable import as_json
from concatsplit_core.foundation.records import NamedTuple, replace
from concatsplit_core.meaning.model import plain
from concatsplit_core.stores.files import SHAREABLE, SHARED_BLOCK, copy_range, open_input, write_all


def lay_out(spec: ArraySpec, wish: Wish) -> tuple[ArraySpec, Storage]:
    """Contiguous, in C order and little-endian; refuses what the format does not have."""
    refuse_chunks_and_codec(wish, "safetensors")
    if wish.memory_order == "F":
        raise UsageError("--memory-order F: tensors in safetensors are in C order; write to .npy")
    dtype = little_endian(spec.dtype)
    type_of(dtype)
    return replace(spec, dtype=dtype, layout=Contiguous("C", offset_step=ALIGNMENT)), Storage()


class _Tensor(NamedTuple):
    """A tensor that the file is going to hold.

    Parameters
    ----------
    kind : str
        The type of its elements.
    shape : tuple of int
        In elements.
    nbytes : int
    target : ContiguousTarget, optional
        Where a run writes it; None if it is copied from the file that is added to.
    offset : int
        Of the tensor in the file that is added to.
    wanted : int, optional
        Where it should start in the file, modulo the block that file systems share.
    """

    kind: str
    shape: Shape
    nbytes: int
    target: ContiguousTarget | None = None
    offset: int = 0
    wanted: int | None = None


class SafetensorsWriter(Writer):
    """Creates one file at its final size.

    Parameters
    ----------
    path : str
    base : str, optional
        A file whose tensors are kept.
    """

    def __init__(self, path: str, base: str | None) -> None:
        super().__init__()
        self._path, self._base, self._name = path, base, os.path.basename(path)
        self._metadata: dict[str, str] | None = None
        self._tensors: dict[str, _Tensor] = {}
        if base is not None:
            header = header_of(base, base)
            self._metadata = header.metadata
            for name, (kind, shape, start, stop) in header.tensors.items():
                offset = header.data_start + start
                wanted = offset if stop - start >= SHAREABLE else None
                self._tensors[name] = _Tensor(kind, shape, stop - start, None, offset, wanted)

    def add(self, member: str, spec: ArraySpec, storage: Storage) -> ContiguousTarget:
        """Note a tensor; `give_places` finds its place, when all of them are known."""
        if member == METADATA:
            raise UsageError(
                f"output {self._name}::{member}: safetensors keeps attributes under this "
                "name; give the array another one"
            )
        try:
            member.encode()
        except UnicodeEncodeError:
            raise not_utf8(member, "safetensors") from None
        target = ContiguousTarget(spec, Extent(str(self._path), 0))
        kind, shape = type_of(spec.dtype), elements_shape(spec.dtype, spec.shape)
        wanted = storage.offset_modulo_block
        self._tensors[member] = _Tensor(kind, shape, spec.nbytes, target, 0, wanted)
        return target

    def add_groups(self, structure: Structure) -> None:
        """Keep the attributes of the file, as texts; there is no place for those of groups."""
        root = structure.groups.get("")
        if root is not None and root.attrs:
            self._metadata = {name: self._as_text(name, v) for name, v in root.attrs.items()}
        if any(info.attrs for path, info in structure.groups.items() if path):
            self.notes.append("attributes of groups are left out: the format has no place for them")
        if structure.links:
            self.notes.append("links are left out: the format has no place for them")

    def _as_text(self, name: str, value: Any) -> str:
        if isinstance(value, str):
            return value
        self.notes.append(f"attribute '{name}' is written as text: safetensors holds only texts")
        found = plain(value)
        return found if isinstance(found, str) else json.dumps(as_json(found), ensure_ascii=False)

    def give_places(self) -> None:
        """Write the header, give every tensor its place, and copy those that are kept."""
        names = in_order({name: tensor.kind for name, tensor in self._tensors.items()})
        tensors = [self._tensors[name] for name in names]
        described = [
            (name, tensor.kind, tensor.shape) for name, tensor in zip(names, tensors, strict=True)
        ]
        *starts, total = accumulate((tensor.nbytes for tensor in tensors), initial=0)
        head = format_header(described, self._metadata, [tensor.nbytes for tensor in tensors])
        head = with_spaces(head, _spaces(tensors, starts, len(head)))
        if len(head) > LENGTH_BYTES + LONGEST:
            raise UsageError(
                f"output {self._name}: its header would have {len(head)} bytes, and readers "
                f"take {LONGEST} at most; share the arrays out with --by-array"
            )
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            write_all(fd, head, 0)
            os.ftruncate(fd, len(head) + total)
            for tensor, start in zip(tensors, starts, strict=True):
                if tensor.target is not None:
                    tensor.target.extent = Extent(str(self._path), len(head) + start)
            self._copy_kept(fd, tensors, [len(head) + start for start in starts])
        finally:
            os.close(fd)

    def _copy_kept(self, fd: int, tensors: Sequence[_Tensor], offsets: Sequence[int]) -> None:
        if self._base is None or self.has_kept:
            return
        here = open_input(self._base)
        try:
            for tensor, to in zip(tensors, offsets, strict=True):
                if tensor.target is None:
                    copy_range(here, tensor.offset, fd, to, tensor.nbytes, self._base)
        finally:
            os.close(here)


def _spaces(tensors: Sequence[_Tensor], starts: Sequence[int], head: int) -> int:
    """How many more spaces end a header, so that file systems can share most of the blocks.

    XFS and btrfs share blocks that lie alike in two files; see `endpoints.layout.aligned`.
    """
    wanted: Counter[int] = Counter()
    for tensor, start in zip(tensors, starts, strict=True):
        if tensor.wanted is not None:
            spaces = (tensor.wanted - head - start) % SHARED_BLOCK
            wanted[spaces] += 0 if spaces % ALIGNMENT else tensor.nbytes
    spaces, nbytes = wanted.most_common(1)[0] if wanted else (0, 0)
    return spaces if nbytes else 0
