"""Print the name, shape and dtype of every array of a container, with its own library."""

from __future__ import annotations

import argparse


def main() -> None:
    """List an .npz, HDF5 or Zarr container."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("container")
    name = parser.parse_args().container
    if name.endswith(".npz"):
        import numpy as np

        with np.load(name) as arrays:
            for member in arrays:
                print(member, arrays[member].shape, arrays[member].dtype)
    elif name.endswith(".h5"):
        import h5py

        with h5py.File(name) as file:
            for member, array in file.items():
                print(member, array.shape, array.dtype)
    else:
        import zarr

        for member, array in zarr.open_group(name, mode="r").arrays():
            print(member, array.shape, array.dtype)


if __name__ == "__main__":
    main()
