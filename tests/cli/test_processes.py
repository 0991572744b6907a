"""What only a process of its own shows: limits, closed streams, pipes, signals' masks, start-up."""

from __future__ import annotations

import json
import subprocess
import sys
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
def test_more_parts_than_descriptors_there_are(shell: Any, template: str) -> None:
    x = np.arange(100 * 4, dtype="<i4").reshape(4, 100)
    shell.save(x=x)
    split = f"concatsplit split x.npy -o '{template}' --size 1 --axis 1 --no-sync"
    pattern = template.replace("{index}", "*")
    join = f"concatsplit concat '{pattern}' -o y.npy --axis 1"
    done = shell.bash(f"ulimit -n 64; {split} && {join}")
    assert (done.returncode, done.stderr) == (0, "")
    np.testing.assert_array_equal(shell.read("y.npy"), x)


@pytest.mark.parametrize(
    ("output", "closed"),
    [
        (f"y.{suffix}", closed)
        for suffix in ("npy", "h5", "zarr")
        for closed in (">&-", "<&- >&- 2>&-")
    ]
    + [("y.npy", "2>&-"), ("y.npy", "<&-")],
)
def test_closed_streams_do_not_end_up_in_the_output(
    shell: Any, pair: Any, output: str, closed: str
) -> None:
    done = shell.bash(f"concatsplit concat a.npy b.npy -o {output} {closed}")
    assert (done.returncode, done.stderr) == (0, "")
    np.testing.assert_array_equal(shell.read(output), np.concatenate(pair))


PRINTED = (
    "fetch a.npy", "info a.npy --json", "concat a.npy -o -", "--help",
    "info a.npy", "concat a.npy -o y.npy -n", "--version", "concat --help",
)  # fmt: skip


@pytest.mark.parametrize(
    ("words", "to", "code"),
    [(words, ">&-", 7) for words in PRINTED] + [(words, "> /dev/full", 6) for words in PRINTED[:4]],
)
def test_what_cannot_be_printed_is_no_success(
    shell: Any, pair: Any, words: str, to: str, code: int
) -> None:
    before = shell.snapshot()
    done = shell.bash(f"concatsplit {words} {to}")
    assert done.returncode == code
    shell.one_line(done.stderr)
    assert shell.snapshot() == before


@pytest.mark.parametrize(("to", "code"), [(">&-", 7), ("> /dev/full", 6)])
def test_a_summary_that_cannot_be_printed_says_what_became_of_the_run(
    shell: Any, pair: Any, to: str, code: int
) -> None:
    done = shell.bash(f"concatsplit concat a.npy b.npy -o y.npy --json {to}")
    assert done.returncode == code
    shell.one_line(done.stderr, "the outputs are complete")
    np.testing.assert_array_equal(shell.read("y.npy"), np.concatenate(pair))


def test_a_stdin_that_is_closed(shell: Any, pair: Any) -> None:
    before = shell.snapshot()
    done = shell.bash("concatsplit feed - y.npy <&-")
    assert done.returncode == 7
    shell.one_line(done.stderr, "stdin: cannot be read")
    assert shell.snapshot() == before


def test_an_error_with_closed_streams_keeps_its_code(shell: Any, pair: Any) -> None:
    before = shell.snapshot()
    done = shell.bash("concatsplit concat a.npy none.npy -o y.npy --json >&- 2>&-")
    assert done.returncode == 4
    assert shell.snapshot() == before


UNBUFFERED = ["", "PYTHONUNBUFFERED=1 "]
MANY = 400


def _write_many(path: str) -> None:
    """Data sets whose names alone are more than a pipe holds."""
    with h5py.File(path, "w") as file:
        for index in range(MANY):
            file[f"{index}-{'long' * 50}"] = 0


@pytest.mark.parametrize(("how", "words"), [
    (UNBUFFERED[0], "info many.h5 --json"), (UNBUFFERED[1], "info many.h5 --json"),
    (UNBUFFERED[0], "info many.h5"), (UNBUFFERED[0], "fetch large.npy"),
    (UNBUFFERED[1], "fetch large.npy"), (UNBUFFERED[0], "concat large.npy -o -"),
])  # fmt: skip
def test_a_reader_that_leaves_ends_quietly_as_sigpipe_does(
    shell: Any, how: str, words: str
) -> None:
    _write_many("many.h5")
    np.save("large.npy", np.zeros(1 << 17))
    done = shell.bash(f"set -o pipefail; {how}concatsplit {words} | head -c 1 > /dev/null")
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("how", UNBUFFERED)
def test_a_slow_reader_gets_all(shell: Any, how: str) -> None:
    _write_many("many.h5")
    done = shell.bash(f"{how}concatsplit info many.h5 --json | cat")
    assert len(json.loads(done.stdout)["blobs"]) == MANY


def test_a_root_without_a_null_device(shell: Any, pair: Any) -> None:
    np.save("large.npy", np.zeros(1 << 17))
    with h5py.File("x.h5", "w") as file:
        file["x"] = pair[0]
    script = (
        "import os, sys; os.devnull = '/nowhere/null'; "
        "from concatsplit_cli.main import main; main()"
    )
    run = f"{sys.executable} -c {script!r}"
    done = shell.bash(f"{run} concat x.h5 a.npy -o y.h5 <&- 2>&-")
    assert (done.returncode, done.stdout) == (0, "")
    np.testing.assert_array_equal(shell.read("y.h5"), np.concatenate([pair[0], pair[0]]))
    done = shell.bash(f"set -o pipefail; {run} fetch large.npy | head -c 1 > /dev/null")
    assert (done.returncode, done.stderr) == (141, "")


def test_finalizers_are_not_heard(shell: Any, pair: Any) -> None:
    script = """
import sys
from concatsplit_cli.main import main
class Late:
    def __del__(self):
        raise OSError("too late")
late = Late()
del late
try:
    main()
finally:
    late = Late()
    del late
"""
    done = subprocess.run(
        [sys.executable, "-c", script, "concat", "a.npy", "-o", "y.npy"],
        capture_output=True, text=True, check=False, cwd=shell.folder,
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stderr.count("Exception ignored") == 1  # the one before the command began


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
