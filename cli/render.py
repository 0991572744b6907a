"""Printing results: tables for people, JSON for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from concatsplit_cli.streams import checked_stdout, one_line, print_to_stderr

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from concatsplit_core.operators import BlobInfo, Verification
    from concatsplit_core.run.result import Blob, Result

_MOST_ROWS = 24
_SCRIPT_WIDTH = 120


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
    elif not quiet and sys.stderr.isatty():
        from concatsplit_core.array.sizes import format_size

        where = result.outputs[0].ref
        if len(result.outputs) > 1:
            where += f" … {result.outputs[-1].ref} ({len(result.outputs)} blobs)"
        moved = format_size(result.plan.bytes_written)
        print_to_stderr(f"{where}: {moved} in {result.seconds or 0:.2f} s")


def console() -> Console:
    """The console that prints tables to stdout."""
    from rich.console import Console

    class Stdout(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # else Rich would exit with its own code

    if sys.stdout.isatty():
        return Stdout(highlight=False)
    return Stdout(highlight=False, width=_SCRIPT_WIDTH, file=sys.stdout)


def _show_plan(result: Result) -> None:
    out = console()
    new = "new axis" if result.add_axis else "axis"
    out.print(f"[bold]{result.operator}[/] along {new} {result.axis} (dry run)")
    out.print(_blob_table("inputs", result.inputs))
    out.print(_blob_table("outputs", result.outputs))
    out.print(_route_table(result))


def _blob_table(title: str, blobs: Sequence[Blob]) -> Table:
    """A table of blobs and their intervals on the axis; a long list is cut in the middle."""
    table = _table(title, "blob", "start", "stop", "shape", "dtype", "chunks", "codec")
    skipped = len(blobs) - _MOST_ROWS
    for index, blob in enumerate(blobs):
        if skipped > 0 and _MOST_ROWS // 2 <= index < len(blobs) - _MOST_ROWS // 2:
            if index == _MOST_ROWS // 2:
                table.add_row(f"… {skipped} more", *[""] * 6)
            continue
        table.add_row(
            _plain(blob.ref),
            str(blob.interval.start),
            str(blob.interval.stop),
            _shape(blob.shape),
            str(blob.dtype),
            _shape(blob.chunks) if blob.chunks is not None else "contiguous",
            blob.codec or "other",
        )
    return table


def _route_table(result: Result) -> Table:
    from concatsplit_core.array.sizes import format_size

    plan = result.plan
    table = _table(None, "plan", "")
    for route, nbytes in plan.routes.items():
        why = "; ".join(plan.reasons.get(route, ()))
        table.add_row(f"{route} route", format_size(nbytes) + (f", because {why}" if why else ""))
    table.add_row("reads", f"{format_size(plan.bytes_read)} ({plan.read_amplification:.2f} x)")
    table.add_row("writes", format_size(plan.bytes_written))
    table.add_row("tasks", f"{len(plan)} of up to {_shape(plan.block)} on {plan.workers} threads")
    if plan.alignment:
        count = f"{len(plan.alignment)} output{'s' if len(plan.alignment) > 1 else ''}"
        start = "start" if len(plan.alignment) > 1 else "starts"
        table.add_row("alignment", f"{count} {start} where blocks can be shared with inputs")
    table.add_row("peak memory", f"{format_size(plan.peak_memory_bytes)} of array data")
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

    out = console()
    table = _table(None, "blob", "shape", "dtype", "chunks", "codec", "size", "stored")
    for blob in blobs:
        if blob.error is not None:
            continue
        chunks = _shape(blob.chunks) if blob.chunks is not None else f"contiguous, {blob.order}"
        if blob.shards:
            chunks += f" in shards {_shape(blob.shards)}"
        table.add_row(
            _plain(blob.ref),
            _shape(blob.shape),
            blob.dtype,
            chunks,
            blob.codec or "none",
            format_size(blob.nbytes),
            format_size(blob.stored_bytes),
        )
    if table.row_count:
        out.print(table)
    for blob in blobs:
        if blob.error is not None:
            out.print(f"{blob.ref}: {blob.error}", markup=False, soft_wrap=True)
        owner = f"{blob.ref} " if len(blobs) > 1 else ""
        if blob.dims:
            names = ", ".join(name or "(no name)" for name in blob.dims)
            out.print(f"{owner}dims = {names}", markup=False)
        for key, value in blob.attrs.items():
            out.print(f"{owner}@{key} = {value}", markup=False)


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


def _table(title: str | None, *columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        right = column in {"start", "stop", "size", "stored"}
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    return table


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "scalar"
