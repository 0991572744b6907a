"""What every operator's command does: show a bar, make one call into the core, show the result."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from concatsplit_cli.lines import one_line
from concatsplit_cli.options import Shared
from concatsplit_cli.progress import progress_bar
from concatsplit_cli.render import show_result
from concatsplit_cli.streams import tell

if TYPE_CHECKING:
    from concatsplit_core.run.result import Result


def run(shared: Shared, operator: Callable[..., Result], *given: Any, **options: Any) -> None:
    """Run an operator of the core with what a command was given and the shared options."""
    _, _, name = click.get_current_context().command_path.partition(" ")
    with progress_bar(shared.shows_progress, name) as draw:

        def listen(event: Any) -> None:
            text = getattr(event, "text", None)
            if text is not None:
                tell(f"concatsplit: note: {one_line(text)}")
            else:
                draw(event)

        result = operator(*given, on_event=listen, **options, **shared.options)
    show_result(result, shared.as_json, shared.quiet)
