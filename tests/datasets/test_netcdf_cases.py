"""Small netCDF files of every kind are joined as they are, and as ncrcat, CDO and xarray do it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest
from datasets.climate import call

import concatsplit_core as cs
from concatsplit_core.formats.hdf5 import dimensions
from concatsplit_core.foundation.errors import MeaningMismatch

PATHS = ["in0.nc", "in1.nc"]
PEERS = {
    "ncrcat": ["ncrcat", "-h", "-O", "--no_cll_mth"],
    "cdo": ["cdo", "-s", "-O", "mergetime"],
    "xarray": [],
}


class Case(NamedTuple):
    """What a join of a case gives.

    Parameters
    ----------
    expected : dict
        Values of variables that are not the inputs' stored numbers one after the other.
    wrong : sequence of str
        Programs that lose something, give other values, or cannot do it: docs/data-sets.md.
    without : dict
        Variables that a program leaves out.
    skipped : sequence of str
        Facts of variables that may differ from those of the first input.
    """

    expected: Mapping[str, Sequence[float]] = MappingProxyType({})
    wrong: Sequence[str] = ()
    without: Mapping[str, Sequence[str]] = MappingProxyType({})
    skipped: Sequence[str] = ()


DAYS = [0.0, 1, 2, 3, 4]
CASES = {
    "records": Case(),
    "fixed": Case(wrong=["ncrcat"], without={"cdo": ["b"]}),
    "packed": Case(),
    "other_epoch": Case(
        {"time": DAYS, "time_bnds": [edge for day in DAYS for edge in (day, day + 1)]}
    ),
    "other_unit": Case({"time": DAYS}),
    "groups": Case(wrong=["cdo", "xarray"]),
    "texts": Case(without={"cdo": ["name", "note"]}),
    "letters": Case(without={"cdo": ["stamp", "kind"]}),
    "scalars": Case(without={"cdo": ["height", "crs"]}),
    "fill_values": Case(
        {"air": [0, -999, 0, -999, 0], "few": [1, *[np.nan] * 4]}, wrong=["ncrcat", "cdo"]
    ),
    "other_lengths": Case(),
    "without_coordinate": Case(wrong=["cdo"]),
    "enums": Case(wrong=["ncrcat"], without={"cdo": ["cloud"]}),
    "compounds": Case(wrong=["ncrcat", "xarray"], without={"cdo": ["wind"]}),
    "several_unlimited": Case(wrong=["ncrcat"], skipped=["chunks"]),
    "big_endian": Case(without={"cdo": ["lone"]}),
    "filters": Case(),
    "odd_names": Case(),
    "auxiliary": Case(),
}


@pytest.fixture(params=CASES)
def name(request: pytest.FixtureRequest) -> str:
    """A case, whose files are there."""
    call("netcdf_cases.make", request.param)
    return str(request.param)


def test_all_is_kept(name: str) -> None:
    cs.concat(PATHS, "out.nc", axis="time")
    call("netcdf_checks.joined", PATHS, "out.nc", dict(CASES[name].expected), CASES[name].skipped)


@pytest.mark.parametrize("peer", PEERS)
def test_others_agree(name: str, peer: str) -> None:
    case = CASES[name]
    if peer in case.wrong:
        return
    if PEERS[peer] and shutil.which(PEERS[peer][0]) is None:
        pytest.skip(f"{peer} is not installed")
    cs.concat(PATHS, "out.nc", axis="time")
    if peer == "xarray":
        call("netcdf_checks.as_xarray", "out.nc", PATHS)
        return
    subprocess.run([*PEERS[peer], *PATHS, "peer.nc"], check=True, capture_output=True)
    call("netcdf_checks.agrees", "out.nc", "peer.nc", case.without.get(peer, []))


def test_numbers_packed_in_other_ways_are_refused_or_unpacked() -> None:
    """ncrcat takes the stored numbers of the second file for numbers packed as in the first."""
    call("netcdf_cases.make", "packed_otherwise")
    with pytest.raises(MeaningMismatch, match=r"in1.nc::rain.*scale_factor 1.0.*convert"):
        cs.concat(PATHS, "out.nc", axis="time")
    cs.concat(PATHS, "out.nc", axis="time", conflicts="convert")
    call("netcdf_checks.as_xarray", "out.nc", PATHS)


def test_calendars_that_count_other_days_are_refused() -> None:
    call("netcdf_cases.make", "other_calendar")
    with pytest.raises(MeaningMismatch, match=r"in1.nc.*calendar 'noleap' differs.*'standard'"):
        cs.concat(PATHS, "out.nc", axis="time")


@pytest.mark.parametrize("empty", [0, 1])
def test_a_file_without_times_adds_none(empty: int) -> None:
    lengths = [3, 3]
    lengths[empty] = 0
    call("netcdf_cases.make", "records", lengths)
    cs.concat(PATHS, "out.nc", axis="time")
    call("netcdf_checks.joined", PATHS, "out.nc")


def test_all_arrays_of_a_dimension_are_looked_at_once_for_its_length(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An unlimited dimension is as long as the longest of its arrays, which each of them asks."""
    call("netcdf_cases.make", "big_endian")
    asked: list[str] = []

    def counted(scale: Any) -> Any:
        asked.append(scale.name)
        return references(scale)

    references = dimensions.references_of
    monkeypatch.setattr(dimensions, "references_of", counted)
    cs.concat(PATHS, "out.nc", axis="time")
    assert len(asked) == 3, "once a file"
