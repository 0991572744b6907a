"""The version stands in one place, and the changelog has a section for it."""

from __future__ import annotations

import ast
import datetime
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import concatsplit_core

ROOT = Path(__file__).parents[1]


def test_what_is_installed_has_the_version_of_the_library() -> None:
    assert importlib.metadata.version("concatsplit") == concatsplit_core.__version__
    assert "version" not in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_changelog_has_the_version_and_dates() -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    versions = [heading.split(" - ") for heading in headings[1:]]
    assert versions[0][0] == concatsplit_core.__version__
    numbers = [tuple(map(int, number.split("."))) for number, _ in versions]
    assert numbers == sorted(numbers, reverse=True)
    dates = [datetime.date.fromisoformat(day) for _, day in versions]
    assert dates == sorted(dates, reverse=True)


@pytest.mark.parametrize("package", ["cli", "concatsplit_core"])
def test_an_older_python_is_told_so(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = (ROOT / package / "__init__.py").read_text()
    ast.parse(source, feature_version=(3, 7))
    first = ast.parse(source).body[1 if package == "cli" else 2]
    assert ast.unparse(first) == ("import concatsplit_core" if package == "cli" else "import sys")
    if package == "concatsplit_core":
        monkeypatch.setattr(sys, "version_info", (3, 11, 9))
        with pytest.raises(
            ImportError, match=r"needs Python 3\.12 or newer, and this is Python 3\.11;"
        ):
            exec(compile(source, "<the package>", "exec"), {"__name__": package})


def test_an_installer_of_an_older_python_says_so_first(monkeypatch: pytest.MonkeyPatch) -> None:
    source = (ROOT / "setup.py").read_text()
    ast.parse(source, feature_version=(3, 7))
    own = ModuleType("setuptools.command.build_py")
    vars(own).update(setup=lambda **_: None, build_py=object)
    for name in ("setuptools", "setuptools.command", own.__name__):
        monkeypatch.setitem(sys.modules, name, own)
    code = compile(source, "setup.py", "exec")
    exec(code, {"__name__": "setup"})
    monkeypatch.setattr(sys, "version_info", (3, 11, 9))
    with pytest.raises(SystemExit, match=r"needs Python 3\.12 or newer, and this is Python 3\.11"):
        exec(code, {"__name__": "setup"})


def test_the_workflow_runs_the_versions_of_python_that_are_promised() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    promised = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    matrix = re.search(r"python: \[(.*)\]", (ROOT / ".github/workflows/ci.yml").read_text())
    assert matrix is not None
    assert re.findall(r'"(.*?)"', matrix[1]) == promised
    assert project["requires-python"] == f">={promised[0]}"
