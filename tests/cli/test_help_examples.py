"""Every help text has examples, and every example runs."""

from __future__ import annotations

import re
import shlex
from typing import Any

import click
import h5py
import numpy as np
import pytest
import zarr
from click.testing import CliRunner

from concatsplit_cli.main import main


def _commands(group: click.Group, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [above]
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found += _commands(command, (*above, name))
        else:
            found.append((*above, name))
    return found


def _help(path: tuple[str, ...]) -> str:
    shown = CliRunner().invoke(main, [*path, "--help"], terminal_width=200, max_content_width=200)
    assert shown.exit_code == 0
    return shown.stdout


COMMANDS = _commands(main)
assert len(COMMANDS) > 15, "the commands are not found"
EXAMPLES = [
    (path, example.strip())
    for path in COMMANDS
    for example in re.findall(
        r"^ +((?:(?:cat|find) .*)?concatsplit .*)$", _help(path), re.MULTILINE
    )
]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_help_has_an_example(shell: Any, path: tuple[str, ...]) -> None:
    own = [example for of, example in EXAMPLES if of == path]
    assert own
    if path:
        assert all(f"concatsplit {' '.join(path)} " in example for example in own)
    shown = shell.ok(*path, "--help").out
    for example in own:
        assert example in shown


LOOK_ONLY = {"diff", "info", "recover", "verify"}
"""Commands that say something and change nothing here, where no run was killed."""


@pytest.fixture
def workshop(shell: Any) -> None:
    """A folder with what the examples name."""
    a = np.arange(24, dtype="<f4").reshape(4, 6)
    shell.save(a=a, b=-a, dy=a, split_info=np.array([4, 5]), lengths=np.array([1, 3]))
    for index in range(3):
        np.save(f"part-{index}.npy", a + index)
    with h5py.File("store.h5", "w") as file:
        file["x"], file["group/y"] = a, -a
    zarr.save_array("store.zarr", a)
    for month in ("jan", "feb"):
        with h5py.File(f"{month}.nc", "w") as file:
            made = file.create_dataset("t", data=a)
            made.dims[0].label = "time"
    shell.ok("concat", "a.npy", "b.npy", "-o", "joined-before.npy", "--manifest", "run.json")


@pytest.mark.parametrize(("path", "example"), EXAMPLES)
def test_every_example_runs(
    shell: Any, workshop: None, path: tuple[str, ...], example: str
) -> None:
    before = shell.snapshot()
    if re.search(r"[|>]", example):
        piped = shell.bash(example)
        assert (piped.returncode, piped.stderr) == (0, "")
        out = piped.stdout
    else:
        out = shell.ok(*shlex.split(example)[1:]).out
    if "--dry-run" in example or LOOK_ONLY.intersection(path[:1]):
        assert out or "--quiet" in example
        assert shell.snapshot() == before
    else:
        assert shell.snapshot() != before
        assert set(shell.snapshot()) >= set(before)
