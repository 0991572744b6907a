"""Write the sample data: handwritten digits and a photograph, cut in parts, and a recording.

Run as ``python sample_data/make_sample_data.py``; it needs numpy, h5py, zarr
(3 or later), scikit-learn, pillow and the files of statsmodels. Nothing is
downloaded: the data sets come inside the packages. The files are written next
to this script and carry no time stamps, so the same package versions give the
same bytes.
"""

import csv
from collections.abc import Mapping
from importlib.util import find_spec
from itertools import groupby
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
DIGIT_CLASSES = 10
EMBEDDING_ATTRIBUTES = {
    "long_name": "16 lowest coefficients of the Walsh-Hadamard transform, over 64",
}
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


def write_features(folder: Path) -> None:
    """Write what the recipes take for features, an embedding and a detector's output.

    All of it is computed from the digits in whole numbers or exact fractions, so
    that it is the same on every machine.
    """
    folder.mkdir(exist_ok=True)
    images, labels = read_digits()
    write_npy(folder / "row-sums.npy", images.sum(axis=2, dtype=np.uint8))
    write_npy(folder / "column-sums.npy", images.sum(axis=1, dtype=np.uint8))
    write_npy(folder / "detections.npy", detections(images, labels))
    with h5py.File(folder / "embedding.h5", "w") as file:
        dataset = file.create_dataset(
            "embedding",
            data=embedding(images),
            chunks=(600, 16),
            compression="gzip",
            compression_opts=9,
            shuffle=True,
            track_times=False,
        )
        dataset.attrs.update(EMBEDDING_ATTRIBUTES)


def embedding(images: Bytes) -> npt.NDArray[np.float32]:
    """Project each image on the 4 x 4 Walsh functions of lowest sequency: (n, 16)."""
    two = np.array([[1, 1], [1, -1]], np.int64)
    hadamard = np.kron(np.kron(two, two), two)
    sequency = np.count_nonzero(np.diff(hadamard, axis=1), axis=1)
    walsh = hadamard[np.argsort(sequency)][:4]
    coefficients = walsh @ images.astype(np.int64) @ walsh.T
    return (coefficients.reshape(len(images), 16) / 64).astype(np.float32)


def detections(images: Bytes, labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Give each image the box of its ink, as fractions, and its class: (n, 4 + 10).

    The box is left, top, right, bottom, as fractions of the image's side.
    """
    found = np.zeros((len(images), 4 + DIGIT_CLASSES), np.float32)
    for row, image, label in zip(found, images, labels, strict=True):
        ys, xs = np.nonzero(image)
        box = xs.min(), ys.min(), xs.max() + 1, ys.max() + 1
        row[:4] = np.array(box) / image.shape[0]
        row[4 + label] = 1
    return found


def write_recording(folder: Path) -> None:
    """Write the weekly CO2 record of Mauna Loa, and its number of weeks a year."""
    folder.mkdir(exist_ok=True)
    dates, values = read_recording()
    weeks = [len(list(group)) for _, group in groupby(date[:4] for date in dates)]
    write_npy(folder / "co2.npy", np.array(values, np.float64))
    write_npy(folder / "weeks-a-year.npy", np.array(weeks, np.int32))


def read_recording() -> tuple[list[str], list[float]]:
    """Return the days, such as 19580329, and the values; NaN where a week has none."""
    package = find_spec("statsmodels")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("statsmodels is not installed")
    table = Path(package.origin).parent / "datasets" / "co2" / "co2.csv"
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["date"] for row in rows], [float(row["co2"] or "nan") for row in rows]


def main() -> None:
    """Write all data sets next to this script."""
    here = Path(__file__).resolve().parent
    write_digits(here / "digits")
    write_photo(here / "photo")
    write_features(here / "features")
    write_recording(here / "recording")


if __name__ == "__main__":
    main()
