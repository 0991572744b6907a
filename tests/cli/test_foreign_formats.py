"""Files of formats that are not read, and stores of other writers: said to be what they are."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr

FOREIGN = {
    "x.mat": (
        b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(128) + bytes(60),
        "MATLAB 5",
        "-v7.3",
    ),
    "x.cdf": (b"\xcd\xf3\x00\x01\x00\x00\xff\xff" + bytes(60), "CDF file of NASA", "cdf-to-netcdf"),
    "x.pt": (b"\x80\x02\x8a\x0al\xfc", "a Python pickle", "safetensors or with numpy.save"),
    "x.pkl": (b"\x80\x05\x95\x00", "a Python pickle", "can run code"),
    "x.csv": ("\u00b5,1\n3,4\n".encode(), "is text", "'\u00b5,1'; read it with numpy.loadtxt"),
    "x.txt": ("\u00b5".encode() * 2100, "is text", "..."),
    "x.npy": (b"\x1f\x8b\x08", "compressed with gzip", "unpack it first"),
    "x.fits": (b"SIMPLE  =    T", "a FITS file", "numpy.save"),
    "x.tif": (b"II*\0\x08\0\0\0", "a TIFF image", "numpy.save"),
    "x": (b"\0\1\xfe\xff", "neither .npy", "--raw"),
    ".zgroup": (b"{}", "a Zarr array or group", "lies in, ."),
    "x.hdf": (b"\x0e\x03\x13\x01" + bytes(60), "HDF4", "h4toh5convert x.hdf"),
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("member", ["", "::v"])
def test_a_format_that_is_not_read_is_named_with_what_to_do(
    shell: Any, name: str, member: str
) -> None:
    content, what, remedy = FOREIGN[name]
    Path(name).write_bytes(content)
    shell.fails(3, "concat", name + member, "-o", "y.npy", says=(name, what, remedy))
    shell.fails(3, "info", name + member, says=(name, what, remedy))


def test_a_checkpoint_that_pytorch_zipped_is_named(shell: Any) -> None:
    with zipfile.ZipFile("x.pt", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02")
        archive.writestr("archive/data/0", bytes(8))
    for args in (("info", "x.pt"), ("concat", "x.pt::archive/data/0", "-o", "y.npy")):
        shell.fails(3, *args, says=("x.pt", "a Python pickle", "safetensors"))


def test_a_zipped_zarr_store_is_named(shell: Any) -> None:
    with zipfile.ZipFile("x.zarr.zip", "w") as archive:
        archive.writestr("a/.zarray", "{}")
        archive.writestr("a/0.0", b"chunk")
    for args in (("info", "x.zarr.zip"), ("concat", "x.zarr.zip::a", "-o", "y.npy")):
        shell.fails(3, *args, says=("x.zarr.zip", "zipped Zarr store", "unzip it"))


def test_a_database_of_tensorstore_is_named(shell: Any) -> None:
    Path("model").mkdir()
    Path("model/manifest.ocdbt").write_bytes(b"")
    says = ("model", "is a database of TensorStore (OCDBT)", "use_ocdbt=False")
    shell.fails(4, "concat", "model::params.kernel", "-o", "y.npy", says=says)
    shell.fails(4, "info", "model", says=says)


WORDS = {"BIT": 2, "SHUFFLE": 1, "NOSHUFFLE": 0, 2: 2, -1: -1}


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_blosc_whose_shuffle_is_a_word(shell: Any, word: Any, dtype: str) -> None:
    values = np.arange(8, dtype=dtype)
    zarr.create_array("x.zarr", shape=(8,), chunks=(4,), dtype=dtype, zarr_format=2)[...] = values
    codec = numcodecs.Blosc("lz4", 5, WORDS[word])
    path = Path("x.zarr/.zarray")
    settings = codec.get_config() | {"shuffle": word}
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"compressor": settings}))
    for index in range(2):
        chunk = codec.encode(values[4 * index : 4 * index + 4])
        Path(f"x.zarr/{index}").write_bytes(chunk)
    shell.ok("split", "x.zarr", "-o", "a.zarr", "-o", "b.zarr", "--lengths", "3,-1")
    np.testing.assert_array_equal(zarr.open_array("a.zarr")[...], values[:3])
    np.testing.assert_array_equal(zarr.open_array("b.zarr")[...], values[3:])
    number = json.loads(Path("b.zarr/.zarray").read_bytes())["compressor"]["shuffle"]
    assert number in {0, 1, 2}
