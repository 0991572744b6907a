"""Printing results: tables for people, JSON for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from concatsplit_cli.streams import checked_stdout, one_line, print_to_stderr
from concatsplit_core.foundation.sizes import counted, format_size, shape_text

if TYPE_CHECKING:
    from concatsplit_cli.tables import Table
    from concatsplit_core.operators import Blob, Result, Verification

_MOST_ROWS = 24
_AT_ONCE = 1000


def show_result(result: Result, as_json: bool, quiet: bool) -> None:
    """Print the result of an operator: as JSON, the plan of a dry run, or a line on a terminal."""
    if not quiet:
        for note in result.notes:
            print_to_stderr(f"concatsplit: note: {one_line(note)}")
    if as_json and any(output.ref == "-" for output in result.outputs):
        print_to_stderr(json.dumps(result.to_dict()))
    elif as_json:
        with checked_stdout("" if result.dry_run else "; the outputs are complete"):
            for piece in _json_pieces(result):
                click.echo(piece, nl=False)
    elif result.dry_run:
        if not quiet:
            with checked_stdout():
                _show_plan(result)
    elif not (quiet or result.is_unchanged) and (sys.stderr.isatty() or _asked_for_progress()):
        from concatsplit_cli.closing import closing_line

        print_to_stderr(one_line(closing_line(result)))


def _asked_for_progress() -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.params.get("progress"))


def _json_pieces(result: Result) -> Iterator[str]:
    """A result as one JSON object, piece by piece: of many inputs the whole would fill memory."""
    rest = json.dumps(result.to_dict(blobs=False))
    for key, blobs in (("inputs", result.inputs), ("outputs", result.outputs)):
        empty = f'"{key}": ['
        before, _, rest = rest.partition(f"{empty}]")
        yield before + empty
        for start in range(0, len(blobs), _AT_ONCE):
            described = [blob.to_dict() for blob in blobs[start : start + _AT_ONCE]]
            yield (", " if start else "") + json.dumps(described, check_circular=False)[1:-1]
        rest = f"]{rest}"
    yield f"{rest}\n"


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
    from concatsplit_cli.tables import Table

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
            shape_text(blob.shape),
            blob.dtype_label,
            shape_text(blob.chunks) if blob.chunks is not None else "contiguous",
            blob.codec or "other",
        )
    return table


def _route_table(result: Result) -> Table:
    plan = result.plan
    from concatsplit_cli.tables import Table

    table = Table("", "plan", "")
    for route, nbytes in plan.routes.items():
        why = "; ".join(plan.reasons.get(route, ()))
        table.add(f"{route} route", format_size(nbytes) + (f", because {why}" if why else ""))
    table.add("reads", f"{format_size(plan.bytes_read)} ({plan.read_amplification:.2f} x)")
    table.add("writes", format_size(plan.bytes_written))
    threads = counted(plan.workers, "thread")
    table.add("tasks", f"{len(plan)}, at most {shape_text(plan.block)} elements each, on {threads}")
    if plan.alignment:
        count = counted(len(plan.alignment), "output")
        start = "start" if len(plan.alignment) > 1 else "starts"
        table.add("alignment", f"{count} {start} where blocks can be shared with inputs")
    table.add("peak memory", f"{format_size(plan.peak_memory_bytes)} of array data")
    return table


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
