"""Options that environment variables set."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click
import numpy as np
import pytest

from concatsplit_cli import environment
from concatsplit_cli.main import main
from concatsplit_cli.variables import NAMES

JOIN = ("concat", "a.npy", "b.npy")
CUT = ("split", "a.npy", "-o", "p{index}.npy")


def options(command: click.Command) -> Iterator[click.Option]:
    if isinstance(command, click.Group):
        for name in command.commands:
            yield from options(command.commands[name])
        return
    yield from (param for param in command.params if isinstance(param, click.Option))


def test_every_option_has_a_variable_that_the_help_lists(shell: Any) -> None:
    listed = shell.ok("help", "environment").out
    for option in options(main):
        name = max(option.opts, key=len)
        variable = str(option.envvar)
        bare = "null" if name == "-0" else name.lstrip("-")
        assert variable == f"CONCATSPLIT_{bare.upper().replace('-', '_')}"
        assert any(line.split()[:2] == [variable, name] for line in listed.splitlines())
    assert "CONCATSPLIT_HELP" not in listed
    assert "concatsplit help environment" in shell.ok("--help").out


def test_variables_stand_for_options(shell: Any, pair: Any, monkeypatch: Any) -> None:
    for name, value in {
        "OUTPUT": "y.npy", "AXIS": "1", "MEMORY": "1MiB", "JOBS": "1", "SYNC": "0", "JSON": "yes",
        "DTYPE": "f8", "CHUNKS": "",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"CONCATSPLIT_{name}", value)
    assert shell.ok(*JOIN).json["outputs"][0]["shape"] == [4, 12]
    assert np.load("y.npy").dtype == "f8"
    monkeypatch.delenv("CONCATSPLIT_JSON")
    shell.fails(5, *JOIN, says="--force")
    monkeypatch.setenv("CONCATSPLIT_FORCE", "true")
    shell.ok(*JOIN, "--axis", 0)
    assert np.load("y.npy").shape == (8, 6)
    monkeypatch.setenv("CONCATSPLIT_FORCE", "off")
    shell.fails(5, *JOIN, says="--force")


def test_several_values_are_lines(shell: Any, pair: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("CONCATSPLIT_OUTPUT", "one part.npy\nother.npy\n")
    monkeypatch.setenv("CONCATSPLIT_BY_ARRAY", "0")
    shell.ok("split", "a.npy")
    assert np.load("one part.npy").tolist() == pair[0][:2].tolist()
    assert "other.npy" in shell.names()


WRONG = {
    "a size": ("MEMORY", "1GX", JOIN, "--memory"),
    "a number": ("JOBS", "0", JOIN, "--jobs"),
    "a flag": ("SYNC", "maybe", JOIN, "--sync"),
    "a word": ("ATTRS", "some", JOIN, "--attrs"),
    "a list": ("LENGTHS", "2;2", CUT, "--lengths"),
    "a ratio": ("RATIO", "8/2", CUT, "--ratio"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_errors_name_the_variable(shell: Any, pair: Any, monkeypatch: Any, wrong: str) -> None:
    name, value, command, option = WRONG[wrong]
    monkeypatch.setenv(f"CONCATSPLIT_{name}", value)
    output = () if "-o" in command else ("-o", "y.npy")
    says = f"; {option} is set by the environment variable CONCATSPLIT_{name}"
    shell.fails(2, *command, *output, says=says)
    monkeypatch.setenv("CONCATSPLIT_JSON", "1")
    failed = shell.run(*command, *output)
    assert json.loads(failed.out)["error"]["message"].endswith(says)


UNSPELLED = {
    "an axis": ("AXIS", "5", JOIN, 2),
    "an axis that does not fit": ("AXIS", "-1", ("concat", "a.npy", "short.npy"), 3),
    "parts": ("PARTS", "3", CUT, 2),
    "lengths": ("LENGTHS", "2,7", CUT, 2),
    "a position": ("AT", "9", CUT, 2),
    "a dtype": ("DTYPE", "int8", JOIN, 3),
    "an output": ("OUTPUT", "a.npy", JOIN, 5),
}


@pytest.mark.parametrize("wrong", UNSPELLED)
def test_errors_that_do_not_spell_the_option_name_the_variable_too(
    shell: Any, pair: Any, monkeypatch: Any, wrong: str
) -> None:
    name, value, command, code = UNSPELLED[wrong]
    np.save("short.npy", pair[0][:1])
    output = () if "-o" in command or name == "OUTPUT" else ("-o", "y.npy")
    assert "CONCATSPLIT" not in shell.run(*command, *output).err
    monkeypatch.setenv(f"CONCATSPLIT_{name}", value)
    says = f"--{name.lower()} is set by the environment variable CONCATSPLIT_{name}"
    shell.fails(code, *command, *output, says=says)


def test_the_command_line_is_not_blamed_on_the_environment(
    shell: Any, pair: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("CONCATSPLIT_JOBS", "2")
    failed = shell.run(*JOIN, "-o", "y.npy", "-j", "0")
    assert (failed.code, "CONCATSPLIT" in failed.err) == (2, False)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("MEM", "; did you mean 'CONCATSPLIT_MEMORY'?"),
        ("MEMROY", "; did you mean 'CONCATSPLIT_MEMORY'?"),
        ("FROBNICATE", "; see concatsplit help environment"),
    ],
)
def test_a_variable_of_no_option_gets_a_note(
    shell: Any, pair: Any, monkeypatch: pytest.MonkeyPatch, name: str, says: str
) -> None:
    monkeypatch.setenv("CONCATSPLIT_PARTS", "2")  # which another command has
    monkeypatch.setenv(f"CONCATSPLIT_{name}", "1G")
    outcome = shell.run("concat", "a.npy", "b.npy", "-o", "y.npy")
    assert outcome.code == 0
    note = f"the environment variable CONCATSPLIT_{name} sets no option{says}"
    assert outcome.err == f"concatsplit: note: {note}\n"
    shell.ok("concat", "a.npy", "b.npy", "-o", "z.npy", "-q")


def test_variables_are_known_without_asking_all_commands(
    shell: Any, pair: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = environment._variables(main)
    assert [f"{environment.PREFIX}{name}" for name in NAMES] == sorted(told)
    monkeypatch.setattr(environment, "_variables", lambda root: pytest.fail("all were asked"))
    monkeypatch.setenv("CONCATSPLIT_PARTS", "2")
    monkeypatch.setenv("CONCATSPLIT_MEMROY", "1G")
    assert "CONCATSPLIT_MEMORY" in shell.run("concat", "a.npy", "b.npy", "-o", "y.npy").err


def test_a_variable_that_is_neither_yes_nor_no(
    shell: Any, pair: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONCATSPLIT_FORCE", "maybe")
    says = "--force: 'maybe' is neither yes nor no; write 1 or 0; --force is set by the environment"
    shell.fails(2, "concat", "a.npy", "-o", "y.npy", says=says)


GIVES_WAY = {
    "an axis": ({"AXIS": "0"}, (*JOIN, "-o", "y.npy", "--order", "CN")),
    "letters": ({"ORDER": "NC"}, (*JOIN, "-o", "y.npy", "--axis", "0")),
    "a dtype": ({"DTYPE": "f4"}, (*JOIN, "-o", "y.npy", "--promote")),
    "a promotion": ({"PROMOTE": "1"}, (*JOIN, "-o", "y.npy", "--dtype", "f8")),
    "parts": ({"PARTS": "3", "UNEVEN": "balanced"}, (*CUT, "--size", "2")),
    "lengths": ({"LENGTHS": "1,1", "REMAINDER": "drop"}, (*CUT, "--parts", "2")),
    "a remainder": ({"REMAINDER": "drop"}, (*CUT, "--size", "2", "--hop", "2")),
    "JSON": ({"JSON": "1"}, ("info", "a.npy", "--tree")),
}


@pytest.mark.parametrize("what", GIVES_WAY)
def test_a_variable_gives_way_to_an_option_that_excludes_it(
    shell: Any, pair: Any, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    variables, command = GIVES_WAY[what]
    for name, value in variables.items():
        monkeypatch.setenv(f"CONCATSPLIT_{name}", value)
    shell.ok(*command)
    if command[0] == "split":
        assert [np.load(f"p{index}.npy").shape for index in range(2)] == [(2, 6), (2, 6)]
    elif command[0] == "concat":
        assert np.load("y.npy").shape == (8, 6)


def test_two_variables_that_exclude_each_other_are_both_named(
    shell: Any, pair: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONCATSPLIT_PARTS", "2")
    monkeypatch.setenv("CONCATSPLIT_SIZE", "2")
    shell.fails(2, *CUT, says=("variable CONCATSPLIT_PARTS", "variable CONCATSPLIT_SIZE"))
    monkeypatch.delenv("CONCATSPLIT_SIZE")
    shell.fails(2, *CUT, "--parts", "2", "--size", "2", says="are two ways to cut")
