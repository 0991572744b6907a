"""Manual pages: what the help of every command says, as pages for `man`."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from concatsplit_cli.environment import variable_of
from concatsplit_cli.help import SECTIONS, full_help, in_sections, option_name
from concatsplit_core import __version__
from concatsplit_core.foundation import errors

PROGRAM = "concatsplit"

_OTHER_CODES = {
    0: "Everything is done, and is on the disk.",
    1: "An internal error, which is a bug.",
    129: "Hung up; what was begun is removed.",
    130: "Interrupted; what was begun is removed.",
    141: "The reader of stdout left before it had all.",
    143: "Terminated; what was begun is removed.",
}
_BOLD, _ITALIC, _ROMAN = r"\fB", r"\fI", r"\fR"


def pages(root: click.Group) -> dict[str, str]:
    """All manual pages, by the names of their files.

    Parameters
    ----------
    root : click.Group
        The program.
    """
    context = click.Context(root, info_name=PROGRAM)
    found = {f"{PROGRAM}.1": _page_of_program(root, context)}
    for path in _paths(root, ()):
        names = [str(command.name) for command in path]
        found["-".join((PROGRAM, *names)) + ".1"] = _page_of_command(path, context)
    return found


def _paths(group: click.Group, above: tuple[click.Command, ...]) -> Iterator[list[click.Command]]:
    for name in group.commands:
        command = group.commands[name]
        yield [*above, command]
        if isinstance(command, click.Group):
            yield from _paths(command, (*above, command))


def _page_of_program(root: click.Group, context: click.Context) -> str:
    commands = [
        line
        for path in _paths(root, ())
        for line in (
            ".TP",
            rf"{_BOLD}{_plain('-'.join((PROGRAM, *(str(c.name) for c in path))))}{_ROMAN}(1)",
            _plain(path[-1].get_short_help_str(limit=200)),
        )
    ]
    return _page(
        (PROGRAM,),
        _first_sentence(root),
        _synopsis(root, context),
        _described(root),
        [
            *(".SH COMMANDS", *commands),
            ".SH ENVIRONMENT",
            "Every option has an environment variable:",
            rf"{_BOLD}CONCATSPLIT_MEMORY=1GiB{_ROMAN} stands for {_BOLD}\-\-memory 1GiB{_ROMAN},",
            "in each command that has the option. The command line wins over the environment.",
            rf"{_BOLD}concatsplit help environment{_ROMAN} lists all variables.",
            *(".SH EXIT STATUS", *_exit_codes()),
        ],
    )


def _page_of_command(path: list[click.Command], root: click.Context) -> str:
    command, context = path[-1], root
    full_help(path, root)  # fails as --help would if a help text is wrong
    for one in path:
        context = click.Context(one, info_name=one.name, parent=context)
    options = {option_name(p): p for p in command.get_params(context)
               if isinstance(p, click.Option) and not p.hidden}  # fmt: skip
    lines = [".SH OPTIONS"]
    for title, chosen in in_sections(SECTIONS, options, "Other options"):
        lines.append(f'.SS "{title}"')
        for option in chosen:
            lines += _option(option, context)
    names = [str(one.name) for one in path]
    return _page(
        (PROGRAM, *names),
        command.get_short_help_str(limit=200),
        _synopsis(command, context),
        _described(command),
        [*lines, ".SH SEE ALSO", rf"{_BOLD}concatsplit{_ROMAN}(1)"],
    )


def _page(
    names: tuple[str, ...], summary: str, synopsis: str, body: list[str], rest: list[str]
) -> str:
    title = "-".join(names)
    lines = [
        f'.TH "{title.upper()}" 1 "" "{PROGRAM} {__version__}" "{PROGRAM} manual"',
        *(".SH NAME", rf"{_plain(title)} \- {_plain(summary.rstrip('.'))}"),
        *(".SH SYNOPSIS", synopsis),
        *(".SH DESCRIPTION", *body),
        *rest,
    ]
    return "\n".join(lines) + "\n"


def _synopsis(command: click.Command, context: click.Context) -> str:
    usage = " ".join(command.collect_usage_pieces(context))
    return f"{_BOLD}{_plain(context.command_path)}{_ROMAN} {_ITALIC}{_plain(usage)}{_ROMAN}"


def _first_sentence(command: click.Command) -> str:
    return re.split(r"(?<=\.)\s", inspect.cleandoc(command.help or ""), maxsplit=1)[0]


def _described(command: click.Command) -> list[str]:
    """The paragraphs of a help text; those that are marked keep their lines."""
    lines: list[str] = []
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        if not paragraph.startswith("\b"):
            lines += [*([".PP"] if lines else []), _plain(" ".join(paragraph.split()))]
            continue
        title, *examples = paragraph.removeprefix("\b").strip("\n").split("\n")
        lines += [".SS " + _plain(title.rstrip(":")), ".nf"]
        lines += [_plain(line.removeprefix("  ")) for line in examples]
        lines.append(".fi")
    return lines


def _option(option: click.Option, context: click.Context) -> list[str]:
    names, text = option.get_help_record(context) or ("", "")
    variable = variable_of(option)
    note = "" if variable is None else f" Environment: {variable}."
    return [".TP", f"{_BOLD}{_plain(names)}{_ROMAN}", _plain(" ".join(text.split()) + note)]


def _exit_codes() -> list[str]:
    """What every exit code means, by the errors that have it."""
    meanings: dict[int, list[str]] = {code: [said] for code, said in _OTHER_CODES.items()}
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.ConcatsplitError):
            said = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0]
            if kind.exit_code not in _OTHER_CODES:
                meanings.setdefault(kind.exit_code, []).append(" ".join(said.split()))
    found = sorted(meanings.items())
    return [line for code, said in found for line in (".TP", str(code), _plain(" ".join(said)))]


def _plain(text: str) -> str:
    """Text in which nothing is taken for a request or an escape."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("`", r"\(ga")
    text = text.replace("^", r"\(ha").replace("~", r"\(ti")
    return rf"\&{text}" if text.startswith((".", "\\(aq")) else text


def write_pages(folder: Path) -> list[Path]:
    """Write all manual pages into a folder."""
    from concatsplit_cli.main import main

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in pages(main).items():
        written.append(folder / name)
        written[-1].write_text(text, encoding="utf-8")
    return written


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
