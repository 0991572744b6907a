"""What the words of a command line can be: files, arrays in files, codecs, routes, dtypes, axes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice, pairwise

import click
from click.shell_completion import CompletionItem

_MOST = 1_000
"""The most candidates that a shell is given."""
_DTYPES = (
    "float16 float32 float64 bfloat16 int8 int16 int32 int64 uint8 uint16 uint32 uint64 "
    "complex64 complex128 bool"
)


def candidates(kind: str, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    """The words that begin as this one does; none if they cannot be found out.

    Parameters
    ----------
    kind : str
        What the word means, as in `concatsplit_cli.param_types`.
    ctx : click.Context
        With what was given before.
    incomplete : str
        The start of the word.
    """
    if kind in {"file", "dir"}:
        return [CompletionItem(incomplete, type=kind)]
    if kind == "ref" and "::" not in incomplete and not incomplete.startswith("@"):
        return [CompletionItem(incomplete, type="file")]
    words: Iterable[str] = ()
    with suppress(Exception):  # a file that cannot be read has no names to offer
        words = list(islice(_WORDS[kind](ctx, incomplete), _MOST))
    return [CompletionItem(word) for word in words if word.startswith(incomplete)]


def _references(_: click.Context, incomplete: str) -> Iterator[str]:
    """Arrays of a file after ``::``, and lists after ``@``."""
    if "::" not in incomplete:
        return file_names(incomplete[1:], "@")
    from concatsplit_core.operators.words import member_names

    path = incomplete.partition("::")[0]
    return (f"{path}::{name}" for name in member_names(path))


def _named_references(_: click.Context, incomplete: str) -> Iterator[str]:
    name, equals, ref = incomplete.partition("=")
    if not equals:
        return iter(())
    return file_names(ref, f"{name}=")


def file_names(start: str, before: str) -> Iterator[str]:
    """The files whose names start so, each with what stands before it."""
    folder, name = os.path.split(start)
    with os.scandir(os.path.expanduser(folder) or ".") as entries:
        found = sorted(
            (entry.name, entry.is_dir()) for entry in entries if entry.name.startswith(name)
        )
    for found_name, is_folder in found:
        if name or not found_name.startswith("."):
            yield before + os.path.join(folder, found_name) + "/" * is_folder


def _codecs(_: click.Context, incomplete: str) -> Iterator[str]:
    """Names of codecs and, after a colon, their settings."""
    from concatsplit_core.operators.words import codecs

    return iter(codecs(incomplete))


def _routes(_: click.Context, incomplete: str) -> Iterator[str]:
    from concatsplit_core.operators.words import routes

    return _in_list(routes(), incomplete)


def _in_list(words: Iterable[str], incomplete: str) -> Iterator[str]:
    """Words that can follow the last comma."""
    head, comma, _ = incomplete.rpartition(",")
    return (head + comma + word for word in words if word not in head.split(","))


def _axes(ctx: click.Context, _: str) -> Iterator[str]:
    """Names of dimensions that the first input has, of all its arrays."""
    from concatsplit_core.operators.words import dims_of

    first = next(_inputs(ctx), None)
    return iter(()) if first is None else iter(dims_of(first))


def _arrays(ctx: click.Context, incomplete: str) -> Iterator[str]:
    """Names of the arrays of the first input, after the last comma."""
    from concatsplit_core.operators.words import member_names

    first = next(_inputs(ctx), None)
    return iter(()) if first is None else _in_list(member_names(first), incomplete)


def _inputs(ctx: click.Context) -> Iterator[str]:
    """The files that were given before, patterns expanded.

    Click has not found out which words these are: it stops at the option that has no value yet.
    """
    from concatsplit_core.operators.words import files_of

    words: list[str] = ctx.find_root().obj or []
    return files_of(
        word
        for before, word in pairwise(words)
        if not word.startswith("-") and before not in {"-o", "--output"}
    )


def _commands(ctx: click.Context, _: str) -> Iterator[str]:
    """The commands of the group that was named before."""
    command: click.Command | None = ctx.find_root().command
    for name in ctx.params.get("names") or ():
        command = command.get_command(ctx, name) if isinstance(command, click.Group) else None
    if isinstance(command, click.Group):
        yield from command.list_commands(ctx)
    if not ctx.params.get("names"):
        yield "environment"


def _staged(_: click.Context, __: str) -> Iterator[str]:
    """The commands that can be staged."""
    from concatsplit_cli.run_operator import OPERATORS

    return iter(OPERATORS)


_WORDS: dict[str, Callable[[click.Context, str], Iterator[str]]] = {
    "ref": _references,
    "named ref": _named_references,
    "codec": _codecs,
    "routes": _routes,
    "dtype": lambda *_: iter(_DTYPES.split()),
    "order": lambda *_: iter(["NCHW", "NHWC", "NCDHW", "NDHWC", "CHW", "HWC", "NC", "CN"]),
    "chunks": lambda *_: iter(("auto", "none")),
    "axis": _axes,
    "members": _arrays,
    "command": _commands,
    "operator": _staged,
    "executor": lambda *_: iter(("threads", "dask", "dask:tcp://")),
}
"""Words of each kind, from what was given before and the start of the word."""
