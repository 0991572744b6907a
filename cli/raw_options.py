"""Options that say what files without a header hold."""

from __future__ import annotations

import click

RAW_OPTIONS = (
    click.option(
        "--raw",
        metavar="DTYPE,SHAPE",
        help="What inputs of bare elements (.dat, .bin, .raw) hold: int16,*,384 means rows of 384; "
        "one length may be *.",
    ),
    click.option(
        "--offset",
        type=click.IntRange(min=0),
        default=0,
        metavar="BYTES",
        help="With --raw: skip a header of so many bytes.",
    ),
)
