"""Large buffers reuse memory, where the C library can be told so."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from types import SimpleNamespace

import pytest

from concatsplit_cli.allocation import keep_freed_memory

_FAULTS = """
import resource, sys
from concatsplit_cli.allocation import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
def four():
    return [bytearray(4 << 20) for _ in range(4)]
four()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    four()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_buffers_are_no_fresh_pages() -> None:
    if not hasattr(ctypes.CDLL(None), "mallopt"):
        pytest.skip("the C library has no mallopt")

    def faults(how: str) -> int:
        done = subprocess.run(
            [sys.executable, "-c", _FAULTS, how], capture_output=True, text=True, check=True
        )
        return int(done.stdout)

    assert faults("kept") < faults("given back") / 4


def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    assert not keep_freed_memory()


@pytest.mark.parametrize(("answers", "kept"), [((1, 1), True), ((0, 1), False)])
def test_the_allocator_may_refuse(
    monkeypatch: pytest.MonkeyPatch, answers: tuple[int, ...], kept: bool
) -> None:
    said = iter(answers)
    asked = []

    def mallopt(number: int, value: int) -> int:
        asked.append((number, value))
        return next(said)

    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace(mallopt=mallopt))
    assert keep_freed_memory() is kept
    assert asked[0] == (-3, 32 << 20)


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace())
    assert not keep_freed_memory()
