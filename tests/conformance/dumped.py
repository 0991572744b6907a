"""HDF5's own tool as a second reader of outputs, where it is installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import h5py
import numpy as np

from concatsplit_core.array.fields import packed

H5DUMP = shutil.which("h5dump")
BUILT_IN = {1, 2, 3, 4, 5, 6}
"""Filters that it has without plugins."""


def check_with_h5dump(path: str, member: str, array: np.ndarray) -> None:
    """Compare the bytes of the elements in the file with those that h5py read."""
    with h5py.File(path) as file:
        dcpl = file[member].id.get_create_plist()
        filters = {dcpl.get_filter(i)[0] for i in range(dcpl.get_nfilters())}
    padded = packed(array.dtype) != array.dtype  # what pads a record is nobody's
    if H5DUMP is None or array.dtype.hasobject or padded or not filters <= BUILT_IN:
        return
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder, "raw")
        command = [H5DUMP, "-d", f"/{member}", "-b", "FILE", "-o", str(raw), path]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found = raw.read_bytes() if raw.exists() else b""
    assert found == array.tobytes()
