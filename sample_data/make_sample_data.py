"""Write the sample data: handwritten digits and a photograph, cut in parts.

Run as ``python sample_data/make_sample_data.py``; it needs numpy, h5py, zarr
(3 or later), scikit-learn and pillow. Nothing is downloaded: both data sets
come inside the scikit-learn package. The files are written next to this script
and carry no time stamps, so the same package versions give the same bytes.
"""

from collections.abc import Mapping
from pathlib import Path

import h5py  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt
import zarr
from sklearn.datasets import (  # type: ignore[import-untyped]
    load_digits,
    load_sample_image,
)
from zarr.codecs import ZstdCodec

Bytes = npt.NDArray[np.uint8]

DIGIT_ATTRIBUTES = {
    "long_name": "UCI handwritten digits",
    "units": "grey level 0..16",
}
DIGIT_CUTS = (600, 1200)
DIGIT_CHUNKS = (100, 8, 8)
PHOTO_CUTS = (96, 224)
PHOTO_CHUNKS = (64, 40, 3)
PHOTO_COMPRESSOR: Mapping[str, str | int] = {"id": "zlib", "level": 6}


def read_digits() -> tuple[Bytes, npt.NDArray[np.int64]]:
    """Return the digit images (1797, 8, 8) and their labels (1797,)."""
    digits = load_digits()
    return digits.images.astype(np.uint8), digits.target.astype(np.int64)


def read_photo() -> Bytes:
    """Return the photograph at half its height and width, channels last."""
    return halve(load_sample_image("china.jpg"))


def halve(image: Bytes) -> Bytes:
    """Average blocks of 2 x 2 pixels, halves rounded up; drop an odd edge."""
    height, width, channels = image.shape[0] // 2, image.shape[1] // 2, image.shape[2]
    even = image[: 2 * height, : 2 * width].astype(np.uint16)
    total = even.reshape(height, 2, width, 2, channels).sum(axis=(1, 3))
    return ((total + 2) // 4).astype(np.uint8)


def write_npy(path: Path, array: npt.NDArray[np.generic]) -> None:
    """Write one array as a C-order .npy file."""
    np.save(path, np.ascontiguousarray(array), allow_pickle=False)


def write_digits(folder: Path) -> None:
    """Write the digits as three parts along axis 0, and the labels."""
    folder.mkdir(exist_ok=True)
    images, labels = read_digits()
    first, second, third = np.split(images, DIGIT_CUTS, axis=0)
    write_npy(folder / "part-0.npy", first)
    write_digits_hdf5(folder / "part-1.h5", second)
    write_digits_zarr(folder / "part-2.zarr", third)
    write_npy(folder / "labels.npy", labels)


def write_digits_hdf5(path: Path, images: Bytes) -> None:
    """Write digit images as the chunked, compressed HDF5 dataset /images."""
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset(
            "images",
            data=images,
            chunks=DIGIT_CHUNKS,
            compression="gzip",
            compression_opts=4,
            shuffle=True,
            track_times=False,
        )
        dataset.attrs.update(DIGIT_ATTRIBUTES)


def write_digits_zarr(path: Path, images: Bytes) -> None:
    """Write digit images as a Zarr format 3 root array."""
    zarr.create_array(
        path,
        data=images,
        chunks=DIGIT_CHUNKS,
        compressors=ZstdCodec(level=3),
        attributes=dict(DIGIT_ATTRIBUTES),
        dimension_names=["image", "row", "column"],
        zarr_format=3,
        overwrite=True,
    )


def write_photo(folder: Path) -> None:
    """Write the photograph as three strips along axis 1 and as three channels."""
    folder.mkdir(exist_ok=True)
    photo = read_photo()
    left, middle, right = np.split(photo, PHOTO_CUTS, axis=1)
    write_npy(folder / "left.npy", left)
    write_photo_hdf5(folder / "middle.h5", middle)
    write_photo_zarr(folder / "right.zarr", right)
    for channel, name in enumerate(("red", "green", "blue")):
        write_npy(folder / f"{name}.npy", photo[:, :, channel])


def write_photo_hdf5(path: Path, strip: Bytes) -> None:
    """Write a strip as the contiguous HDF5 dataset /image."""
    with h5py.File(path, "w") as file:
        file.create_dataset("image", data=strip, track_times=False)


def write_photo_zarr(path: Path, strip: Bytes) -> None:
    """Write a strip as a Zarr format 2 root array."""
    zarr.create_array(
        path,
        data=strip,
        chunks=PHOTO_CHUNKS,
        compressors=PHOTO_COMPRESSOR,
        zarr_format=2,
        overwrite=True,
    )


def main() -> None:
    """Write both data sets next to this script."""
    here = Path(__file__).resolve().parent
    write_digits(here / "digits")
    write_photo(here / "photo")


if __name__ == "__main__":
    main()
