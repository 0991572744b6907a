"""Headers that could end the process are tried in a process of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
import concatsplit_core as cs
try:
    cs.concat([sys.argv[1]], sys.argv[2])
except cs.ConcatsplitError as error:
    print(error.exit_code, error.kind)
"""


@pytest.mark.parametrize(
    "descr",
    [
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
    ],
)
def test_hostile_dtype_is_an_error(tmp_path: Path, descr: str) -> None:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': (3,), }}".encode()
    header = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
    (tmp_path / "a.npy").write_bytes(header)
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, "a.npy", "out.npy"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "3 MalformedInput\n", "")
    assert not (tmp_path / "out.npy").exists()
