"""fetch, feed, undo and streams, with real processes at the other end of the pipe."""

from __future__ import annotations

import errno
import io
import warnings
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

import concatsplit_core as cs
from concatsplit_core.formats.zarr import consolidating
from concatsplit_core.foundation.errors import UnsupportedDtype, UsageError

A = np.arange(24, dtype="<f4").reshape(4, 6)


@pytest.fixture
def store(shell: Any) -> Any:
    """An array in three formats, beside others in containers."""
    np.save("a.npy", A)
    with h5py.File("s.h5", "w") as file:
        file["x"], file["group/y"] = A, -A
        file.create_dataset("z", data=A, chunks=(3, 4), compression="gzip")
    group = zarr.open_group("s.zarr", mode="w")
    group.create_array("x", data=A, chunks=(3, 4))
    group.create_array("scalar", data=np.array(7, "<i2"))
    return shell


@pytest.mark.parametrize(
    ("ref", "memory"),
    [("a.npy", "256MiB"), ("s.h5::x", "2KiB"), ("s.h5::z", "256MiB"), ("s.h5::z", "2KiB"),
     ("s.zarr::x", "2KiB"), ("s.zarr/x", "256MiB")],
)  # fmt: skip
def test_fetch_to_another_program(store: Any, ref: str, memory: str) -> None:
    done = store.bash(f"concatsplit fetch {ref} --memory {memory} | cat > fetched.npy")
    assert (done.returncode, done.stderr) == (0, "")
    np.testing.assert_array_equal(np.load("fetched.npy"), A)
    assert store.hidden() == []


def test_fetch_writes_what_numpy_writes(store: Any) -> None:
    done = store.bash("concatsplit fetch s.zarr::x > x.npy && concatsplit fetch s.h5::z -o z.npy")
    assert done.returncode == 0
    buffer = io.BytesIO()
    np.save(buffer, A)
    for name in ("x.npy", "z.npy"):
        assert (store.folder / name).read_bytes() == buffer.getvalue()


def test_a_reader_that_leaves_ends_it_quietly(store: Any) -> None:
    np.save("big.npy", np.zeros(1 << 20))
    done = store.bash("set -o pipefail; concatsplit fetch big.npy | head -c 100 | wc -c")
    assert (done.returncode, done.stdout.strip(), done.stderr) == (141, "100", "")


