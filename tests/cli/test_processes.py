"""What only a process of its own shows: limits, closed streams, pipes, signals' masks, start-up."""

from __future__ import annotations

import subprocess
from typing import Any

import h5py
import numpy as np
import pytest

from concatsplit_core import __version__


def test_the_installed_command_runs(shell: Any, pair: Any) -> None:
    assert shell.process("--version").stdout.split()[-1] == __version__
    done = shell.process("concat", "a.npy", "b.npy", "-o", "y.npy")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    np.testing.assert_array_equal(shell.read("y.npy"), np.concatenate(pair))


def test_an_error_of_a_process_is_one_line(shell: Any, pair: Any) -> None:
    before = shell.snapshot()
    done = shell.process("concat", "a.npy", "missing.npy", "-o", "y.npy")
    assert (done.returncode, done.stdout) == (4, "")
    shell.one_line(done.stderr, "missing.npy")
    assert shell.snapshot() == before


@pytest.mark.parametrize("template", ["p{index}.npy", "p{index}.h5", "p{index}.zarr"])
def test_hundreds_of_parts_need_few_descriptors(shell: Any, template: str) -> None:
    x = np.arange(300 * 4, dtype="<i4").reshape(4, 300)
    shell.save(x=x)
    split = f"concatsplit split x.npy -o '{template}' --size 1 --axis 1 --no-sync"
    pattern = template.replace("{index}", "*")
    join = f"concatsplit concat '{pattern}' -o y.npy --axis 1"
    done = shell.bash(f"ulimit -n 64; {split} && {join}")
    assert (done.returncode, done.stderr) == (0, "")
    np.testing.assert_array_equal(shell.read("y.npy"), x)


@pytest.mark.parametrize(
    ("output", "closed"),
    [("y.npy", ">&-"), ("y.npy", "<&- >&- 2>&-"), ("y.npy", "2>&-"), ("y.npy", "<&-"),
     ("y.h5", ">&-"), ("y.zarr", ">&-"), ("y.zarr", "<&- >&- 2>&-")],
)  # fmt: skip
def test_closed_streams_do_not_end_up_in_the_output(
    shell: Any, pair: Any, output: str, closed: str
) -> None:
    done = shell.bash(f"concatsplit concat a.npy b.npy -o {output} --json {closed}")
    assert (done.returncode, done.stderr) == (0, "")
    np.testing.assert_array_equal(shell.read(output), np.concatenate(pair))


def test_an_error_with_closed_streams_keeps_its_code(shell: Any, pair: Any) -> None:
    before = shell.snapshot()
    done = shell.bash("concatsplit concat a.npy none.npy -o y.npy --json >&- 2>&-")
    assert done.returncode == 4
    assert shell.snapshot() == before


def test_a_closed_pipe_ends_quietly(shell: Any) -> None:
    with h5py.File("many.h5", "w") as file:
        for index in range(800):
            file[f"a-rather-long-name-{index}"] = 0
    done = shell.bash("set -o pipefail; concatsplit info many.h5 --json | head -c 1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "{", "")
    done = shell.bash("concatsplit info many.h5 | head -n 1")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_device_on_stdout_is_no_success(shell: Any, pair: Any) -> None:
    done = shell.bash("concatsplit info a.npy --json > /dev/full")
    assert done.returncode in {6, 7}
    shell.one_line(done.stderr)


def test_a_list_from_a_pipe(shell: Any, pair: Any) -> None:
    done = shell.bash("printf '%s\\0' b.npy a.npy | concatsplit concat --files-from - -0 -o y.npy")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    np.testing.assert_array_equal(shell.read("y.npy"), np.concatenate(pair[::-1]))


@pytest.mark.parametrize("umask", ["077", "002"])
def test_the_umask_of_the_shell(shell: Any, pair: Any, umask: str) -> None:
    done = shell.bash(f"umask {umask}; concatsplit concat a.npy b.npy -o new/y.zarr")
    assert done.returncode == 0
    for path in (shell.folder / "new", *(shell.folder / "new").rglob("*")):
        expected = (0o777 if path.is_dir() else 0o666) & ~int(umask, 8)
        assert path.stat().st_mode & 0o777 == expected, path


def test_a_budget_too_small_names_one_that_works(shell: Any) -> None:
    x = np.zeros((64, 4096))
    with h5py.File("x.h5", "w") as file:
        file.create_dataset("x", data=x, chunks=(32, 4096), compression="gzip")
    args = ("concat", "x.h5", "x.h5", "-o", "y.h5", "--axis", 1)
    outcome = shell.fails(10, *args, "--memory", "64KiB", says="--memory 64KiB")
    named = outcome.message.partition("give --memory ")[2].split()[0]
    planned = shell.ok(*args, "--memory", named, "--json").json
    assert planned["peak_memory_bytes"] > 64 << 10
    with h5py.File("y.h5") as file:
        assert file["data"].shape == (64, 8192)


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_completion_is_offered(shell: Any, shell_name: str) -> None:
    done = shell.bash(f"_CONCATSPLIT_COMPLETE={shell_name}_source concatsplit")
    assert done.returncode == 0
    assert "concatsplit" in done.stdout


def test_nobody_reads_stdin_unasked(shell: Any, pair: Any) -> None:
    with subprocess.Popen(
        [shell.command, "concat", "a.npy", "b.npy", "-o", "y.npy"], stdin=subprocess.PIPE
    ) as process:
        assert process.wait(60) == 0
    np.testing.assert_array_equal(shell.read("y.npy"), np.concatenate(pair))
