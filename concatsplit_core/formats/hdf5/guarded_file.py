"""The file object through which a child reads HDF5 that is not trusted.

HDF5 asks for each piece of metadata by its own address and length. What it would believe at the
risk of leaving its memory, or of never getting on, is checked before it gets the piece. That a
child crashes would not do: where it reads or writes foreign memory, it may crash or not.
"""

from __future__ import annotations

import fcntl
import io
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from concatsplit_core.formats.hdf5.btrees import (
    HUGE_FILTERED,
    HUGE_PLAIN,
    Node,
    Sizes,
    Tree,
    check_use,
    tree_of,
)
from concatsplit_core.formats.hdf5.heaps import walk_heap
from concatsplit_core.formats.hdf5.library import h5py
from concatsplit_core.formats.hdf5.looking import note_damage
from concatsplit_core.formats.hdf5.object_header import TreeUse, trees_of
from concatsplit_core.foundation.errors import MalformedInput

_MAGIC, _FIRST_BLOCK = b"\x89HDF\r\n\x1a\n", 512
_OBJECTS = (b"OHDR", b"\1\0")
"""How object headers begin, of version 2 and of version 1."""
_FEW = 16
"""Bytes of the shortest header of an object."""


def open_guarded(path: str, fd: int) -> Any:
    """Open an HDF5 file for looking at it.

    Raises
    ------
    BlockingIOError
        Another program has it open for writing.
    """
    if os.environ.get("HDF5_USE_FILE_LOCKING", "").upper() not in ("FALSE", "0"):
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:  # not every file system has locks
            pass
    guarded = GuardedFile(path, fd)
    file = h5py.File(guarded, "r", rdcc_nbytes=0)
    file.guarded = guarded  # HDF5 does not keep it
    return file


class GuardedFile(io.RawIOBase):
    """A file that is read by HDF5, and checked as it is.

    Parameters
    ----------
    path : str
    fd : int
        Stays open when this is closed.
    """

    def __init__(self, path: str, fd: int) -> None:
        super().__init__()
        self._path, self._fd, self._at = path, fd, 0
        self._size = os.fstat(fd).st_size
        self._base, self._sizes = _superblock(fd, self._size)
        self._objects: list[int] = []
        """Addresses of the objects that were read since the last B-tree was."""
        self._uses: dict[int, TreeUse] = {}
        self._nodes: dict[int, tuple[Tree, Node]] = {}
        self._checks: dict[bytes, Callable[[int, bytes], None]] = {
            b"BTHD": self._check_tree,
            b"BTIN": self._check_node,
            b"BTLF": self._check_node,
            b"FRHP": self._note_heap,
            b"GCOL": self._check_collection,
        }

    def __repr__(self) -> str:
        return self._path  # h5py makes it the name of the file

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to an offset from the start, from here, or from the end."""
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        """The offset that is read next."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read a piece, which loses its magic if it is damaged."""
        at = self._at
        count = os.preadv(self._fd, [buffer], at)
        self._at += count
        start = bytes(buffer[:4])
        check = self._checks.get(start)
        if check is not None:
            try:
                check(at - self._base, bytes(buffer))
            except MalformedInput as error:
                note_damage(error.message)
                buffer[:4] = bytes(4)  # HDF5 stops there, as it does not where this raises an error
        elif start.startswith(_OBJECTS):
            self._objects.append(at)
        return count

    def _check_tree(self, address: int, header: bytes) -> None:
        tree = tree_of(header, self._sizes, self._size)
        use = self._use_of(address)
        if use is not None:
            check_use(tree, use.kinds, use.rank)
        self._nodes[tree.root.address] = tree, tree.root

    def _use_of(self, address: int) -> TreeUse | None:
        """What the objects that were read before say of a B-tree."""
        for at in self._objects:
            with suppress(IndexError):  # it was the start of something else
                for use in trees_of(self._fd, at, self._sizes, self._base):
                    self._uses[use.address] = use
        self._objects.clear()
        return self._uses.get(address)

    def _check_node(self, address: int, content: bytes) -> None:
        tree, node = self._nodes.get(address, (None, None))
        if tree is None or node is None:
            return
        for child in tree.children_of(node, content):
            self._nodes[child.address] = tree, child

    def _note_heap(self, _address: int, header: bytes) -> None:
        """Note the B-tree of the objects of a fractal heap that are too large for its blocks."""
        at = _FEW - 2 + self._sizes.length
        tree = int.from_bytes(header[at : at + self._sizes.address], "little")
        is_filtered = header[7:9] != bytes(2)
        self._uses[tree] = TreeUse(tree, HUGE_FILTERED if is_filtered else HUGE_PLAIN, None)

    def _check_collection(self, address: int, content: bytes) -> None:
        size = int.from_bytes(content[8 : 8 + self._sizes.length], "little")
        if size <= len(content):
            walk_heap(content[:size], address)


def _superblock(fd: int, size: int) -> tuple[int, Sizes]:
    """Where the addresses of a file count from, and how long they are."""
    at = 0
    while at < size:
        start = os.pread(fd, _FEW, at)
        if start.startswith(_MAGIC) and len(start) == _FEW:
            first = 9 if start[8] >= 2 else 13
            return at, Sizes(*start[first : first + 2])
        at = max(_FIRST_BLOCK, at * 2)
    return 0, Sizes(8, 8)
