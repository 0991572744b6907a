"""Options that the environment sets: CONCATSPLIT_MEMORY stands for --memory."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence

import click
from click.core import ParameterSource

from concatsplit_core.foundation.errors import did_you_mean

PREFIX = "CONCATSPLIT_"

_COMMAND = "concatsplit.command"
_TRUE = {"1", "true", "t", "yes", "y", "on"}
_NOT_SET = {"help", "version"}
"""Options that print something and leave."""

_WORDS = {
    "--axis": r"\baxis\b",
    "--order": r"\baxis\b",
    "--parts": r"\bequal parts\b",
    "--size": r"\bparts of\b",
    "--lengths": r"\blengths\b",
    "--at": r"\bcut at\b",
    "--dtype": r"\bcast\b",
    "--output": r"\boutput\b",
}
"""Words that tell which option an error message is about, if it does not name the option."""

_EXCLUSIVE = (
    "axis order",
    "dtype promote",
    "as_json as_tree",
    "parts size lengths lengths_from at ratio max_bytes range",
)
"""Parameters of options of which a command takes one."""
_PART_OF = {"uneven": "parts", "remainder": "size", "hop": "size", "by_array": "max_bytes"}
"""Parameters of options that go with another one only."""

_INTRODUCTION = """\
Every option has an environment variable: CONCATSPLIT_MEMORY=1GiB stands for --memory 1GiB, in each
command that has the option. The command line wins over the environment, also over a variable of an
option that excludes the one that is given. A variable that is empty is not set.

A flag is set by 1, true, yes or on, and not set by 0, false, no or off: CONCATSPLIT_SYNC=0 stands
for --no-sync. An option that may be given several times takes one value a line.
"""


def variable_of(option: click.Option) -> str | None:
    """The environment variable of an option; None for --help and --version."""
    name = max(option.opts, key=len).lstrip("-")
    name = name if len(name) > 1 else str(option.name)
    return None if name in _NOT_SET else PREFIX + name.replace("-", "_").upper()


def name_variables(command: click.Command) -> None:
    """Have the options of a command look for their environment variables."""
    for param in command.params:
        if isinstance(param, click.Option) and param.envvar is None:
            param.envvar = variable_of(param)


def give_way(ctx: click.Context) -> None:
    """Forget what the environment sets where the command line has an option that excludes it."""
    if not any(name.startswith(PREFIX) for name in os.environ):
        return
    by = {name: ctx.get_parameter_source(name) for name in ctx.params}
    given = {name for name, source in by.items() if source is ParameterSource.COMMANDLINE}
    excluded: set[str] = set()
    for names in map(str.split, _EXCLUSIVE):
        if given.intersection(names):
            excluded.update(names)
    if excluded.intersection(_PART_OF.values()):
        excluded.update(name for name, needed in _PART_OF.items() if needed not in given)
    if "hop" in given:
        excluded.add("remainder")
    for param in ctx.command.params:
        name = str(param.name)
        if name in excluded and by.get(name) is ParameterSource.ENVIRONMENT:
            is_flag = isinstance(param, click.Option) and param.is_flag
            ctx.params[name] = False if is_flag else param.type_cast_value(ctx, None)


def remember_command(ctx: click.Context) -> None:
    """Note which command is run, for the message of an error."""
    ctx.meta[_COMMAND] = ctx


def notes_on_unknown(ctx: click.Context, words: Sequence[str]) -> list[str]:
    """Notes on variables that look like those of options, where no command has such an option.

    Parameters
    ----------
    ctx : click.Context
        Of the command.
    words : sequence of str
        The command line after its name.
    """
    given = {name for name in os.environ if name.startswith(PREFIX)}
    given.difference_update(str(param.envvar) for param in ctx.command.params)
    if not given or "-q" in words or is_asked("--quiet", words):
        return []
    from concatsplit_cli.variables import NAMES

    known = {f"{PREFIX}{name}" for name in NAMES}
    return [
        f"the environment variable {name} sets no option"
        + (
            did_you_mean(name.removeprefix(PREFIX), NAMES, PREFIX)
            or "; see concatsplit help environment"
        )
        for name in sorted(given.difference(known))
        if name.isprintable()
    ]


def origin(message: str, root: click.Context | None) -> str:
    """The end of an error message: which variables have set the options that it is about.

    Parameters
    ----------
    message : str
    root : click.Context or None
        Of the outermost command.
    """
    ctx = None if root is None else root.meta.get(_COMMAND)
    if not isinstance(ctx, click.Context):
        return ""
    named = set(re.findall(r"(?<![\w-])--?[\w][\w-]*", message))
    named.update(option for option, words in _WORDS.items() if re.search(words, message))
    return "".join(
        f"; {max(option.opts, key=len)} is set by the environment variable {option.envvar}"
        for option in ctx.command.params
        if isinstance(option, click.Option)
        and named.intersection((*option.opts, *option.secondary_opts))
        and ctx.get_parameter_source(str(option.name)) is ParameterSource.ENVIRONMENT
    )


def is_asked(option: str, words: Sequence[str]) -> bool:
    """Whether a flag is given on the command line, or by the environment."""
    name = option.lstrip("-").replace("-", "_").upper()
    return option in words or os.environ.get(PREFIX + name, "").strip().lower() in _TRUE


def help_of_environment(root: click.Context) -> str:
    """The help about environment variables, with a list of all."""
    options = _variables(root.command)
    width = max(map(len, options))
    lines = (f"  {name.ljust(width)}  {options[name]}" for name in sorted(options))
    return _INTRODUCTION + "\nVariables:\n" + "\n".join(lines)


def _variables(root: click.Command) -> dict[str, str]:
    """The variables of all options of all commands, and the options."""
    options: dict[str, str] = {}
    for command in _commands(root):
        for param in command.params:
            if isinstance(param, click.Option) and not param.hidden:
                variable = variable_of(param)
                if variable is not None:
                    names = max(param.opts, key=len), *param.secondary_opts
                    options[variable] = " / ".join(names)
    return options


def _commands(command: click.Command) -> Iterator[click.Command]:
    if not isinstance(command, click.Group):
        yield command
        return
    for name in command.commands:
        yield from _commands(command.commands[name])
