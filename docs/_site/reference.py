"""The pages of the commands and of the library, made of what these say of themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

_SPECIAL = re.compile(r"([|<>*_{}\[\]`$])")


def commands() -> str:
    """All commands in Markdown, in the order of their help."""
    from concatsplit_cli.main import main

    root = click.Context(main, info_name="concatsplit")
    lines: list[str] = []
    for command, context in _leaves(main, root):
        lines += _section(command, context)
    return "\n".join(lines)


def functions() -> str:
    """All that the library offers, for Sphinx to read the docstrings of."""
    import concatsplit_core as cs

    classes = [name for name in cs.__all__ if isinstance(getattr(cs, name), type)]
    lines = ["## Functions", "", "```{eval-rst}"]
    for name in sorted(set(cs.__all__).difference(classes)):
        lines += [f".. autofunction:: {cs.__name__}.{name}", ""]
    lines += ["```", "", "## Values", "", "```{eval-rst}"]
    for name in sorted(classes):
        lines += [f".. autoclass:: {cs.__name__}.{name}", "   :members:", ""]
    return "\n".join([*lines, "```"])


def _leaves(
    group: click.Group, context: click.Context
) -> Iterator[tuple[click.Command, click.Context]]:
    for name in group.commands:
        command = group.commands[name]
        inside = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group):
            yield from _leaves(command, inside)
        else:
            yield command, inside


def _section(command: click.Command, context: click.Context) -> Iterator[str]:
    from concatsplit_cli.help import SECTIONS

    about, _, examples = (command.help or "").partition("\b")
    yield from (f"## {context.command_path}", "", _escaped(" ".join(about.split())), "")
    yield from ("```text", command.get_usage(context), "```", "")
    shown = [line.strip() for line in examples.splitlines()[2:] if line.strip()]
    if shown:
        yield from ("```sh", *shown, "```", "")
    options = {str(param.name): param for param in command.get_params(context)}
    for title, names in SECTIONS.items():
        chosen = (options[name] for name in names.split() if name in options)
        rows = [row for one in chosen if (row := one.get_help_record(context)) is not None]
        if rows:
            yield from (f"**{title}**", "", "| option | |", "|---|---|")
            for names_of_option, what in rows:
                shown_names = names_of_option.replace("|", "\\|")
                yield f"| `{shown_names}` | {_escaped(what)} |"
            yield ""


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)
