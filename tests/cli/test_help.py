"""What the first words typed show: bare commands, help in sections, one line an option."""

from __future__ import annotations

from typing import Any

import pytest
from test_help_examples import COMMANDS

from concatsplit_cli.commands.gradient import gradient
from concatsplit_cli.main import main

SECTIONS = ["What", "Where to cut", "Where to", "How", "Memory and speed", "Reports"]


def test_a_bare_command_shows_its_help_and_fails(shell: Any) -> None:
    for words in ((), ("gradient",)):
        bare = shell.run(*words)
        assert bare.code == 2
        assert bare.out == ""
        assert bare.err == shell.ok(*words, "--help").out


def test_help_of_a_command_says_more_than_its_option(shell: Any) -> None:
    assert shell.ok("help").out == shell.ok("--help").out
    for words in (("split",), ("gradient", "concat")):
        short, full = shell.ok(*words, "--help").out, shell.ok("help", *words).out
        assert full.splitlines()[0] == short.splitlines()[0]
        assert f"concatsplit help {' '.join(words)}" in short
        assert "[exact|refuse|first|convert]" in full
        assert "always refuse" in " ".join(full.split())
        assert "--memory-order [C|F]" in short
        for choice in ("convert", "fletcher32", "same_kind", "common"):
            assert choice in short
        assert "always refuse" not in short


def test_commands_of_one_array_leave_out_what_is_for_several(shell: Any) -> None:
    for command in ("fetch", "feed"):
        short, full = shell.ok(command, "--help").out, shell.ok("help", command).out
        for option in ("--promote", "--conflicts"):
            assert option not in short
            assert option in full
    assert "--promote" in shell.ok("reshard", "--help").out


def test_help_of_what_does_not_exist(shell: Any) -> None:
    shell.fails(2, "help", "splot", says="splot")
    shell.fails(2, "help", "split", "concat", says=("split", "concat"))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_option_has_one_line_in_80_columns(shell: Any, path: tuple[str, ...]) -> None:
    lines = shell.ok(*path, "--help").out.partition("concatsplit" if not path else "\nWhat:")[2]
    assert "Other options" not in lines
    for line in lines.splitlines():
        if line.startswith("  -"):
            assert line[28:30] == "  ", line
            assert len(line) <= 78, line
        assert not line.startswith(" " * 20), f"a second line: {line}"


def test_sections_come_in_order_with_the_usual_options_first(shell: Any) -> None:
    lines = shell.ok("split", "--help").out.splitlines()
    assert [line[:-1] for line in lines if line[:-1] in SECTIONS] == SECTIONS
    first = {"What": "--axis", "Where to cut": "--parts", "Where to": "-o", "Reports": "-n"}
    for section, option in first.items():
        assert lines[lines.index(f"{section}:") + 1].startswith(f"  {option}")


def test_every_command_is_listed_with_a_whole_line(shell: Any) -> None:
    shown = shell.ok("--help").out
    assert "\nCommands:" not in shown
    for group, text in ((main, shown), (gradient, shell.ok("gradient", "--help").out)):
        for name in group.commands:
            [line] = [line for line in text.splitlines() if line.startswith(f"  {name} ")]
            assert line.endswith(".")
            assert not line.endswith("...")
