"""docs/architecture.md tells the truth: its rooms, its walk and the files that it names."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from module_walk import CORE, imports, modules
from test_architecture import ROOMS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
STEPS = re.findall(r"^\| (\d+) \| `([\w/]+\.py): ([\w.]+)` \|", PAGE, re.MULTILINE)


def _path(name: str) -> Path:
    return ROOT / name if name.startswith("cli/") else ROOT / CORE / name


@cache
def _names(path: Path) -> set[str]:
    """Functions, classes and methods of a file."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            found |= {node.name, *(f"{node.name}.{m.name}" for m in node.body
                                   if isinstance(m, ast.FunctionDef))}  # fmt: skip
        elif isinstance(node, ast.FunctionDef):
            found.add(node.name)
    return found


def test_its_rooms_are_the_rooms_in_their_order() -> None:
    assert re.findall(r"^\| `(\w+)(?:/|\.py)` \|", PAGE, re.MULTILINE) == list(ROOMS)


@pytest.mark.parametrize(("number", "file", "name"), STEPS)
def test_a_step_is_a_function_that_exists(number: str, file: str, name: str) -> None:
    assert name in _names(_path(file)), f"step {number}"


def test_the_steps_are_counted() -> None:
    assert [int(number) for number, _, _ in STEPS] == list(range(1, len(STEPS) + 1))
    assert len(STEPS) > 12


def test_the_walk_is_what_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the command, and note in which order the functions of the steps are first called."""
    import sys

    from click.testing import CliRunner

    from concatsplit_cli.main import main

    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.zeros((256, 1024)))
    np.save("b.npy", np.zeros((256, 1024)))
    wanted = {(str(_path(file)), name.rpartition(".")[2]): int(n) for n, file, name in STEPS}
    seen: list[int] = []

    def note(frame: object, event: str, _: object) -> None:
        code = frame.f_code  # type: ignore[attr-defined]
        number = wanted.get((code.co_filename, code.co_name))
        if event == "call" and number is not None and number not in seen:
            seen.append(number)

    sys.setprofile(note)
    try:
        done = CliRunner().invoke(main, ["concat", "a.npy", "b.npy", "-o", "y.npy", "--jobs", "1"])
    finally:
        sys.setprofile(None)
    assert done.exit_code == 0, done.output
    assert seen == sorted(wanted.values())


def test_each_file_that_it_names_is_there() -> None:
    named = re.findall(r"`((?:tests|cli|formats|run|operators|routes)/[\w/]+\.py)`", PAGE)
    assert named
    for name in named:
        assert _path(name).exists() or (ROOT / name).exists(), name


def test_nothing_but_the_command_line_stands_on_the_operators() -> None:
    for module in modules():
        if module.startswith(f"{CORE}.") and not module.startswith(f"{CORE}.operators"):
            assert not [one for one in imports(module) if one.startswith(f"{CORE}.operators")]