@pytest.mark.parametrize("ref", ["s.h5::new/member", "s.zarr::new/member", "n.h5::a", "n.zarr"])
def test_feed_from_a_pipe(store: Any, ref: str) -> None:
    done = store.bash(f"cat a.npy | concatsplit feed - {ref}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    np.testing.assert_array_equal(store.read(ref), A)
    np.testing.assert_array_equal(store.read("s.h5::group/y"), -A)
    np.testing.assert_array_equal(store.read("s.zarr::x"), A)


def test_feed_and_fetch_arrays_without_axes(store: Any) -> None:
    store.ok("feed", "s.zarr::scalar", "s.h5::scalar")
    store.ok("fetch", "s.h5::scalar", "-o", "scalar.npy")
    assert np.load("scalar.npy").shape == ()
    assert np.load("scalar.npy") == 7


@pytest.mark.parametrize("ref", ["s.h5::x", "s.zarr::x"])
def test_feed_replaces_only_with_force(store: Any, ref: str) -> None:
    np.save("b.npy", A + 1)
    before = store.snapshot()
    store.fails(5, "feed", "b.npy", ref, says=ref)
    assert store.snapshot() == before
    store.ok("feed", "b.npy", ref, "--force")
    np.testing.assert_array_equal(store.read(ref), A + 1)
    np.testing.assert_array_equal(store.read("s.h5::group/y"), -A)


def test_consolidated_metadata_learn_of_a_new_member(store: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", zarr.errors.ZarrUserWarning)
        zarr.consolidate_metadata("s.zarr")
    store.ok("feed", "a.npy", "s.zarr::late")
    assert "late" in zarr.open_consolidated("s.zarr", mode="r")


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_consolidated_metadata_of_groups_inside_learn_too(shell: Any, zarr_format: int) -> None:
    shell.save(a=A)
    group = zarr.open_group("s.zarr", mode="w", zarr_format=zarr_format)
    group.create_array("g/h/x", shape=(4,), dtype="f4")
    group.create_array("other/x", shape=(4,), dtype="f4")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", zarr.errors.ZarrUserWarning)
        for path in ("g", "g/h", "other"):
            zarr.consolidate_metadata("s.zarr", path=path)
    name = ".zmetadata" if zarr_format == 2 else "zarr.json"
    others = [(shell.folder / "s.zarr" / path / name) for path in ("other",)]
    before = [path.read_bytes() for path in others]
    shell.ok("feed", "a.npy", "s.zarr::g/h/x", "--force")
    shell.ok("feed", "a.npy", "s.zarr::g/h/late")
    for path in ("g", "g/h"):
        found = zarr.open_consolidated("s.zarr", path=path, mode="r")
        inside = "h/" if path == "g" else ""
        assert found[f"{inside}x"].shape == found[f"{inside}late"].shape == A.shape
    assert [path.read_bytes() for path in others] == before


def test_a_damaged_neighbour_of_consolidated_metadata_is_exit_3(store: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", zarr.errors.ZarrUserWarning)
        zarr.consolidate_metadata("s.zarr")
    zarr.create_array("s.zarr/bad", shape=(4,), dtype="f4")
    document = store.folder / "s.zarr/bad/zarr.json"
    document.write_text(document.read_text().replace("float32", "float1024"))
    store.fails(3, "feed", "a.npy", "s.zarr::late", says=("s.zarr", "consolidated"))


def test_streams_of_operators(store: Any) -> None:
    done = store.bash(
        "cat a.npy | concatsplit concat - s.h5::x --axis 1 -o - | "
        "concatsplit split - -o 'p{index}.npy' --axis 1 --parts 2"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for name in ("p0.npy", "p1.npy"):
        np.testing.assert_array_equal(np.load(name), A)


def test_json_leaves_stdout_to_the_stream(store: Any) -> None:
    done = store.bash("concatsplit fetch a.npy --json > out.npy")
    assert done.returncode == 0
    np.testing.assert_array_equal(np.load("out.npy"), A)
    assert '"operator": "fetch"' in done.stderr


@pytest.mark.parametrize("data", ["", "junk", "\\x93NUMPY"])
def test_a_stream_of_junk_is_exit_3(store: Any, data: str) -> None:
    before = store.snapshot()
    done = store.bash(f"printf '{data}' | concatsplit feed - n.h5::a")
    assert done.returncode == 3
    store.one_line(done.stderr)
    assert store.snapshot() == before


@pytest.mark.parametrize(
    ("args", "code"),
    [(("fetch", "s.h5"), 2), (("fetch", "none.npy"), 4), (("fetch", "s.h5::none"), 4),
     (("fetch", "a.npy", "--codec", "zstd"), 2), (("feed", "a.npy", "x.txt"), 2),
     (("undo", "none.json"), 4), (("undo", "a.npy"), 3),
     (("concat", "a.npy", "-o", "y.npy", "--manifest", "y.npy"), 2),
     (("concat", "a.npy", "-o", "y.npy", "--manifest", "a.npy"), 5)],
)  # fmt: skip
def test_what_cannot_be(store: Any, args: tuple[str, ...], code: int) -> None:
    before = store.snapshot()
    store.fails(code, *args)
    assert store.snapshot() == before


def test_undo_on_the_command_line(store: Any) -> None:
    store.ok("concat", "a.npy", "s.h5::x", "-o", "y.zarr", "--axis", 1, "--manifest", "run.json")
    result = store.ok("undo", "run.json", "-o", "again-{index}.npy", "--json").json
    assert result["operator"] == "undo"
    for index in range(2):
        np.testing.assert_array_equal(np.load(f"again-{index}.npy"), A)


@pytest.mark.parametrize("ref", ["q.npy", "q.h5::q", "q.zarr::q"])
@pytest.mark.parametrize(
    "value", [np.array(3, ">f4"), np.array((1, b"x"), [("a", "<i2"), ("b", "S4")])]
)
def test_an_array_without_axes_in_python(shell: Any, ref: str, value: np.ndarray) -> None:
    cs.feed(ref, value)
    found = cs.fetch(ref)
    assert found.shape == ()
    assert found == value
    assert cs.fetch(value) == value


def test_live_objects_of_h5py(shell: Any) -> None:
    with h5py.File("live.h5", "w") as file:
        dataset = file.create_dataset("d", data=A, chunks=(2, 2), compression="gzip")
        file.flush()
        dataset[0, 0] = 999
        cs.concat([dataset], "live.npy")
        assert np.load("live.npy")[0, 0] == 999
    with pytest.raises(UsageError, match="closed"):
        cs.concat([dataset], "closed.npy")
    with h5py.File("nowhere.h5", "w", driver="core", backing_store=False) as file:
        file["d"] = A
        cs.concat([file["d"]], "core.npy")
    np.testing.assert_array_equal(np.load("core.npy"), A)


def test_strings_that_call_themselves_ascii(shell: Any) -> None:
    with h5py.File("s.h5", "w") as file:
        file.create_dataset("x", data=[b"a", b"bb"], dtype=h5py.string_dtype("ascii"))
        file.create_dataset("none", data=h5py.Empty("f4"))
    for output in ("y.h5", "y.zarr"):
        cs.concat(["s.h5::x", "s.h5::x"], output)
        assert cs.fetch(output).tolist() == ["a", "bb", "a", "bb"]
    listed = {blob.ref: blob for blob in cs.info("s.h5")}
    assert listed["s.h5::x"].dtype == "string"
    assert listed["s.h5::none"].error == "is an empty dataset, which has no shape"


def test_a_mask_is_not_dropped(shell: Any) -> None:
    with pytest.raises(UnsupportedDtype, match="mask"):
        cs.concat([np.ma.array([1, 2], mask=[True, False])], "y.npy")


def test_plain_hdf5_can_read_what_zarr_inputs_gave(shell: Any) -> None:
    zarr.create_array("x.zarr", data=A)
    cs.concat(["x.zarr"], "y.h5")
    with h5py.File("y.h5") as file:
        assert file["data"].compression == "gzip"
    cs.concat(["x.zarr"], "z.h5", codec="zstd:3")
    assert cs.info("z.h5")[0].codec == "zstd:3"


def test_a_wrong_option_is_named_before_an_output_that_exists(store: Any) -> None:
    store.fails(2, "concat", "a.npy", "-o", "s.h5", "--codec", "foo", says="foo")
    store.fails(2, "concat", "a.npy", "-o", "s.h5", "--memory", "much", says="much")


def test_what_follows_the_moves_takes_them_back_when_it_fails(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", zarr.errors.ZarrUserWarning)
        zarr.consolidate_metadata("s.zarr")

    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(consolidating, "_write", full)
    before = store.snapshot()
    store.fails(6, "feed", "a.npy", "s.zarr::late")
    assert store.snapshot() == before
