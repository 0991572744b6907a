"""The strip of a dry run: a picture of the plan in a few lines of text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import zarr
from click.testing import CliRunner

from concatsplit_cli.main import main


@pytest.fixture
def grids(shell: Any) -> None:
    for name, rows in (("x", 40), ("z", 15)):
        data = np.arange(rows * 8, dtype="<f4").reshape(rows, 8)
        zarr.create_array(f"{name}.zarr", data=data, chunks=(10, 4))


JOIN = ("concat", "x.zarr", "z.zarr", "x.zarr", "-o", "y.zarr", "--dry-run")


def _strip(out: str, first: str = "inputs") -> list[str]:
    lines = out.splitlines()
    at = max(number for number, line in enumerate(lines) if line.startswith(f"{first} "))
    return lines[at : lines.index("", at)]


def test_a_join(shell: Any, grids: None) -> None:
    inputs, moves, outputs, legend = _strip(shell.ok(*JOIN).out)
    assert len(inputs) == len(moves) == len(outputs) == 79
    for name, ours in (("x.zarr", 2), ("z.zarr", 1)):
        assert inputs.count(name) == ours
    assert outputs.count("y.zarr") == 1
    assert moves[10:].strip("▓░") == ""
    assert moves.count("▓") == pytest.approx(69 * 50 / 95, abs=1)
    assert moves.index("░") == moves.rindex("▓") + 1
    assert inputs.index("┤├") + 1 - 10 == pytest.approx(69 * 40 / 95, abs=1)
    assert legend.split() == ["▓", "encoded", "░", "decoded"]


def test_parts_that_leave_gaps_or_overlap(shell: Any) -> None:
    shell.save(a=np.zeros((60, 2)), b=np.zeros((300, 1)))
    cut = ("split", "a.npy", "-o", "p{index}.npy", "--dry-run", "--size")
    out = shell.ok(*cut, 25, "--remainder", "drop").out
    assert "p0.npy" in _strip(out)[2]
    assert len(_strip(out)[2]) == 10 + 69 * 50 // 60 == len(_strip(out)[1]) - 1  # rounded up
    assert "5 arrays that overlap" in _strip(shell.ok(*cut, 20, "--hop", 10).out)[2]
    many = shell.ok("unstack", "b.npy", "-o", "{index}.npy", "--dry-run").out
    assert "300 arrays" in _strip(many)[2]


def test_a_data_set_has_a_line_for_each_of_its_first_arrays(shell: Any) -> None:
    named = {f"v{i}": np.zeros((4, 2)) for i in range(10)}
    np.savez("a.npz", **{"a-very-long-name": np.ones(3), **named})
    lines = _strip(shell.ok("concat", "a.npz", "-o", "b.npz", "--dry-run").out, "a-v…-name")
    assert len(lines) == 8 + 1 + 1
    assert lines[1].startswith("v0 ")
    assert "3 more arrays" in lines[-2]


def test_nothing_is_shown_of_nothing(shell: Any) -> None:
    shell.save(a=np.zeros((0, 2)))
    out = shell.ok("concat", "a.npy", "-o", "y.npy", "--dry-run").out
    assert "moves" not in out


def test_colours_are_for_terminals(
    shell: Any, grids: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "\x1b" not in shell.ok(*JOIN).out
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[32m▓" in CliRunner().invoke(main, JOIN, color=True).stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in CliRunner().invoke(main, JOIN, color=True).stdout


def test_a_narrow_terminal_has_none(
    shell: Any, grids: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    assert "▓" not in shell.ok(*JOIN).out


def test_plain_letters_where_there_is_nothing_better(shell: Any, grids: None) -> None:
    zarr.create_array("ä.zarr", data=np.zeros((40, 8), "<f4"), chunks=(10, 4))
    words = ("concat", "x.zarr", "ä.zarr", "-o", "y.zarr", "--codec", "gzip", "--dry-run")
    shown = CliRunner(charset="ascii").invoke(main, words)
    # the table above it is another matter
    assert "moves     ...." in shown.stdout
    assert "[----" in shown.stdout
