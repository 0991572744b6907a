"""stage, run, commit and discard: an operator whose tasks any number of processes do."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from contextlib import chdir
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import click

from concatsplit_cli.help import Command
from concatsplit_cli.options import debug_option, json_option, progress_option
from concatsplit_cli.param_types import FOLDER, OPERATOR
from concatsplit_cli.progress import noting, progress_bar
from concatsplit_cli.run_operator import OPERATORS, STAGED
from concatsplit_cli.streams import checked_stdout, one_line

if TYPE_CHECKING:
    from concatsplit_core.operators import RunState

_folder = click.argument("folder", metavar="RUN", type=FOLDER)
_quiet = click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")


class StageCommand(Command):
    """A command that takes the command line of another one, with all its options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Leave the options of the operator to it."""
        for word, value in pairwise(args):
            if word == "--to" and re.match("--?[a-zA-Z]", value) and not ctx.resilient_parsing:
                raise click.UsageError(
                    f"--to needs a value after it, and {value} is an option", ctx
                )
        return click.Command.parse_args(self, ctx, args)


@click.command(
    cls=StageCommand,
    short_help="Plan an operator for many processes.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("operator", metavar="OPERATOR", type=OPERATOR)
@click.argument("words", metavar="...", nargs=-1, type=click.UNPROCESSED)
@click.option("--to", required=True, metavar="RUN", type=FOLDER, help="A new folder for the run.")
@click.pass_context
def stage(ctx: click.Context, operator: str, words: tuple[str, ...], to: str) -> None:
    """Plan an operator, and create its outputs where nobody sees them yet.

    OPERATOR and what follows is a command line like any other. Nothing is moved: any number of
    'concatsplit run RUN' do that, on any machine that sees the same files, and 'concatsplit commit
    RUN' gives the outputs their names. It prints the number of tasks.

    \b
    Example:
      concatsplit stage concat a.npy b.npy -o staged.npy --to run1
    """
    if operator not in OPERATORS:
        raise click.UsageError(
            f"{operator} cannot be staged; these can be: {', '.join(OPERATORS)}", ctx
        )
    root = ctx.find_root()
    group: Any = root.command
    _, command, rest = group.resolve_command(root, [operator, *words])
    above = root
    if isinstance(command, click.Group):
        above = click.Context(command, info_name=command.name, parent=root)
        _, command, rest = command.resolve_command(ctx, rest)
    own = command.make_context(command.name, list(rest), parent=above)
    own.meta[STAGED] = to
    with own:
        command.invoke(own)


@click.command(cls=Command, short_help="Do tasks of a staged run.")
@_folder
@click.option(
    "--tasks",
    metavar="I/N",
    help="Only share I of N, such as 3/64. For array jobs; 0/N is N/N.  [default: all tasks]",
)
@json_option
@_quiet
@progress_option
@debug_option
def run(
    folder: str, tasks: str | None, as_json: bool, quiet: bool, progress: bool | None, debug: bool
) -> None:
    """Do the tasks of a staged run that are not done yet.

    Any number of processes may do so, in any order, and again after a failure. What is done is
    recorded every 30 seconds.

    \b
    Examples:
      concatsplit run RUN
      concatsplit run RUN --tasks 3/64
    """
    from concatsplit_core import operators

    def step(path: str, listen: Callable[[Any], None]) -> RunState:
        return operators.run_tasks(path, tasks, listen)

    state = _in_its_folder(folder, "run", progress, quiet, step)
    left = f"{state.missing} of {state.tasks} tasks still to do" if state.missing else "all done"
    _show(state, f"{folder}: {left}", as_json, quiet)


@click.command(cls=Command, short_help="Publish the outputs of a staged run.")
@_folder
@json_option
@_quiet
@progress_option
@debug_option
def commit(folder: str, as_json: bool, quiet: bool, progress: bool | None, debug: bool) -> None:
    """Give the outputs of a staged run their names, all together, and remove RUN.

    It refuses while tasks are still to do, and says which; and if an input has changed.

    \b
    Example:
      concatsplit commit RUN
    """
    from concatsplit_core import operators

    state = _in_its_folder(folder, "commit", progress, quiet, operators.commit)
    _show(state, "", as_json, quiet)


@click.command(cls=Command, short_help="Give up a staged run.")
@_folder
@json_option
@_quiet
@debug_option
def discard(folder: str, as_json: bool, quiet: bool, debug: bool) -> None:
    """Remove all that a staged run has staged, and RUN. It takes a run with --resume too.

    \b
    Example:
      concatsplit discard RUN
    """
    from concatsplit_core import operators

    _show(operators.discard(folder), "", as_json, quiet)


def _in_its_folder(
    folder: str,
    title: str,
    progress: bool | None,
    quiet: bool,
    step: Callable[[str, Callable[[Any], None]], RunState],
) -> RunState:
    """Do a step in the working folder that the run was staged in: names of files need it."""
    from concatsplit_core.operators.sharing import working_folder

    path = os.path.abspath(folder)
    shown = not quiet and (sys.stderr.isatty() if progress is None else progress)
    with progress_bar(shown, title) as draw:
        listen = noting(draw)
        with chdir(working_folder(path)):
            return step(path, listen)


def _show(state: RunState, text: str, as_json: bool, quiet: bool) -> None:
    with checked_stdout():
        if as_json:
            click.echo(json.dumps(state.to_dict()))
        elif text and not quiet:
            click.echo(one_line(text))
