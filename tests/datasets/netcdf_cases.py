"""Small netCDF files of many kinds, made in a process without h5py: see `climate`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import netCDF4
import numpy as np

LENGTHS = (3, 2)
"""Times in the files of a case."""

Write = Callable[[Any, int, int], None]
"""Writes a file of a case: the open file, its number, and its first time."""
CASES: dict[str, Write] = {}


def case(write: Write) -> Write:
    """Add a case under the name of its function."""
    CASES[write.__name__] = write
    return write


def make(
    name: str, lengths: Sequence[int] = LENGTHS, kind: str = "NETCDF4", stem: str = "in"
) -> list[str]:
    """Write the files of a case in one of netCDF's formats; gives their names."""
    first, paths = 0, []
    for number, length in enumerate(lengths):
        path = f"{stem}{number}.nc"
        with netCDF4.Dataset(path, "w", format=kind) as file:
            file.length = np.int32(length)
            CASES[name](file, number, first)
        paths.append(path)
        first += length
    return paths


def times(file: Any, first: int, unlimited: bool = True, **attrs: Any) -> Any:
    """The dimension and the coordinate of time."""
    length = int(file.length)
    file.delncattr("length")
    file.createDimension("time", None if unlimited else length)
    time = file.createVariable("time", "f8", ("time",))
    time.setncatts({"units": "days since 2000-01-01", "calendar": "standard", **attrs})
    time[:] = np.arange(first, first + length, dtype="f8")
    return np.arange(first, first + length)


def numbers(file: Any, days: Any) -> None:
    """A plain array over time, without which CDO finds nothing to join."""
    file.createVariable("level", "f4", ("time",))[:] = days / 4


@case
def records(file: Any, number: int, first: int) -> None:
    """An unlimited time with bounds and a climatology's attributes; rank 1 to 4."""
    days = times(file, first, bounds="time_bnds")
    for name, length in (("bnds", 2), ("lev", 2), ("lat", 3), ("lon", 4)):
        file.createDimension(name, length)
    file.createVariable("time_bnds", "f8", ("time", "bnds"))[:] = days[:, None] + np.arange(2)
    for name in ("lev", "lat", "lon"):
        file.createVariable(name, "f4", (name,))[:] = np.arange(len(file.dimensions[name]))
    air = file.createVariable("air", "f4", ("time", "lev", "lat", "lon"))
    air.setncatts({"long_name": "air temperature", "cell_methods": "time: mean", "levels": [1, 2]})
    air[:] = days[:, None, None, None] + np.arange(24).reshape(2, 3, 4) / 24
    file.setncatts({"title": "records", "Conventions": "CF-1.8", "version": np.float32(2)})


@case
def fixed(file: Any, number: int, first: int) -> None:
    """Time is not unlimited; an array that time is the second axis of."""
    days = times(file, first, unlimited=False)
    file.createDimension("x", 3)
    file.createVariable("a", "i4", ("time", "x"))[:] = days[:, None] * np.arange(3)
    file.createVariable("b", "i2", ("x", "time"))[:] = days[None] + np.arange(3)[:, None]


@case
def packed(file: Any, number: int, first: int) -> None:
    """Packed in the same way in all files."""
    days = times(file, first)
    rain = file.createVariable("rain", "i2", ("time",), fill_value=-99)
    rain.setncatts({"scale_factor": 0.5, "add_offset": 10.0, "valid_min": np.int16(-50)})
    rain.set_auto_maskandscale(False)
    rain[:] = days * 3


@case
def packed_otherwise(file: Any, number: int, first: int) -> None:
    """Packed in another way in each file."""
    days = times(file, first)
    rain = file.createVariable("rain", "i2", ("time",), fill_value=-99)
    rain.setncatts({"scale_factor": 0.5 * (number + 1), "add_offset": 10.0})
    rain.set_auto_maskandscale(False)
    rain[:] = days * 3


@case
def other_epoch(file: Any, number: int, first: int) -> None:
    """Times since another day in each file, and their bounds with them."""
    days = times(file, first, units=f"days since 2000-01-{1 + number * 2:02d}", bounds="time_bnds")
    file["time"][:] = days - 2 * number
    file.createDimension("bnds", 2)
    file.createVariable("time_bnds", "f8", ("time", "bnds"))[:] = (
        days[:, None] - 2 * number + np.arange(2)
    )
    numbers(file, days)


