"""What the command of every operator does: show a bar, call the core once, show the result."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from concatsplit_cli.option_groups import SharedValues
from concatsplit_cli.progress import noting, progress_bar
from concatsplit_cli.render import show_result
from concatsplit_cli.streams import checked_stdout, one_line
from concatsplit_core.foundation.sizes import counted

if TYPE_CHECKING:
    from concatsplit_core.operators import Result

STAGED = "concatsplit.staged"
"""The key in a command's context for the folder of the run that `stage` is to make."""
OPERATORS = (
    "concat", "stack", "depth-concat", "split", "depth-split", "unstack", "split-by-lengths",
    "reshard", "gradient", "fetch", "feed",
)  # fmt: skip
"""The commands that can be staged."""


def run_operator(
    shared: SharedValues, operator: Callable[..., Result], *args: Any, **options: Any
) -> None:
    """Run an operator of the core with a command's own arguments and the shared options."""
    context = click.get_current_context()
    _, _, name = context.command_path.partition(" ")
    if options.get("history"):
        import shlex

        words = getattr(context.find_root().command, "words", [])
        options["history"] = shlex.join(["concatsplit", *words])
    if shared.options.get("depfile") and context.params.get("files_from") not in (None, "-"):
        options["depends_on"] = [context.params["files_from"]]
    with progress_bar(shared.shows_progress, name) as draw:
        listen = noting(draw)
        to = context.meta.get(STAGED)
        if to is None:
            result = operator(*args, on_event=listen, **options, **shared.options)
        else:
            from concatsplit_core.operators import stage

            given = {**options, **shared.options}
            result = stage(operator, *args, to=to, on_event=listen, **given)
    if to is None or shared.as_json:
        show_result(result, shared.as_json, shared.quiet)
    elif not shared.quiet:
        with checked_stdout():
            click.echo(f"{one_line(to)}: {counted(len(result.plan), 'task')}")
