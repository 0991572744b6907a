"""Views as data sets of PyTorch and Grain, whose workers are other processes.

Both libraries are large, so they are not among the packages of the tests: ``make test-loaders``
installs them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import zarr

SAMPLES = np.arange(120).reshape(30, 4)

TORCH = """
import sys
import numpy as np
import torch
from torch.utils.data import DataLoader
import concatsplit_core as cs

if __name__ == "__main__":
    view = cs.open(sys.argv[1])
    want = np.arange(120).reshape(30, 4)
    in_order = DataLoader(view, batch_size=7)
    assert np.array_equal(torch.cat(list(in_order)).numpy(), want)
    for start in ("fork", "spawn", "forkserver"):
        loader = DataLoader(
            view, 7, shuffle=True, num_workers=2, multiprocessing_context=start,
            persistent_workers=True,
        )
        for epoch in range(2):
            got = torch.cat(list(loader)).numpy()
            assert got.dtype == want.dtype
            assert np.array_equal(np.sort(got, axis=0), want), start
"""

GRAIN = """
import sys
import grain
import numpy as np
import concatsplit_core as cs

if __name__ == "__main__":
    view = cs.open(sys.argv[1])
    want = np.arange(120).reshape(30, 4)
    shuffled = grain.MapDataset.source(view).shuffle(seed=1)
    workers = grain.multiprocessing.MultiprocessingOptions(num_workers=2)
    sampler = grain.samplers.IndexSampler(len(view), shuffle=True, seed=3, num_epochs=1)
    batch = grain.transforms.Batch(7)
    for batches in (
        shuffled.batch(7),
        shuffled.to_iter_dataset().batch(7).mp_prefetch(workers),
        grain.DataLoader(data_source=view, sampler=sampler, operations=[batch], worker_count=2),
    ):
        got = np.concatenate(list(batches))
        assert np.array_equal(np.sort(got, axis=0), want)
"""


def _write(format: str, path: Path, samples: np.ndarray) -> None:
    if format == "npy":
        np.save(path, samples)
    elif format == "zarr":
        zarr.create_array(path, data=samples, chunks=(3, 4))
    else:
        with h5py.File(path, "w") as file:
            file["samples"] = samples


@pytest.mark.parametrize("format", ["npy", "h5", "zarr"])
@pytest.mark.parametrize(("library", "code"), [("torch", TORCH), ("grain", GRAIN)])
def test_a_view_is_read_by_workers(library: str, code: str, format: str, tmp_path: Path) -> None:
    pytest.importorskip(library)
    for number in range(3):
        _write(format, tmp_path / f"{number}.{format}", SAMPLES[10 * number : 10 * number + 10])
    script = tmp_path / "load.py"  # what spawn starts imports it anew
    script.write_text(code)
    argv = [sys.executable, script, tmp_path / f"*.{format}"]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
