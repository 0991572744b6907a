"""--resume: an interrupted run goes on where it was, unless something has changed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import concatsplit_core as cs

A = np.arange(24_000, dtype="<i8").reshape(48, 500)
B = A + 7
WHOLE = np.concatenate([A, B])


@pytest.fixture
def two(shell: Any) -> Any:
    """A shell with a.npy and b.npy."""
    shell.save(a=A, b=B)
    return shell


def test_resume_without_interruption_leaves_nothing_behind(two: Any) -> None:
    two.ok("concat", "a.npy", "b.npy", "-o", "y.npy", "--resume")
    assert two.names() == ["a.npy", "b.npy", "y.npy"]
    np.testing.assert_array_equal(np.load("y.npy"), WHOLE)
    two.ok("gradient", "split", "a.npy", "zeros", "-o", "dx.npy", "--split-info",
           two.save(s=np.array([48, 2])) or "s.npy", "--resume")  # fmt: skip
    assert np.load("dx.npy").shape == (50, 500)


class Stop(Exception):
    """Stops a run in its midst."""


def _stopped(*words: Any, after: int = 2, **options: Any) -> None:
    """Begin a run with --resume that stops after some tasks."""
    seen = []

    def listen(event: Any) -> None:
        seen.append(event)
        if len([one for one in seen if type(one).__name__ == "Moved"]) == after:
            raise Stop

    with pytest.raises(Stop) as caught:
        cs.concat(*words, resume=True, on_event=listen, memory="64KiB", jobs=1, **options)
    assert "the same command with --resume goes on" in caught.value.__notes__[0]


WORDS = ("concat", "a.npy", "b.npy", "-o", "y.zarr", "--chunks", "4,500", "--resume")


def test_resume_does_only_what_is_missing(two: Any) -> None:
    _stopped(["a.npy", "b.npy"], "y.zarr", chunks=(4, 500), after=3)
    moved = []
    cs.concat(["a.npy", "b.npy"], "y.zarr", chunks=[4, 500], resume=True,
              on_event=lambda event: moved.append(type(event).__name__))  # fmt: skip
    total = len(cs.concat(["a.npy", "b.npy"], "z.zarr", chunks=(4, 500), memory="64KiB", jobs=1,
                          dry_run=True).plan)  # fmt: skip
    assert moved.count("Moved") == total - 2
    np.testing.assert_array_equal(two.read("y.zarr"), WHOLE)
    assert two.hidden() == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--codec", "gzip:1"), "--codec was not given and is gzip:1"),
        (("--memory", "1MiB"), "--memory was 64KiB and is 1MiB"),
        (("-j", "2"), "--jobs was 1 and is 2"),
        (("--check",), "--check was False and is True"),
    ],
)
def test_resume_names_the_option_that_changed(two: Any, words: tuple[str, ...], says: str) -> None:
    _stopped(["a.npy", "b.npy"], "y.zarr", chunks=(4, 500))
    outcome = two.run(*WORDS, *words)
    assert outcome.code == 12, outcome.err
    assert says in outcome.message
    assert "concatsplit discard" in outcome.message


def test_resume_names_the_input_that_changed(two: Any) -> None:
    _stopped(["a.npy", "b.npy"], "y.zarr", chunks=(4, 500))
    two.save(c=B)
    others = ("concat", "a.npy", "c.npy", *WORDS[3:])
    two.fails(12, *others, says="input 1 was b.npy and is c.npy")
    two.fails(12, "concat", "a.npy", *WORDS[3:], says="there were 2 inputs and there are 1")
    time_before = os.stat("b.npy").st_mtime_ns
    os.utime("b.npy", ns=(time_before, time_before + 1))
    two.fails(12, *WORDS, says="input 1 (b.npy) was changed since")


def test_without_resume_one_is_told_how_to_go_on(two: Any) -> None:
    _stopped(["a.npy", "b.npy"], "y.zarr", chunks=(4, 500))
    outcome = two.run(*WORDS[:-1])
    assert outcome.code == 5
    assert "give the same command with --resume" in outcome.message
    (hidden,) = two.hidden()
    two.fails(2, "commit", f"{hidden}/resume", says="is a run with --resume")
    two.ok("discard", hidden)
    two.ok(*WORDS[:-1])


def test_carried_arrays_are_compared_before_anything_is_staged(shell: Any) -> None:
    for name, unit in (("a", 1), ("b", 2)):
        with h5py.File(f"{name}.h5", "w") as file:
            file["x"] = A
            file["carried"] = np.full(3, unit)
    words = ("concat", "a.h5", "b.h5", "-o", "y.h5", "--axis", "x=0", "--axis", "*=carry")
    shell.fails(3, *words, "--resume", says="carried")
    shell.ok(*words, "--resume", "--carry", "first")
    np.testing.assert_array_equal(shell.read("y.h5::carried"), [1, 1, 1])


def test_a_run_json_of_ones_own_is_no_run_to_go_on_with(two: Any) -> None:
    Path("run.json").write_text("{}")
    outcome = two.run("concat", "a.npy", "nothing.npy", "-o", "y.npy", "--resume")
    assert outcome.code == 4
    assert "goes on" not in outcome.err


def test_streams_are_refused(two: Any) -> None:
    two.fails(2, "fetch", "a.npy", "--resume", says="stdout cannot be staged")
    piped = two.bash("concatsplit concat - -o y.npy --resume < a.npy")
    assert piped.returncode == 2
    assert "reads its inputs from files" in piped.stderr


def _kill(_staging: Any) -> None:
    raise Stop


@pytest.fixture
def complete(two: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A shell in which a run with --resume was killed before its staging folder was removed."""
    from concatsplit_core.stores.kept_staging import KeptStaging

    with monkeypatch.context() as patched:
        patched.setattr(KeptStaging, "_clean", _kill)
        assert two.run(*SPLIT).code == 1
    return two


SPLIT = ("split", "a.npy", "-o", "p{index}.npy", "--parts", 2, "--resume")


def test_a_run_that_was_killed_when_it_was_published_is_complete(complete: Any) -> None:
    outcome = complete.run(*SPLIT)
    assert outcome.code == 0, outcome.err
    assert "got their names" in outcome.err
    assert "nothing was left to do" in outcome.err
    np.testing.assert_array_equal(np.load("p0.npy"), A[:24])
    assert complete.hidden() == []
    complete.fails(5, *SPLIT, says="p0.npy exists")


def test_outputs_of_another_request_are_not_what_was_asked_for(complete: Any) -> None:
    other = (*SPLIT[:4], "--lengths", "24,24", "--dtype", "f8", "--resume")
    assert complete.run(*other).code == 5
    assert np.load("p0.npy").dtype == A.dtype


def test_outputs_of_other_inputs_are_not_what_was_asked_for(complete: Any) -> None:
    np.save("a.npy", A + 1)
    assert complete.run(*SPLIT).code == 5
    assert complete.run(*SPLIT, "--force").code == 0
    np.testing.assert_array_equal(np.load("p0.npy"), A[:24] + 1)


@pytest.mark.parametrize("inside", ["", "resume"])
def test_a_damaged_record_can_be_given_up(two: Any, inside: str) -> None:
    _stopped(["a.npy", "b.npy"], "y.zarr", chunks=(4, 500))
    (home,) = Path().glob(".concatsplit-*")
    (home / "resume/run.json").write_bytes(b"{")
    two.fails(12, *WORDS, says="'concatsplit discard FOLDER'")
    two.ok("discard", str(home / inside))
    assert not home.exists()
    two.ok(*WORDS)
