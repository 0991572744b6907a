"""Consolidated metadata that are written here, against those of zarr-python."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import zarr

import concatsplit_core as cs
from concatsplit_core.formats.zarr.consolidating import consolidate
from concatsplit_core.foundation.errors import MalformedInput
from concatsplit_core.stores.local import local

Form = Literal[2, 3]
both_forms = pytest.mark.parametrize("form", [2, 3])
ROWS = np.arange(1.0, 13.0).reshape(4, 3)
LISTED = {"x", "empty", "g", "g/x", "g/deep", "g/deep/text"}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Without zarr-python's warnings that format 3 has no consolidated metadata and no texts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def make(path: Path, form: Form) -> str:
    """A store with groups in groups, an empty one, and an array that only zarr-python reads."""
    root = zarr.create_group(str(path), zarr_format=form, attributes={"title": "made"})
    names = {"dimension_names": ["time", "y"]} if form == 3 else {}
    dims = {} if form == 3 else {"_ARRAY_DIMENSIONS": ["time", "y"]}
    for name in ("x", "g/x"):
        root.create_array(name, data=ROWS, attributes={"units": "K", **dims}, **names)
    root.create_group("empty")
    root.create_array("g/deep/text", data=np.array(["a", "bc"]))
    return str(path)


def document(store: str, form: Form) -> Any:
    """The consolidated metadata of a store."""
    found = json.loads(Path(store, ".zmetadata" if form == 2 else "zarr.json").read_bytes())
    if form == 2:  # zarr-python adds to groups of format 2 what only format 3 has
        for name, content in found["metadata"].items():
            if name.endswith(".zgroup"):
                content.pop("consolidated_metadata", None)
    return found


@both_forms
def test_the_document_is_that_of_zarr_python(tmp_path: Path, form: Form) -> None:
    store = make(tmp_path / "s.zarr", form)
    consolidate(local(store))
    own = document(store, form)
    zarr.consolidate_metadata(store)
    assert own == document(store, form)
    assert list(own["metadata"] if form == 2 else own["consolidated_metadata"]["metadata"])
    consolidate(local(store))
    found = zarr.open_consolidated(store)
    assert set(found.metadata.consolidated_metadata.flattened_metadata) == LISTED
    assert found["g/deep/text"][1] == "bc"


@both_forms
def test_a_joined_data_set_has_them_without_zarr_python(tmp_path: Path, form: Form) -> None:
    import xarray as xr  # late: it takes longer than all tests here

    for name in "ab":
        root = zarr.create_group(str(tmp_path / f"{name}.zarr"), zarr_format=form)
        dims = {} if form == 3 else {"attributes": {"_ARRAY_DIMENSIONS": ["time", "y"]}}
        names = {"dimension_names": ["time", "y"]} if form == 3 else {}
        for member in ("x", "g/z"):
            root.create_array(member, data=ROWS, **dims, **names)
        zarr.consolidate_metadata(root.store)
    code = (
        "import sys, concatsplit_core as cs; cs.concat(['a.zarr', 'b.zarr'], 'y.zarr');"
        "cs.concat(['a.zarr::x', 'b.zarr::x'], 'y.zarr::later'); sys.exit('zarr' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    store = str(tmp_path / "y.zarr")
    listed = zarr.open_consolidated(store).metadata.consolidated_metadata.flattened_metadata
    assert set(listed) == {"x", "g", "g/z", "later"}
    for group, member in ((None, "x"), ("g", "z"), (None, "later")):
        how = {"engine": "zarr", "consolidated": group is None}
        with xr.open_dataset(store, group=group, **how) as found:
            assert found[member].dims == ("time", "y")
            np.testing.assert_array_equal(found[member].values, np.concatenate([ROWS, ROWS]))


def test_links_that_lead_back_are_passed_over(tmp_path: Path) -> None:
    store = make(tmp_path / "s.zarr", 3)
    Path(store, "g/back").symlink_to(store)
    Path(store, "g/deep/here").symlink_to(Path(store, "g"))
    Path(store, "other").symlink_to(Path(store, "x"))
    consolidate(local(store))
    listed = document(store, 3)["consolidated_metadata"]["metadata"]
    assert set(listed) == LISTED | {"other"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"data_type": "float1024"}, "float1024"),
        ({"shape": [-4, 3]}, "shape"),
        ({"zarr_format": 4}, "zarr_format"),
    ],
    ids=str,
)
def test_what_no_reader_could_open_is_not_listed(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    store = make(tmp_path / "s.zarr", 3)
    zarr.consolidate_metadata(store)
    path = Path(store, "g/x/zarr.json")
    path.write_text(json.dumps(json.loads(path.read_bytes()) | change))
    before = Path(store, "zarr.json").read_bytes()
    with pytest.raises(MalformedInput, match=f"cannot be renewed.*{says}"):
        cs.feed(f"{store}::late", ROWS)
    assert Path(store, "zarr.json").read_bytes() == before
    assert not Path(store, "late").exists()
