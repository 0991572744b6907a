"""help: all that a command's help says, with every detail of its options."""

from __future__ import annotations

import click

from concatsplit_cli.environment import help_of_environment
from concatsplit_cli.help import Command, full_help
from concatsplit_cli.param_types import COMMAND
from concatsplit_cli.streams import checked_stdout


@click.command("help", cls=Command, short_help="Show all about a command, or environment.")
@click.argument("names", metavar="[COMMAND]...", type=COMMAND, nargs=-1)
@click.pass_context
def help(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Show the whole help of a command, or the help about environment variables.

    --help gives one line to each option; help gives all of it.

    \b
    Examples:
      concatsplit help split
      concatsplit help gradient concat
      concatsplit help environment
    """
    root = ctx.find_root()
    if names == ("environment",):
        with checked_stdout():
            click.echo(help_of_environment(root))
        return
    if names and "environment".startswith(names[0].lower()) and len(names[0]) > 2:
        raise click.UsageError("did you mean 'concatsplit help environment'?", ctx)
    path: list[click.Command] = []
    group: click.Command = root.command
    for name in names:
        if not isinstance(group, click.Group):
            raise click.UsageError(f"{path[-1].name} has no commands; leave out {name}", ctx)
        _, group, _ = group.resolve_command(root, [name])  # type: ignore[assignment]
        path.append(group)
    with checked_stdout():
        click.echo(full_help(path, root))
