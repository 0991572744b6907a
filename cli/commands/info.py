"""info: describe arrays, and say what their elements are."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from concatsplit_cli.help import Command
from concatsplit_cli.inputs import many_inputs
from concatsplit_cli.options import (
    RAW_OPTIONS,
    debug_option,
    follow_links_option,
    jobs_option,
    json_option,
    memory_option,
    progress_option,
)
from concatsplit_cli.param_types import FILE
from concatsplit_cli.streams import Partly, message_line, print_to_stderr

_refs = many_inputs("refs", "REF...")


@click.command(cls=Command, short_help="Describe arrays: shape, dtype, chunks, statistics.")
@_refs
@RAW_OPTIONS[0]
@RAW_OPTIONS[1]
@click.option(
    "--stats",
    is_flag=True,
    help="Read all elements: range, mean, histogram. Missing elements (_FillValue, missing_value, "
    "outside valid_range) and NaNs are counted and otherwise left out; numbers with scale_factor "
    "or add_offset are unpacked first.",
)
@click.option(
    "--head",
    type=click.IntRange(min=1),
    metavar="N",
    help="Show the first N elements, or rows. Of each other axis the first 8 are shown.",
)
@click.option("--tree", "as_tree", is_flag=True, help="Show the arrays as a tree of groups.")
@click.option(
    "--picture",
    metavar="FILE.svg",
    type=FILE,
    help="Draw the chunks of the arrays. It shows which are absent, and how many bytes each takes.",
)
@click.option("-f", "--force", is_flag=True, help="Replace an existing picture.")
@follow_links_option
@memory_option
@jobs_option
@json_option
@progress_option
@debug_option
def info(
    refs: list[str],
    stats: bool,
    head: int | None,
    as_tree: bool,
    picture: str | None,
    force: bool,
    as_json: bool,
    progress: bool | None,
    debug: bool,
    **options: Any,
) -> None:
    """Describe arrays: shape, dtype, chunks, codec, sizes, attributes.

    A file without ::MEMBER means all of its arrays; - means .npy on stdin. On a terminal, long
    lines are cut to its width. If one of several files cannot be described, the others are; the
    exit code is that of the last error.

    \b
    Examples:
      concatsplit info a.npy
      concatsplit info store.h5 --json
      concatsplit info store.h5 --tree
      concatsplit info a.npy --stats --head 2
      cat a.npy | concatsplit info -
      concatsplit info store.zarr --picture chunks.svg
      concatsplit info recording.dat --raw 'int16,*,384'
    """
    from concatsplit_cli.describing import show_info
    from concatsplit_core import operators

    if as_json and as_tree:
        raise click.UsageError("--tree is for people, --json for programs; give one of them")
    if force and picture is None:
        print_to_stderr("concatsplit: note: --force changes nothing: there is no --picture")
    if picture is not None:
        given = {name: options[name] for name in ("raw", "offset", "follow_links")}
        operators.draw_chunks(refs, picture, force=force, **given)
    with _progress(progress, stats, options["raw"] is not None) as listen:
        errors = list[operators.ConcatsplitError]()
        options |= {"on_event": listen, "on_error": errors.append}
        blobs = operators.info(refs, stats=stats, head=head or 0, **options)
    if not errors:
        show_info(blobs, as_json, as_tree)
        return
    if not as_json:
        show_info(blobs, as_json, as_tree)
    for error in errors[:-1]:
        print_to_stderr(f"concatsplit: error: {message_line(error.message)}")
    raise Partly(errors[-1], {"blobs": [blob.to_dict() for blob in blobs]})


@contextmanager
def _progress(progress: bool | None, stats: bool, has_notes: bool) -> Iterator[Any]:
    """A listener to notes and to the progress of statistics; describing alone takes no time."""
    if not has_notes and not stats:
        yield None
        return
    from concatsplit_cli.progress import noting, progress_bar

    if not stats:
        yield noting(lambda _: None)
        return
    shown = sys.stderr.isatty() if progress is None else progress
    with progress_bar(shown, "info", has_result=True) as listen:
        yield noting(listen)
