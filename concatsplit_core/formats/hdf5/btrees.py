"""Checks B-trees of version 2 before HDF5 reads them: it believes their headers and pointers.

Read as the HDF5 file format specification, version 3.0, says in III.A.2. A header says how large
nodes and records are, and how many levels there are. How wide the fields of a pointer to a node
are follows from how many records a node of each level has room for::

    header -> root: records, pointers -> node: records, pointers -> ... -> leaf: records

A pointer says how many records its node has, and, where that is no leaf, how many are below it.
HDF5 makes room by what a header says, and fills it with what pointers say.
"""

from __future__ import annotations

from struct import Struct
from typing import NoReturn

from concatsplit_core.foundation.errors import MalformedInput
from concatsplit_core.foundation.records import NamedTuple

_AROUND = 10
"""Bytes of a node that are not records or pointers: magic, version, kind and checksum."""
_HEADER = Struct("<4sBBIHHBB")
_DEEPEST = 32
"""Levels of a tree whose nodes have two children each and that has more nodes than a file can."""

HUGE_PLAIN, HUGE_FILTERED = (1, 3), (2, 4)
BY_NAME, BY_ORDER = (5, 8), (6, 9)
"""Kinds of trees of links and of attributes, by name and by the order in which they were made."""
CHUNKS = (10, 11)


class Sizes(NamedTuple):
    """Bytes of an address and of a length in a file."""

    address: int
    length: int


class _Level(NamedTuple):
    """A level of a tree, counted from the leaves.

    Parameters
    ----------
    most : int
        How many records a node has room for.
    below : int
        How many records a node and all below it have room for.
    """

    most: int
    below: int


class Node(NamedTuple):
    """A node to which a header or a pointer leads.

    Parameters
    ----------
    level : int
        Counted from the leaves.
    address : int
    records : int
        How many it has itself.
    below : int
        How many it and all below it have.
    """

    level: int
    address: int
    records: int
    below: int


class Tree(NamedTuple):
    """What the header of a tree says.

    Parameters
    ----------
    kind : int
        What its records are.
    record_bytes : int
    sizes : Sizes
    levels : tuple of _Level
    root : Node
    """

    kind: int
    record_bytes: int
    sizes: Sizes
    levels: tuple[_Level, ...]
    root: Node

    def children_of(self, node: Node, content: bytes) -> list[Node]:
        """The nodes to which a node leads.

        Raises
        ------
        MalformedInput
            One of them claims more records than it has room for, or the node has not as many below
            it as it claims.
        """
        if not node.level:
            return []
        counts, totals = self._widths(node.level)
        at = 6 + node.records * self.record_bytes
        found = []
        for _ in range(node.records + 1):
            fields = []
            for width in (self.sizes.address, counts, totals):
                fields.append(int.from_bytes(content[at : at + width], "little"))
                at += width
            address, records, below = fields
            child = Node(node.level - 1, address, records, below if totals else records)
            if not 0 < records <= self.levels[child.level].most:
                most = self.levels[child.level].most
                _refuse(f"a node of it claims {records} records and has room for {most}")
            found.append(child)
        below = node.records + sum(child.below for child in found)
        if below != node.below:
            _refuse(f"it claims {node.below} records where there are {below}")
        return found

    def _widths(self, level: int) -> tuple[int, int]:
        """Bytes of the numbers of records of a node below a level, and of all below that."""
        return _width(self.levels[0].most), _width(self.levels[level - 1].below) * (level > 1)


def tree_of(header: bytes, sizes: Sizes, file_bytes: int) -> Tree:
    """The tree of a header.

    Parameters
    ----------
    header : bytes
    sizes : Sizes
    file_bytes : int

    Raises
    ------
    MalformedInput
        There can be no such tree in the file.
    """
    _, _, kind, node_bytes, record_bytes, depth, _, _ = _HEADER.unpack_from(header)
    if record_bytes not in _record_bytes(kind, sizes):
        _refuse(f"it claims records of {record_bytes} bytes, which those of kind {kind} never have")
    if not _AROUND + record_bytes <= node_bytes <= file_bytes:
        _refuse(f"it claims nodes of {node_bytes} bytes with records of {record_bytes}")
    if depth > _DEEPEST:
        _refuse(f"it claims {depth} levels")
    most = (node_bytes - _AROUND) // record_bytes
    levels = [_Level(most, most)]
    for level in range(1, depth + 1):
        widest = _width(levels[0].most) + _width(levels[-1].below) * (level > 1)
        pointer = sizes.address + widest
        most = (node_bytes - _AROUND - pointer) // (record_bytes + pointer)
        below = (most + 1) * levels[-1].below + most
        if most < 1 or below >= 1 << 63:
            _refuse(f"it claims {depth} levels of nodes of {node_bytes} bytes")
        levels.append(_Level(most, below))
    at = _HEADER.size
    fields = []
    for width in (sizes.address, 2, sizes.length):
        fields.append(int.from_bytes(header[at : at + width], "little"))
        at += width
    root = Node(depth, *fields)
    if root.records > levels[depth].most:
        _refuse(f"its root claims {root.records} records and has room for {levels[depth].most}")
    if (not depth or not root.records) and root.records != root.below:
        _refuse(f"it claims {root.below} records and its root {root.records}")
    return Tree(kind, record_bytes, sizes, tuple(levels), root)


def _record_bytes(kind: int, sizes: Sizes) -> range | tuple[int, ...]:
    """How many bytes records of a kind can have."""
    address, length = sizes
    if kind == CHUNKS[0]:
        return range(address + 8, address + 8 * 32 + 1, 8)
    if kind == CHUNKS[1]:
        return range(address + 1 + 4 + 8, address + 8 + 4 + 8 * 32 + 1)
    shared = 5 + max(12, 4 + address)
    known = {
        1: address + 2 * length, 2: address + 3 * length + 4, 3: address + length,
        4: address + 2 * length + 4, 5: 11, 6: 15, 7: shared, 8: 17, 9: 13,
    }  # fmt: skip
    return (known[kind],) if kind in known else ()


def check_use(tree: Tree, kinds: tuple[int, ...], rank: int | None = None) -> None:
    """Check that a tree is what it is used for.

    Parameters
    ----------
    tree : Tree
    kinds : tuple of int
        What its records can be.
    rank : int, optional
        How many axes an array has whose chunks it lists.

    Raises
    ------
    MalformedInput
    """
    if tree.kind not in kinds:
        wanted = " or ".join(map(str, kinds))
        _refuse(f"its records are of kind {tree.kind}, and should be of kind {wanted}")
    if rank is not None:
        rest = tree.record_bytes - tree.sizes.address - 8 * rank
        if rest != 0 if tree.kind == CHUNKS[0] else not 5 <= rest <= 12:
            _refuse(f"it claims records of {tree.record_bytes} bytes for chunks of {rank} axes")


def _width(most: int) -> int:
    """Bytes of a number up to one."""
    return max(1, (most.bit_length() + 7) // 8)


def _refuse(why: str) -> NoReturn:
    raise MalformedInput(f"a B-tree is damaged: {why}")
