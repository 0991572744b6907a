"""Headers that could end the process are tried in a process of their own, one after another."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

SCRIPT = """
import sys
import concatsplit_core as cs
for name in sys.argv[1:]:
    try:
        cs.concat([name], f"out-{name}")
    except cs.ConcatsplitError as error:
        print(name, error.exit_code, error.kind, flush=True)
"""
HOSTILE = (
    "'<M8[3s/0]'",
    "'<m8[s/0]'",
    "[('a', '<M8[s/0]')]",
    "[('a', '<i4', (0, 1 << 62))]",
    "('<f4', (4294967296, 4294967296))",
    "'<M8[99999999999999999999s]'",
    "'V99999999999'",
    "'(99999999999,)f4'",
    "'<U2147483647'",
    "()",
    "[()]",
    "[('a',)]",
    "('<f4', None)",
)


class Tried(NamedTuple):
    """What became of all files, and where they are."""

    folder: Path
    code: int
    said: list[str]
    errors: str


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Tried:
    """A file of each header, and the process that has read them all."""
    folder = tmp_path_factory.mktemp("hostile")
    names = [f"{number}.npy" for number in range(len(HOSTILE))]
    for name, descr in zip(names, HOSTILE, strict=True):
        text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': (3,), }}".encode()
        header = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
        (folder / name).write_bytes(header)
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, *names],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return Tried(folder, run.returncode, run.stdout.splitlines(), run.stderr)


@pytest.mark.parametrize("number", range(len(HOSTILE)), ids=HOSTILE)
def test_hostile_dtype_is_an_error(tried: Tried, number: int) -> None:
    assert (tried.code, tried.errors) == (0, "")
    assert tried.said[number] == f"{number}.npy 3 MalformedInput"
    assert not (tried.folder / f"out-{number}.npy").exists()