@case
def other_unit(file: Any, number: int, first: int) -> None:
    """Days in the first file, hours in the second; a calendar without leap days."""
    hours = times(
        file, first, units=f"{('days', 'hours')[number]} since 2004-02-27", calendar="noleap"
    )
    file["time"][:] = hours * (24 if number else 1)
    file.createVariable("n", "i4", ("time",))[:] = hours


@case
def other_calendar(file: Any, number: int, first: int) -> None:
    """A calendar with leap days and one without."""
    numbers(file, times(file, first, calendar=("standard", "noleap")[number]))


@case
def groups(file: Any, number: int, first: int) -> None:
    """Groups in groups, one empty, with dimensions of their own and of groups above.

    One has the name of another one above it.
    """
    days = times(file, first)
    for place, length in ((file, 3), (file.createGroup("ocean"), 2)):
        place.createDimension("x", length)
        place.createVariable("wide", "i4", ("x",))[:] = np.arange(length)
    inner = file.createGroup("ocean/deep")
    inner.createDimension("z", 2)
    inner.createVariable("salt", "f4", ("time", "z"))[:] = days[:, None] + np.arange(2)
    inner.createVariable("z", "f4", ("z",))[:] = [100, 200]
    inner.comment = "below"
    file["ocean"].createVariable("heat", "f4", ("time",))[:] = days
    file.createGroup("empty").why = "kept"


@case
def texts(file: Any, number: int, first: int) -> None:
    """Text of any length along time, and along stations."""
    days = times(file, first)
    numbers(file, days)
    file.createDimension("station", 2)
    name = file.createVariable("name", str, ("station",))
    name[:] = np.array(["Zürich", "Genève"], object)
    note = file.createVariable("note", str, ("time",))
    note[:] = np.array([f"day {day}" * day for day in days], object)


@case
def letters(file: Any, number: int, first: int) -> None:
    """Arrays of letters."""
    days = times(file, first)
    numbers(file, days)
    file.createDimension("letter", 6)
    stamp = file.createVariable("stamp", "S1", ("time", "letter"))
    stamp[:] = np.array([list(f"day{day:3d}") for day in days], "S1")
    title = file.createVariable("kind", "S1", ("letter",))
    title[:] = np.array(list("hourly"), "S1")


@case
def scalars(file: Any, number: int, first: int) -> None:
    """Scalar coordinates, as of one height or one grid mapping."""
    days = times(file, first)
    file.createVariable("t2m", "f4", ("time",))[:] = days
    file["t2m"].setncatts({"coordinates": "height", "grid_mapping": "crs"})
    height = file.createVariable("height", "f8", ())
    height[...] = 2.0
    height.units = "m"
    file.createVariable("crs", "i4", ()).grid_mapping_name = "latitude_longitude"


@case
def fill_values(file: Any, number: int, first: int) -> None:
    """A missing value has another mark in each file; and an array that is nearly all missing."""
    days = times(file, first)
    mark = (-999.0, 1e20)[number]
    air = file.createVariable("air", "f4", ("time",), fill_value=np.float32(mark))
    air[:] = np.ma.masked_equal(days % 2, 1)
    file.createVariable("few", "f8", ("time",), fill_value=np.nan)[:] = np.where(days, np.nan, 1)


@case
def other_lengths(file: Any, number: int, first: int) -> None:
    """Record variables between fixed ones, named in no order."""
    days = times(file, first)
    file.createDimension("x", 2)
    file.createVariable("z_fixed", "i4", ("x",))[:] = [1, 2]
    file.createVariable("m_record", "i4", ("time", "x"))[:] = days[:, None] + np.arange(2)
    file.createVariable("a_fixed", "i8", ("x",))[:] = [3, 4]
    file.createVariable("b_record", "i8", ("time",))[:] = days


@case
def without_coordinate(file: Any, number: int, first: int) -> None:
    """Time has no variable, and neither has another dimension."""
    length = int(file.length)
    file.delncattr("length")
    file.createDimension("time", None)
    file.createDimension("cell", 3)
    file.createVariable("flux", "f4", ("time", "cell"))[:] = np.arange(3 * length).reshape(-1, 3)


