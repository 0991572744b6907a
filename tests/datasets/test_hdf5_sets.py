"""What HDF5 files hold beside their arrays is kept, or refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from datasets.climate import call

import concatsplit_core as cs
from concatsplit_core.formats.hdf5 import contents
from concatsplit_core.foundation.errors import MalformedInput, UnsafeContent, UnsupportedDtype

AXES = ["x=carry", "*=0"]


def write(path: str, length: int = 3, more: Any = None) -> str:
    """A file with scales, a named type, groups and a link; what is last by name was made first."""
    with h5py.File(path, "w", track_order=True) as file:
        time = file.create_dataset("time", data=np.arange(length) * 1.0)
        other = file.create_dataset("other", data=np.arange(length) * 2.0)
        x = file.create_dataset("x", data=np.arange(4.0))
        for scale, name in ((time, "time of day"), (other, "another"), (x, "")):
            scale.make_scale(name)
        file["kind"] = h5py.enum_dtype({"dry": 0, "wet": 1}, "u1")
        rain = file.create_dataset("rain", (length,), dtype=file["kind"])
        heat = file.create_dataset("heat", data=np.ones((length, 4)))
        for scale in (time, other):
            heat.dims[0].attach_scale(scale)
        heat.dims[1].attach_scale(x)
        heat.dims[1].label = "width"
        rain.dims[0].attach_scale(time)
        inner = file.create_group("more", track_order=True)
        for name in ("zeta", "alpha"):
            inner.create_dataset(name, data=np.arange(length)).dims[0].attach_scale(time)
        file.attrs["b"], file.attrs["a"] = "first", "second"
        file["link"] = h5py.SoftLink("/more/zeta")
        if more is not None:
            more(file)
    return path


def facts(path: str) -> dict[str, Any]:
    """Order, scales, labels and types."""
    with h5py.File(path) as file:
        arrays = {}
        for name in ("time", "other", "x", "rain", "heat", "more/zeta", "more/alpha"):
            item = file[name]
            scales = [[scale.name for scale in dim.values()] for dim in item.dims]
            arrays[name] = (
                scales,
                [dim.label for dim in item.dims],
                item.is_scale and item.attrs["NAME"],
                item.id.get_type().committed(),
            )
        order = [name for name in file if isinstance(file[name], h5py.Dataset)]
        return {
            "arrays": arrays,
            "order": order,
            "inner": list(file["more"]),
            "attributes": dict(file.attrs),
            "link": file["link"].name,
            "kind": h5py.check_enum_dtype(file["kind"].dtype),
        }


def test_all_of_a_file_is_kept() -> None:
    refs = [write("a.h5"), write("b.h5", 2)]
    cs.concat(refs, "out.h5", axis=AXES, manifest="run.json")
    assert facts("out.h5") == facts("a.h5")
    cs.split("out.h5", "part{index}.h5", axis=AXES, lengths=[3, 2])
    assert facts("part1.h5") == facts("b.h5")
    cs.undo("run.json", "again{index}.h5")
    assert facts("again0.h5") == facts("a.h5")
    assert cs.diff("again1.h5", "b.h5").equal


def test_an_axis_whose_scale_is_left_out_keeps_its_name() -> None:
    cs.concat([write("a.h5"), write("b.h5")], "out.h5", members="heat,x,rain", axis=AXES)
    with h5py.File("out.h5") as file:
        assert [dim.label for dim in file["heat"].dims] == ["time", "width"]
        assert [dim.label for dim in file["rain"].dims] == ["time"]
        assert list(file["heat"].dims[1].values()) == [file["x"]]


def test_a_netcdf_file_stays_one_whatever_it_is_called() -> None:
    call("netcdf_cases.make", "groups")
    cs.concat(["in0.nc", "in1.nc"], "out.h5", axis="time")
    call("netcdf_checks.joined", ["in0.nc", "in1.nc"], "out.h5")


def test_arrays_of_references_are_refused_and_can_be_left_out() -> None:
    def refer(file: Any) -> None:
        items = [file["heat"].ref] * len(file["time"])
        file.create_dataset("refs", data=np.array(items, dtype=h5py.ref_dtype))
        regions = [file["heat"].regionref[:1]] * len(file["time"])
        file.create_dataset("regions", data=np.array(regions, dtype=h5py.regionref_dtype))

    refs = [write("a.h5", more=refer), write("b.h5", more=refer)]
    for name in ("refs", "regions"):
        with pytest.raises(UnsupportedDtype, match=rf"a.h5::{name}: holds references.*--members"):
            cs.concat(refs, "out.h5", axis=AXES, members=f"{name},heat")
    cs.concat(refs, "out.h5", axis=AXES, members="[!r]*")
    with h5py.File("out.h5") as file:
        assert "refs" not in file
        assert "heat" in file


def test_attributes_that_point_into_the_file_are_named() -> None:
    def refer(file: Any) -> None:
        file["heat"].attrs["of"] = file["x"].ref

    result = cs.concat([write("a.h5", more=refer)], "out.h5", axis=AXES)
    assert result.notes == ("a.h5::heat: attribute 'of' is left out: it points into the file",)


def test_links_and_arrays_of_other_files_are_refused() -> None:
    def link(file: Any) -> None:
        file["outside"] = h5py.ExternalLink("other.h5", "/x")

    def virtual(file: Any) -> None:
        layout = h5py.VirtualLayout((3,), "f8")
        layout[:] = h5py.VirtualSource("other.h5", "x", (3,))
        file.create_virtual_dataset("seen", layout)

    with pytest.raises(UnsafeContent, match=r"input 0 \(a.h5\): outside leads out.*--members '\*'"):
        cs.concat([write("a.h5", more=link)], "out.h5", axis=AXES)
    cs.concat(["a.h5"], "out.h5", axis=AXES, members="*")
    with h5py.File("out.h5") as file:
        assert "outside" not in file
    with pytest.raises(UnsafeContent, match=r"b.h5::seen: is a virtual dataset.*--members"):
        cs.concat([write("b.h5", more=virtual)], "other.h5", axis=AXES)
    assert not Path("other.h5").exists()


def test_a_child_looks_first_at_what_a_file_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """HDF5 may crash, or loop for ever, in a damaged attribute of a group."""
    looks: list[str] = []

    class Refusing:
        def check(self, look: Any, path: str, member: str | None, ref: str, *_: object) -> bytes:
            looks.append(look.__name__)
            if look is contents._look_at_structure:
                raise MalformedInput(f"{ref}: takes for ever")
            return b""

    monkeypatch.setattr(contents, "scouts", Refusing())
    with pytest.raises(MalformedInput, match=r"a.h5: takes for ever"):
        cs.concat([write("a.h5")], "out.h5", axis=AXES)
    assert looks == ["_look_at_links", "_look_at_structure"]


def test_the_members_that_a_child_has_found_are_not_looked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with h5py.File("a.h5", "w") as file:
        file["b\udcff".encode("utf-8", "surrogateescape")] = file["a"] = np.arange(3)
        file["out"] = h5py.ExternalLink("b.h5", "x")
    text = contents._look_at_links("a.h5", None)

    class Telling:
        def check(self, look: Any, path: str, member: str | None, ref: str, *_: object) -> bytes:
            return text

    monkeypatch.setattr(contents, "scouts", Telling())
    monkeypatch.setattr(contents, "_survey", lambda path, ref: pytest.fail("looked again"))
    assert contents.list_members("a.h5", "a.h5") == ["a", "b\udcff"]
    assert contents.list_members("a.h5", "a.h5", with_links=True) == ["a", "b\udcff", "out"]
