"""Printing results: tables for people, JSON for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from concatsplit_cli.streams import checked_stdout, one_line, print_to_stderr
from concatsplit_cli.tables import Table

if TYPE_CHECKING:
    from concatsplit_core.operators import BlobInfo, Verification
    from concatsplit_core.run.result import Blob, Result

_MOST_ROWS = 24


def show_result(result: Result, as_json: bool, quiet: bool) -> None:
    """Print the result of an operator: as JSON, the plan of a dry run, or a line on a terminal."""
    if not quiet:
        for note in result.notes:
            print_to_stderr(f"concatsplit: note: {one_line(note)}")
    if as_json and any(output.ref == "-" for output in result.outputs):
        print_to_stderr(json.dumps(result.to_dict()))
    elif as_json:
        with checked_stdout("" if result.dry_run else "; the outputs are complete"):
            click.echo(json.dumps(result.to_dict()))
    elif result.dry_run:
        if not quiet:
            with checked_stdout():
                _show_plan(result)
    elif not quiet and sys.stderr.isatty() and not result.is_unchanged:
        from concatsplit_core.array.sizes import format_size

        where = result.outputs[0].ref
        if len(result.outputs) > 1:
            where += f" … {result.outputs[-1].ref} ({len(result.outputs)} blobs)"
        moved = format_size(result.plan.bytes_written)
        print_to_stderr(f"{where}: {moved} in {result.seconds or 0:.2f} s")


def _show_plan(result: Result) -> None:
    new = "new axis" if result.add_axis else "axis"
    click.echo(f"{result.operator} along {new} {result.axis} (dry run)\n")
    _blob_table("inputs", result.inputs).show()
    _blob_table("outputs", result.outputs).show()
    from concatsplit_cli.strip import show_strip

    show_strip(result)
    _route_table(result).show()


def _blob_table(title: str, blobs: Sequence[Blob]) -> Table:
    """A table of blobs and their intervals on the axis; a long list is cut in the middle."""
    table = Table(title, "blob", "start", "stop", "shape", "dtype", "chunks", "codec")
    skipped = len(blobs) - _MOST_ROWS
    for index, blob in enumerate(blobs):
        if skipped > 0 and _MOST_ROWS // 2 <= index < len(blobs) - _MOST_ROWS // 2:
            if index == _MOST_ROWS // 2:
                table.add(f"… {skipped} more", *[""] * 6)
            continue
        table.add(
            blob.ref,
            str(blob.interval.start),
            str(blob.interval.stop),
            _shape(blob.shape),
            _dtype(blob),
            _shape(blob.chunks) if blob.chunks is not None else "contiguous",
            blob.codec or "other",
        )
    return table


def _dtype(blob: Blob) -> str:
    if blob.dtype.names is None:
        return str(blob.dtype)
    from concatsplit_core.array.low_precision import shown_dtype

    return shown_dtype(blob.dtype)


def _route_table(result: Result) -> Table:
    from concatsplit_core.array.sizes import format_size

    plan = result.plan
    table = Table("", "plan", "")
    for route, nbytes in plan.routes.items():
        why = "; ".join(plan.reasons.get(route, ()))
        table.add(f"{route} route", format_size(nbytes) + (f", because {why}" if why else ""))
    table.add("reads", f"{format_size(plan.bytes_read)} ({plan.read_amplification:.2f} x)")
    table.add("writes", format_size(plan.bytes_written))
    table.add("tasks", f"{len(plan)} of up to {_shape(plan.block)} on {plan.workers} threads")
    if plan.alignment:
        count = f"{len(plan.alignment)} output{'s' if len(plan.alignment) > 1 else ''}"
        start = "start" if len(plan.alignment) > 1 else "starts"
        table.add("alignment", f"{count} {start} where blocks can be shared with inputs")
    table.add("peak memory", f"{format_size(plan.peak_memory_bytes)} of array data")
    return table


def show_info(blobs: Sequence[BlobInfo], as_json: bool) -> None:
    """Print the descriptions of arrays."""
    with checked_stdout():
        _show_info(blobs, as_json)


def _show_info(blobs: Sequence[BlobInfo], as_json: bool) -> None:
    if as_json:
        document = {"blobs": [blob.to_dict() for blob in blobs]}
        click.echo(json.dumps(document, allow_nan=False))
        return
    from concatsplit_core.array.sizes import format_size

    table = Table("", "blob", "shape", "dtype", "chunks", "codec", "size", "stored")
    for blob in blobs:
        if blob.error is not None:
            continue
        chunks = _shape(blob.chunks) if blob.chunks is not None else f"contiguous, {blob.order}"
        if blob.shards:
            chunks += f" in shards {_shape(blob.shards)}"
        table.add(
            blob.ref,
            _shape(blob.shape),
            blob.dtype,
            chunks,
            blob.codec or "none",
            format_size(blob.nbytes),
            format_size(blob.stored_bytes),
        )
    table.show()
    for blob in blobs:
        if blob.error is not None:
            click.echo(one_line(f"{blob.ref}: {blob.error}"))
        owner = f"{blob.ref} " if len(blobs) > 1 else ""
        if blob.dims:
            names = ", ".join(name or "(no name)" for name in blob.dims)
            click.echo(one_line(f"{owner}dims = {names}"))
        for key, value in blob.attrs.items():
            click.echo(one_line(f"{owner}@{key} = {value}"))


def show_verification(verification: Verification, as_json: bool) -> None:
    """Print the blobs that differ or are missing, and the number of blobs of each status."""
    if as_json:
        click.echo(json.dumps(verification.to_dict()))
        return
    for blob in verification.blobs:
        if blob.status != "same":
            click.echo(one_line(f"{blob.ref}: {blob.status} ({blob.role}): {blob.reason}"))
    counts = (f"{verification.count(s)} {s}" for s in ("same", "different", "missing"))
    click.echo(", ".join(counts))


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "scalar"
