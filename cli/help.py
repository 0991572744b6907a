"""Help texts in sections: one line an option with --help, all of it with `concatsplit help`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import click

from concatsplit_cli.environment import (
    give_way,
    name_variables,
    notes_on_unknown,
    remember_command,
)
from concatsplit_cli.streams import print_to_stderr

SECTIONS = {
    "What": "axis order add_axis drop_axis members arrays carry missing files_from null raw offset "
    "follow_links nan_equal rtol atol only_outputs only_inputs",
    "Where to cut": "parts size lengths ratio at range max_bytes uneven remainder hop lengths_from "
    "by_array only scale count",
    "Where to": "output outputs names to force split_info",
    "How": "dtype codec chunks shards promote casting memory_order zarr_format grid checksum attrs "
    "conflicts history check",
    "Memory and speed": "memory jobs routes sync resume executor tasks",
    "Reports": "dry_run picture stats head as_tree as_json quiet progress manifest if_changed "
    "depfile version debug help",
}
"""The parameters of the options in each section, the usual ones first."""

COMMAND_SECTIONS = {
    "Join": "concat stack depth-concat",
    "Cut": "split unstack split-by-lengths depth-split reshard",
    "Copy one array": "fetch feed",
    "Look": "info diff",
    "Records of runs": "verify undo recover",
    "Large runs": "stage run commit discard",
    "Gradients": "gradient",
    "Help": "help",
}
"""The commands in each section."""

_OF_ONE_ARRAY = {"fetch", "feed"}
"""Commands that copy one array as it is."""
_OF_SEVERAL = ("promote", "conflicts")
"""Parameters of options that only have a meaning for several arrays."""
_FULL = "concatsplit.full_help"
_FIRST_COLUMN = 26
"""Width that the names of options get, so that all sections are aligned."""

_DEFAULT = r"\s*(\[[^\[\]]*\])$"
_SENTENCE_END = r"(?<=\.)\s"


class _Helpful(click.Command):
    """A command with an option for help.

    Click looks for translations of its own texts, also where nobody reads them; to find that there
    is none takes a hundredth of a short run.
    """

    _own_help: click.Option | None = None

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """The option, always the same: Click compares it with those that are given."""
        names = self.get_help_option_names(ctx)
        if self._own_help is None and names and self.add_help_option:
            self._own_help = eager_flag(names, "Show this message and exit.", _show_help)
        return self._own_help


def eager_flag(
    names: Sequence[str], text: str, show: Callable[[click.Context], None]
) -> click.Option:
    """An option that shows something in place of running the command."""

    def callback(ctx: click.Context, _: click.Parameter, is_given: bool) -> None:
        if is_given and not ctx.resilient_parsing:
            show(ctx)
            ctx.exit()

    return click.Option(
        names, is_flag=True, is_eager=True, expose_value=False, help=text, callback=callback
    )


def _show_help(ctx: click.Context) -> None:
    click.echo(ctx.get_help(), color=ctx.color)


class Command(_Helpful):
    """A command whose help is in sections, and whose options have environment variables."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        name_variables(self)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words of a command line; a long option with one dash is an error."""
        remember_command(ctx)
        if not ctx.resilient_parsing:  # as it is while a shell completes a word
            _refuse_one_dash(self, ctx, args)
            _refuse_option_as_value(self, ctx, args)
            _refuse_second_output(self, ctx, args)
            for note in notes_on_unknown(ctx, args):
                print_to_stderr(f"concatsplit: note: {note}")
        rest = super().parse_args(ctx, args)
        give_way(ctx)
        return rest

    def make_parser(self, ctx: click.Context) -> Any:
        """Make the parser, with short names among the long: Click looks `-o` up there first."""
        parser = super().make_parser(ctx)
        short, long = (getattr(parser, name, {}) for name in ("_short_opt", "_long_opt"))
        for name in short:
            long.setdefault(name, short[name])
        return parser

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, section by section."""
        by_name = {option_name(option): option for option in _options(self, ctx)}
        if self.name in _OF_ONE_ARRAY and not is_full(ctx):
            for name in _OF_SEVERAL:
                by_name.pop(name, None)
        for title, chosen in in_sections(SECTIONS, by_name, "Other options"):
            with formatter.section(title):
                if is_full(ctx):
                    formatter.write_dl([r for o in chosen if (r := o.get_help_record(ctx))])
                else:
                    room = formatter.width - 4 - _FIRST_COLUMN
                    formatter.write_dl([_short_record(o, ctx, room) for o in chosen])
        if not is_full(ctx) and ctx.parent is not None:
            formatter.write_paragraph()
            path = ctx.command_path.partition(" ")[2]
            formatter.write_text(f"More about each option: concatsplit help {path}")


class CommandGroup(_Helpful, click.Group):
    """A group of commands, whose help lists them in sections."""

    command_class = Command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first word names; an error says which was meant."""
        is_word = not args[0].startswith("-") and not ctx.resilient_parsing
        if is_word and self.get_command(ctx, args[0]) is None:
            from concatsplit_cli.suggestions import no_command

            raise click.UsageError(
                no_command(args[0], self.list_commands(ctx), _path_of(self, ctx)), ctx
            )
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, section by section, then the options."""
        commands = {name: self.commands[name] for name in self.list_commands(ctx)}
        room = formatter.width - 4 - _FIRST_COLUMN
        for title, chosen in in_sections(COMMAND_SECTIONS, commands, "Commands"):
            with formatter.section(title):
                formatter.write_dl(
                    [_aligned(str(c.name), c.get_short_help_str(limit=room)) for c in chosen]
                )
        with formatter.section("Options"):
            formatter.write_dl([_short_record(o, ctx, room) for o in _options(self, ctx)])


def _path_of(group: click.Group, ctx: click.Context) -> str:
    """How a group of commands is called; the context may be that of the outermost one."""
    root = ctx.find_root()
    return "concatsplit" if group is root.command else f"concatsplit {group.name}"


def is_full(ctx: click.Context) -> bool:
    """Whether the help says everything."""
    return bool(ctx.meta.get(_FULL))


def full_help(path: list[click.Command], root: click.Context) -> str:
    """The help of a command, with all that it says about each option.

    Parameters
    ----------
    path : list of click.Command
        The command, after the groups that it is in, without the outermost.
    root : click.Context
        Of the outermost group.
    """
    context = root
    for command in path:
        context = click.Context(command, info_name=command.name, parent=context)
    context.meta[_FULL] = True
    return context.get_help()


def in_sections[T](
    sections: Mapping[str, str], things: Mapping[str, T], others: str
) -> Iterator[tuple[str, list[T]]]:
    """The things of each section, and last those of no section; empty sections are left out."""
    known = {name for names in sections.values() for name in names.split()}
    chosen = {
        title: [things[name] for name in names.split() if name in things]
        for title, names in sections.items()
    }
    chosen[others] = [thing for name, thing in things.items() if name not in known]
    return ((title, some) for title, some in chosen.items() if some)


def _options(command: click.Command, ctx: click.Context) -> list[click.Option]:
    return [p for p in command.get_params(ctx) if isinstance(p, click.Option) and not p.hidden]


def option_name(option: click.Option) -> str:
    return "help" if "--help" in option.opts else str(option.name)


def _short_record(option: click.Option, ctx: click.Context, room: int) -> tuple[str, str]:
    """The names of an option, and the first sentence of its help."""
    names, text = option.get_help_record(ctx) or ("", "")
    if isinstance(option.type, click.Choice) and option.metavar is None:
        whole, names = names, f"{names.partition('[')[0]}WORD"
        names = whole if len(whole) <= _FIRST_COLUMN else names
    default = re.search(_DEFAULT, text)
    sentence = re.split(_SENTENCE_END, re.sub(_DEFAULT, "", text), maxsplit=1)[0].removesuffix(".")
    if default and default[1][1] in "dr" and len(sentence) + len(default[1]) + 2 <= room:
        sentence += f"  {default[1]}"
    return _aligned(names, sentence)


def _aligned(name: str, text: str) -> tuple[str, str]:
    return name.ljust(_FIRST_COLUMN), text


def _refuse_second_output(command: click.Command, ctx: click.Context, args: list[str]) -> None:
    """Refuse a second `-o` where there is one output; Click would take the last."""
    option = next((p for p in command.params if p.name == "output"), None)
    if not isinstance(option, click.Option) or option.multiple:
        return
    words = args[: args.index("--")] if "--" in args else args
    given = [w for w in words if w[:2] == "-o" or w == "--output" or w.startswith("--output=")]
    if len(given) > 1:
        name = ctx.command_path.partition(" ")[2]
        raise click.UsageError(f"-o is given {len(given)} times; {name} writes one output", ctx)


def _refuse_option_as_value(command: click.Command, ctx: click.Context, args: list[str]) -> None:
    """Refuse an option without its value, for which Click would take the option that follows."""
    words = args[: args.index("--")] if "--" in args else args
    pairs = [
        (word, value)
        for word, value in pairwise(words)
        if word[0:1] == value[0:1] == "-" and len(value) > 1
    ]
    if not pairs:
        return
    options = {
        name: option
        for option in command.params
        if isinstance(option, click.Option)
        for name in (*option.opts, *option.secondary_opts)
    }
    for word, value in pairs:
        name = _waiting(word, options)
        if name is None or value.partition("=")[0] not in {*options, *ctx.help_option_names}:
            continue
        if value != "-0" or options[name].name in {"files_from", "output", "outputs"}:
            raise click.UsageError(f"{name} needs a value after it, and {value} is an option", ctx)


def _waiting(word: str, options: Mapping[str, click.Option]) -> str | None:
    """The option in a word that takes the next word as its value; None if there is none."""
    names = [word] if word.startswith("--") else [f"-{letter}" for letter in word[1:]]
    for place, name in enumerate(names, 1):
        option = options.get(name)
        if option is None:
            return None
        if not option.is_flag and not option.count:
            return name if place == len(names) else None
    return None


def _refuse_one_dash(command: click.Command, ctx: click.Context, args: list[str]) -> None:
    """Refuse `-axis`, which would be read as `-a xis`, and `-output` as `-o utput`."""
    words = [word for word in args if word[:1] == "-" and word[1:2] not in {"", "-"}]
    if not words:
        return
    known = {name for param in command.get_params(ctx) for name in param.opts if len(name) > 2}
    for word in words:
        name = f"-{word.partition('=')[0]}"
        if name in known:
            raise click.UsageError(f"{word} has one dash; write -{word}", ctx)
