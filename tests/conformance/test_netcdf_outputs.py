"""netCDF-4 outputs against h5py, and against netCDF-C as a second reader."""

from __future__ import annotations

from typing import ClassVar

import h5py
import numpy as np
import readers
from conformance import test_hdf5
from conformance.arrays import NUMBERS, SWAPPED, Row, assert_same

RECORD = [("a", "<i2"), ("b", ">f4"), ("c", "S1"), ("d", "<u8", (2,))]


def numbers_of_dimensions(ref: str) -> list[int]:
    with h5py.File(ref.partition("::")[0]) as file:
        numbers = [item.attrs.get("_Netcdf4Dimid") for item in file.values()]
    return sorted(int(number) for number in numbers if number is not None)


class TestNetcdf(test_hdf5.TestHdf5):
    """The same inputs; every output opens in netCDF-C."""

    output = ".nc"
    dtypes: ClassVar[tuple] = (
        *(d for d in (*NUMBERS, *SWAPPED) if not d.endswith("f2")),
        "S1",
        "S5",
        np.dtype(RECORD),
    )
    layouts: ClassVar[tuple] = (
        Row("contiguous"),
        Row("chunked", chunks=(4, 4, 3)),
        Row("shuffle+gzip big endian", ">i4", chunks=(4, 4, 3), **test_hdf5.SHUFFLED_GZIP),
        Row("fletcher32", "<i2", chunks=(4, 4, 3), fletcher32=True),
        Row("fixed shape", chunks=(4, 4, 3), maxshape=None),
        Row("fill value", chunks=(4, 4, 3), fillvalue=-1.5),
    )

    def read(self, ref: str) -> np.ndarray:
        array = super().read(ref)
        if ref.endswith(".nc"):
            found = readers.netcdf(ref, "data")
            assert found.names == ("data",)
            assert len(set(found.dims)) == array.ndim
            assert numbers_of_dimensions(ref) == [*range(array.ndim)]  # NCO asks for these
            if array.dtype.kind in "iuf" or array.dtype == "S1":
                assert_same(found.values, array)
        return array

    def read_attributes(self, ref: str) -> dict:
        ours = super().read_attributes(ref)
        return {k: v for k, v in ours.items() if k not in ("DIMENSION_LIST", "_Netcdf4Dimid")}
