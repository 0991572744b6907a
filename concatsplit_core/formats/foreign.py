"""Formats that are not read: what files of them are called, and what to do with them."""

from __future__ import annotations

import os

_TO_NPY = "read it with its own library, and save the array with numpy.save"
_UNPACKED = "unpack it first"
_PICKLE = (
    "a Python pickle, as torch.save writes it",
    "save its arrays as safetensors or with numpy.save; a pickle can run code when it is read",
)
_MAGIC = {
    b"\xcd\xf3\x00\x01": ("a CDF file of NASA", "convert it with NASA's 'cdf-to-netcdf'"),
    b"MATLAB 5": ("a MATLAB 5 file", "save it in MATLAB with '-v7.3', which is HDF5"),
    b"\x0e\x03\x13\x01": ("an HDF4 file", "convert it with 'h4toh5convert {name} new.h5'"),
    b"GRIB": ("a GRIB file", "convert it to netCDF, such as with ecCodes' grib_to_netcdf"),
    b"SIMPLE  =": ("a FITS file", _TO_NPY),
    b"GGUF": ("a GGUF checkpoint", "take the checkpoint as safetensors"),
    b"PAR1": ("a Parquet file", _TO_NPY),
    b"ARROW1": ("an Arrow file", _TO_NPY),
    b"II*\0": ("a TIFF image", _TO_NPY),
    b"MM\0*": ("a TIFF image", _TO_NPY),
    b"II+\0": ("a TIFF image", _TO_NPY),
    b"\x89PNG\r\n": ("a PNG image", _TO_NPY),
    b"\xff\xd8\xff": ("a JPEG image", _TO_NPY),
    b"\x1f\x8b": ("compressed with gzip", _UNPACKED),
    b"BZh": ("compressed with bzip2", _UNPACKED),
    b"\xfd7zXZ\0": ("compressed with xz", _UNPACKED),
    b"\x28\xb5\x2f\xfd": ("compressed with zstd", _UNPACKED),
    **{bytes((0x80, protocol)): _PICKLE for protocol in range(2, 6)},
}
"""By the first bytes of a file: what it is, and what to do."""
ZARR_DOCUMENTS = {"zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata"}
TORCH = f"is {_PICKLE[0]}, which is not read; {_PICKLE[1]}"
"""What is said of the zip archives that PyTorch writes."""


def what_it_is(name: str, start: bytes) -> str:
    """What a file is that no format here reads, and what to do with it; empty if unknown.

    Parameters
    ----------
    name : str
        Of the file.
    start : bytes
        Of the file.
    """
    folder, last = os.path.split(name)
    if last in ZARR_DOCUMENTS:
        return f"describes a Zarr array or group; name the folder that it lies in, {folder or '.'}"
    for magic, (what, remedy) in _MAGIC.items():
        if start.startswith(magic):
            return f"is {what}, which is not read; {remedy.format(name=name)}"
    if _is_text(start):
        names = (
            "give names to --files-from -" if name == "stdin" else "put @ before a list of names"
        )
        if not start.strip():
            return "is empty but for line ends and spaces"
        return (
            f"is text, which is not read: it starts with {_first_line(start)!r}; read it with "
            f"numpy.loadtxt and save it with numpy.save, or {names}"
        )
    return ""


def _is_text(start: bytes) -> bool:
    """Whether the start of a file is text, whose last character may be cut off."""
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        if error.start < len(start) - 3:
            return False
        text = start[: error.start].decode()
    return all(c.isprintable() or c in "\t\r\n\f" for c in text)


def _first_line(start: bytes) -> str:
    line = start.decode(errors="replace").splitlines()[0]
    return line if len(line) <= 20 else f"{line[:20]}..."
