"""Printing what `info` found: tables, trees and statistics for people, JSON for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from concatsplit_cli.readable import clipped, first_elements, readable, statistics
from concatsplit_cli.streams import checked_stdout, one_line, terminal_width
from concatsplit_cli.tables import Table, lines_of
from concatsplit_core.foundation.sizes import format_size, shape_text

if TYPE_CHECKING:
    from concatsplit_core.operators import BlobInfo

_BRANCHES = ("├── ", "└── ", "│   ", "    ")
_PLAIN_BRANCHES = ("|-- ", "`-- ", "|   ", "    ")
"""How a tree is drawn, and where the encoding of stdout lacks the lines."""


def show_info(blobs: Sequence[BlobInfo], as_json: bool, as_tree: bool) -> None:
    """Print the descriptions of arrays."""
    with checked_stdout():
        if as_json:
            document = {"blobs": [blob.to_dict() for blob in blobs]}
            click.echo(json.dumps(document, allow_nan=False))
            return
        width = terminal_width(sys.stdout)
        lines = list(_tree(blobs)) if as_tree else list(_table(blobs))
        if not as_tree and width is not None and any(len(line) > width for line in lines):
            _show_paragraphs(blobs, width)
            return
        lines += _of_each(blobs, as_tree)
        if lines:
            click.echo("\n".join(line if width is None else clipped(line, width) for line in lines))


def _of_each(blobs: Sequence[BlobInfo], as_tree: bool) -> Iterator[str]:
    """What a table or a tree does not show of the arrays: their attributes and elements."""
    for blob in blobs:
        owner = f"{blob.ref} " if len(blobs) > 1 else ""
        if blob.error is not None and not as_tree:
            yield one_line(f"{blob.ref}: {blob.error}")
        for line in _elements(blob) if as_tree else _details(blob):
            yield one_line(f"{owner}{line}")


def _show_paragraphs(blobs: Sequence[BlobInfo], width: int) -> None:
    """Print each array by itself, where a table is wider than the terminal."""
    for blob in blobs:
        click.echo(one_line(blob.ref))
        if blob.error is not None:
            click.echo(clipped(one_line(f"  {blob.error}"), width))
            continue
        _, shape, dtype, chunks, codec, size, stored = _row(blob)
        text = f"  {shape} {dtype}, chunks {chunks}, codec {codec}, {size}, stored {stored}"
        click.echo(clipped(one_line(text), width))
        for line in _details(blob):
            click.echo(clipped(one_line(f"  {line}"), width))


def _table(blobs: Sequence[BlobInfo]) -> Iterator[str]:
    table = Table("", "blob", "shape", "dtype", "chunks", "codec", "size", "stored")
    for blob in blobs:
        if blob.error is None:
            table.add(*_row(blob))
    return lines_of(table)


def _row(blob: BlobInfo) -> tuple[str, ...]:
    chunks = shape_text(blob.chunks) if blob.chunks is not None else f"contiguous, {blob.order}"
    if blob.shards:
        chunks += f" in shards {shape_text(blob.shards)}"
    return (
        blob.ref,
        shape_text(blob.shape),
        blob.dtype_label,
        chunks,
        blob.codec or "none",
        format_size(blob.nbytes),
        format_size(blob.stored_bytes),
    )


def _details(blob: BlobInfo) -> Iterator[str]:
    """A line for the names of the axes, and for each attribute; then what the elements are."""
    if blob.dims:
        yield "dims = " + ", ".join(name or "(no name)" for name in blob.dims)
    for key, value in blob.attrs.items():
        yield f"@{key} = {readable(value)}"
    yield from _elements(blob)


def _elements(blob: BlobInfo) -> Iterator[str]:
    if blob.unread is not None:
        yield f"cannot be read: {blob.unread}"
    if blob.stats is not None:
        yield from statistics(blob.stats)
    if blob.head is not None:
        yield from first_elements(blob.head)


class _Node:
    """A file, a group or an array of a tree."""

    def __init__(self) -> None:
        self.inner: dict[str, _Node] = {}
        self.blob: BlobInfo | None = None


def _tree(blobs: Sequence[BlobInfo]) -> Iterator[str]:
    """The arrays of each file as a tree of its groups, their facts in columns."""
    root = _Node()
    for blob in blobs:
        file, _, member = blob.ref.partition("::")
        node = root
        for part in (file, *filter(None, member.split("/"))):
            node = node.inner.setdefault(part, _Node())
        node.blob = blob
    rows = list(_rows(root))
    full = [row for row in rows if len(row) > 2]
    widths = [max(map(len, column)) for column in zip(*full, strict=True)]
    widths[:1] = [max((len(row[0]) for row in rows), default=0)]
    for row in rows:
        cells = row if len(row) > 2 else row[:1]  # what is wrong with an array is in no column
        text = "  ".join(cell.ljust(w) for cell, w in zip(cells, widths, strict=False))
        yield "  ".join([text, *row[len(cells) :]]).rstrip()


def _rows(root: _Node) -> Iterator[tuple[str, ...]]:
    """A row for each node below the root; groups may lie in each other thousands deep."""
    tee, corner, line, gap = _branches()
    waiting = [(name, node, "", "") for name, node in reversed(root.inner.items())]
    while waiting:
        name, node, before, below = waiting.pop()
        title, blob = one_line(f"{before}{name}"), node.blob
        if blob is None:
            yield (title,)
        elif blob.error is not None:
            yield title, one_line(f"({blob.error})")
        else:
            shape, codec = shape_text(blob.shape), blob.codec or ""
            yield title, shape, one_line(blob.dtype_label), codec, format_size(blob.nbytes)
        lead, under = corner, gap
        for part, inner in reversed(node.inner.items()):
            waiting.append((part, inner, below + lead, below + under))
            lead, under = tee, line


def _branches() -> tuple[str, str, str, str]:
    try:
        "".join(_BRANCHES).encode(sys.stdout.encoding or "ascii")
    except UnicodeError:
        return _PLAIN_BRANCHES
    return _BRANCHES
