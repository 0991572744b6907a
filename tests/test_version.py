"""The version stands in one place, and the changelog has a section for it."""

from __future__ import annotations

import datetime
import importlib.metadata
import re
import tomllib
from pathlib import Path

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


def test_the_workflow_runs_the_versions_of_python_that_are_promised() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    promised = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    matrix = re.search(r"python: \[(.*)\]", (ROOT / ".github/workflows/ci.yml").read_text())
    assert matrix is not None
    assert re.findall(r'"(.*?)"', matrix[1]) == promised
    assert project["requires-python"] == f">={promised[0]}"
