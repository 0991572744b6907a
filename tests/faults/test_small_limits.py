"""Little memory, few threads: a run takes less, or says what to raise."""

from __future__ import annotations

import resource
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import concatsplit_core as cs
from concatsplit_core.run import limits
from concatsplit_core.run.options import Options

MIB = 1 << 20
OLD = "30 25 0:27 {root} {place} rw,nosuid - cgroup cgroup rw,memory\n"
NEW = "31 25 0:28 {root} {place} rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
OTHER = "32 25 0:29 / {place} rw - cgroup cgroup rw,cpu\n33 25 0:30 / / rw - ext4 /dev/x rw\n"


def _system(folder: Path, line: str, root: str, group: str, files: dict[str, str]) -> str:
    """What /proc/self says of a process in a group, and the group's own files."""
    place = folder / "my hierarchy"
    for name, text in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    proc = folder / "proc"
    proc.mkdir()
    spelled = str(place).replace(" ", "\\040")
    (proc / "mountinfo").write_text(
        OTHER.format(place=spelled) + line.format(root=root, place=spelled)
    )
    (proc / "cgroup").write_text(f"7:cpu:/elsewhere\n{group}\n")
    return str(proc)


@pytest.mark.parametrize(
    ("line", "root", "group", "files", "found"),
    [
        (NEW, "/", "0::/a/b", {"a/memory.max": "100\n", "a/b/memory.max": "300\n"}, {100, 300}),
        (NEW, "/", "0::/a/b", {"a/memory.max": "max\n", "a/b/memory.high": "30\n"}, {30}),
        (NEW, "/a", "0::/a/b", {"memory.max": "7", "b/memory.max": "9"}, {7, 9}),
        (NEW, "/", "0::/../..", {"memory.max": "8", "b/memory.max": "9"}, {8}),
        (OLD, "/", "5:cpu,memory:/x/y",
         {"memory.limit_in_bytes": "9223372036854771712", "x/memory.limit_in_bytes": "5",
          "x/y/memory.limit_in_bytes": "6"}, {9223372036854771712, 5, 6}),
        (OLD, "/docker/1", "5:memory:/docker/1", {"memory.limit_in_bytes": "12"}, {12}),
        (OLD, "/docker/1", "5:memory:/other", {"memory.limit_in_bytes": "12"}, {12}),
        (NEW, "/", "0::/gone", {}, set()),
    ],
)  # fmt: skip
def test_limits_of_groups(
    tmp_path: Path, line: str, root: str, group: str, files: dict[str, str], found: set[int]
) -> None:
    assert set(limits.group_limits(_system(tmp_path, line, root, group, files))) == found


def test_a_system_without_groups(tmp_path: Path) -> None:
    assert list(limits.group_limits(str(tmp_path))) == []


@pytest.fixture
def _limits_read_anew() -> Iterator[None]:
    limits.default_budget.cache_clear()
    yield
    limits.default_budget.cache_clear()


@pytest.mark.usefixtures("_limits_read_anew")
@pytest.mark.parametrize(
    ("group", "budget"),
    [(None, 256 * MIB), (1 << 62, 256 * MIB), (512 * MIB, 128 * MIB), (30 * MIB, 16 * MIB)],
)
def test_the_default_budget_is_a_quarter_of_a_small_group(
    monkeypatch: pytest.MonkeyPatch, group: int | None, budget: int
) -> None:
    monkeypatch.setattr(limits, "group_limits", lambda: [] if group is None else [group])
    assert Options().memory_bytes == budget
    assert Options(memory="1GiB").memory_bytes == 1 << 30


@pytest.mark.usefixtures("_limits_read_anew")
def test_the_default_budget_is_a_quarter_of_a_limit_of_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "group_limits", lambda: [])
    monkeypatch.setattr(resource, "getrlimit", lambda _: (400 * MIB, -1))
    assert Options().memory_bytes == 100 * MIB


@pytest.mark.parametrize("most", [0, 1, 2])
def test_threads_that_cannot_be_started_are_done_without(
    shell: Any, whole: np.ndarray, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    original, started = threading.Thread.start, []

    def start(thread: threading.Thread) -> None:
        if len(started) == most:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        original(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    result = cs.concat(
        ["a.npy", "b.npy"], "y.npy", jobs=4, memory="400KiB", routes="mapped,decoded"
    )
    assert result.plan.workers == 4
    assert len(started) == most
    np.testing.assert_array_equal(np.load("y.npy"), whole)


@pytest.mark.parametrize("mib", [100, 160, 300])
@pytest.mark.parametrize("output", ["y.npy --axis 1", "y.h5 --chunks 8,500", "y.zarr"])
def test_little_address_space(shell: Any, whole: np.ndarray, mib: int, output: str) -> None:
    before = shell.snapshot()
    # measuring coverage alone may take more than there is
    plain = "unset COVERAGE_PROCESS_START COVERAGE_PROCESS_CONFIG"
    limit = f"ulimit -v {mib * 1024}"
    done = shell.bash(f"{plain}; {limit}; concatsplit concat a.npy b.npy -o {output}")
    assert done.returncode in {0, 10}
    if done.returncode:
        shell.one_line(done.stderr.splitlines()[-1], "ulimit -v")
        assert shell.snapshot() == before
    else:
        assert shell.hidden() == []
        axis = 1 if "--axis" in output else 0
        expected = np.concatenate(np.split(whole, 2), axis)
        np.testing.assert_array_equal(shell.read(output.partition(" ")[0]), expected)
