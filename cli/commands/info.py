"""info: describe arrays without reading their elements."""

from __future__ import annotations

import click

from concatsplit_cli.help import Command
from concatsplit_cli.inputs import many_inputs
from concatsplit_cli.options import RAW_OPTIONS, debug_option, json_option
from concatsplit_cli.param_types import FILE
from concatsplit_cli.render import show_info

_refs = many_inputs("refs", "REF...")


@click.command(cls=Command, short_help="Describe arrays: shape, dtype, chunks, codec.")
@_refs
@RAW_OPTIONS[0]
@RAW_OPTIONS[1]
@click.option(
    "--picture",
    metavar="FILE.svg",
    type=FILE,
    help="Draw the chunks of the arrays. It shows which are absent, and how many bytes each takes.",
)
@click.option("-f", "--force", is_flag=True, help="Replace an existing picture.")
@json_option
@debug_option
def info(
    refs: list[str],
    raw: str | None,
    offset: int,
    picture: str | None,
    force: bool,
    as_json: bool,
    debug: bool,
) -> None:
    """Describe arrays: shape, dtype, chunks, codec, sizes, attributes.

    A file without ::MEMBER means all of its arrays; - means .npy on stdin.

    \b
    Examples:
      concatsplit info a.npy
      concatsplit info store.h5 --json
      cat a.npy | concatsplit info -
      concatsplit info store.zarr --picture chunks.svg
      concatsplit info recording.dat --raw 'int16,*,384'
    """
    from concatsplit_core import operators

    if picture is not None:
        operators.draw_chunks(refs, picture, force=force, raw=raw, offset=offset)
    show_info(
        [blob for ref in refs for blob in operators.info(ref, raw=raw, offset=offset)], as_json
    )