@case
def enums(file: Any, number: int, first: int) -> None:
    """Named numbers."""
    days = times(file, first)
    numbers(file, days)
    kind = file.createEnumType(np.uint8, "cloud_t", {"clear": 0, "low": 1, "high": 2})
    file.createVariable("cloud", kind, ("time",))[:] = days % 3


@case
def compounds(file: Any, number: int, first: int) -> None:
    """Records of several fields."""
    days = times(file, first)
    numbers(file, days)
    dtype = np.dtype([("speed", "f4"), ("angle", "i2")])
    kind = file.createCompoundType(dtype, "wind_t")
    wind = np.zeros(len(days), dtype)
    wind["speed"], wind["angle"] = days / 2, days * 10
    file.createVariable("wind", kind, ("time",))[:] = wind


@case
def several_unlimited(file: Any, number: int, first: int) -> None:
    """Stations may be added as well as times."""
    days = times(file, first)
    file.createDimension("station", None)
    file.createVariable("rain", "f4", ("time", "station"))[:] = days[:, None] + np.arange(3)
    file.createVariable("station", "i4", ("station",))[:] = [7, 8, 9]


@case
def big_endian(file: Any, number: int, first: int) -> None:
    """Numbers of either byte order, signed and not, of 1 to 8 bytes."""
    days = times(file, first)
    for dtype in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"):
        for endian in ("big", "little"):
            name = f"{dtype}_{endian}"
            file.createVariable(name, dtype, ("time",), endian=endian)[:] = days
    file.createVariable("lone", "i4", (), endian="big")[...] = 5


@case
def filters(file: Any, number: int, first: int) -> None:
    """Chunks and filters of its own for each variable."""
    days = times(file, first)
    file.createDimension("x", 8)
    values = days[:, None] + np.arange(8)
    hows: dict[str, dict[str, Any]] = {
        "plain": {"contiguous": False},
        "zlib": {"zlib": True, "complevel": 4, "shuffle": True, "chunksizes": (1, 8)},
        "summed": {"fletcher32": True, "chunksizes": (2, 4)},
        "rounded": {"zlib": True, "significant_digits": 3, "chunksizes": (1, 3)},
    }
    for name, how in hows.items():
        file.createVariable(name, "f4", ("time", "x"), **how)[:] = values


@case
def odd_names(file: Any, number: int, first: int) -> None:
    """Spaces, marks and letters of other alphabets in names."""
    days = times(file, first)
    file.createDimension("länge x", 2)
    file.createVariable("wind speed (10 m)", "f4", ("time", "länge x"))[:] = days[:, None] * 1.5
    file.createVariable("länge x", "f4", ("länge x",))[:] = [1, 2]
    file.createVariable("температура", "f4", ("time",))[:] = days
    file["температура"].setncattr("a note", "Grüße")


@case
def auxiliary(file: Any, number: int, first: int) -> None:
    """Coordinates of two axes, and a time that is no whole number of days."""
    days = times(file, first)
    file["time"][:] = days / 3
    file.createDimension("y", 2)
    file.createDimension("x", 3)
    for name, unit in (("lat", "degrees_north"), ("lon", "degrees_east")):
        file.createVariable(name, "f8", ("y", "x"))[:] = np.arange(6).reshape(2, 3) / 7
        file[name].units = unit
    air = file.createVariable("air", "f4", ("time", "y", "x"))
    air.coordinates = "lat lon"
    air[:] = days[:, None, None] + np.arange(6).reshape(2, 3)


@case
def coordinate_of_two_axes(file: Any, number: int, first: int) -> None:
    """A variable of two axes that is called as its first, behind others that have that axis."""
    days = times(file, first)
    file.createDimension("level", 2)
    file.createDimension("x", 3)
    air = file.createVariable("air", "f4", ("time", "level", "x"))
    air[:] = days[:, None, None] + np.arange(6).reshape(2, 3)
    file.createVariable("level", "f8", ("level", "x"))[:] = np.arange(6).reshape(2, 3) / 7
