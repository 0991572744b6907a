"""The checksums that outputs carry: who reads them, who cannot hold them, what keeps its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - so that HDF5 reads what it has no filter for
import numpy as np
import pytest
import tensorstore
import zarr

WHOLE = np.random.default_rng(3).integers(0, 1000, (40, 30)).astype("<i4")
CHUNKS = ("--chunks", "10,30")
ZSTD = zarr.codecs.ZstdCodec(level=3)


@pytest.fixture
def made(shell: Any) -> Any:
    """A shell in whose folder a.npy is."""
    shell.save(a=WHOLE)
    return shell


def _codecs(store: str) -> list[dict[str, Any]]:
    """The codecs of an array of format 3, behind the one that makes bytes of it."""
    found: list[dict[str, Any]] = json.loads(Path(store, "zarr.json").read_text())["codecs"]
    if found[0]["name"] == "sharding_indexed":
        found = found[0]["configuration"]["codecs"]
    return found[1:]


def _has_frame_checksum(chunk: bytes) -> bool:
    """RFC 8878, 3.1.1.1.1."""
    assert chunk[:4] == b"\x28\xb5\x2f\xfd"
    return bool(chunk[4] >> 2 & 1)


def _first_chunk(store: str) -> bytes:
    return next(Path(store, name) for name in ("c/0/0", "0.0") if Path(store, name).exists()
                ).read_bytes()  # fmt: skip


def _through_tensorstore(store: str) -> np.ndarray:
    driver = "zarr3" if Path(store, "zarr.json").exists() else "zarr"
    place = {"driver": "file", "path": str(Path(store).absolute())}
    return np.asarray(tensorstore.open({"driver": driver, "kvstore": place}).result())


def _through_zarrs(store: str) -> np.ndarray:
    with zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"}):
        return np.asarray(zarr.open_array(store, mode="r")[...])


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--codec", "zstd:3"),
        ("--codec", "zstd:3", "--checksum", "crc32c"),
        ("--codec", "blosc", "--checksum", "crc32c"),
        ("--codec", "none", "--checksum", "crc32c"),
        ("--codec", "gzip", "--checksum", "none"),
    ],
    ids=" ".join,
)
def test_every_reader_of_format_3_takes_them(made: Any, options: tuple[str, ...]) -> None:
    made.ok("concat", "a.npy", "-o", "y.zarr", *CHUNKS, *options)
    for read in (made.read, _through_tensorstore, _through_zarrs):
        np.testing.assert_array_equal(read("y.zarr"), WHOLE)


def test_shards_carry_them_too(made: Any) -> None:
    shards = {"chunks": (10, 10), "shards": (20, 30), "compressors": ZSTD}
    zarr.create_array("s.zarr", shape=WHOLE.shape, dtype="i4", **shards)[...] = WHOLE
    made.ok("concat", "s.zarr", "-o", "y.zarr", "--checksum", "crc32c")
    assert zarr.open_array("y.zarr").shards == (20, 30)
    assert [codec["name"] for codec in _codecs("y.zarr")] == ["zstd", "crc32c"]
    for read in (made.read, _through_tensorstore, _through_zarrs):
        np.testing.assert_array_equal(read("y.zarr"), WHOLE)


def test_zstd_of_format_2_is_read_by_all_and_the_others_by_zarr_python(made: Any) -> None:
    form = ("--zarr-format", 2, *CHUNKS)
    made.ok("concat", "a.npy", "-o", "z.zarr", "--codec", "zstd:3", *form)
    assert _has_frame_checksum(_first_chunk("z.zarr"))
    np.testing.assert_array_equal(_through_tensorstore("z.zarr"), WHOLE)
    for name in ("crc32c", "fletcher32"):
        for codec in ("none", "zstd:3"):
            args = ("--codec", codec, "--checksum", name, "--force", *form)
            made.ok("concat", "a.npy", "-o", "y.zarr", *args)
            np.testing.assert_array_equal(made.read("y.zarr"), WHOLE)


@pytest.mark.parametrize("codec", ["none", "gzip:1", "zstd:3"])
@pytest.mark.parametrize("checksum", ["auto", "fletcher32", "none"])
def test_h5py_reads_them(made: Any, codec: str, checksum: str) -> None:
    made.ok("concat", "a.npy", "-o", "y.h5", "--codec", codec, "--checksum", checksum)
    np.testing.assert_array_equal(made.read("y.h5"), WHOLE)
    with h5py.File("y.h5") as file:
        assert file["data"].fletcher32 == (checksum == "fletcher32")
        if codec == "zstd:3":
            chunk = file["data"].id.read_direct_chunk((0, 0))[1]
            assert _has_frame_checksum(chunk) == (checksum == "auto")


@pytest.mark.parametrize(
    ("options", "names", "in_frame"),
    [
        ((), ["crc32c"], None),
        (("--checksum", "none"), [], None),
        (("--codec", "none"), [], None),
        (("--codec", "zstd:3"), ["zstd"], True),
        (("--codec", "zstd:3", "--checksum", "none"), ["zstd"], False),
        (("--codec", "zstd:3", "--checksum", "crc32c"), ["zstd", "crc32c"], False),
    ],
)
def test_metadata_say_what_chunks_have(
    made: Any, options: tuple[str, ...], names: list[str], in_frame: bool | None
) -> None:
    made.ok("concat", "a.npy", "-o", "y.zarr", *CHUNKS, *options)
    assert [codec["name"] for codec in _codecs("y.zarr")] == names
    if in_frame is not None:
        assert _codecs("y.zarr")[0]["configuration"]["checksum"] == in_frame
        assert _has_frame_checksum(_first_chunk("y.zarr")) == in_frame


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("-o", "y.npy", "--checksum", "crc32c"), ".npy file"),
        (("-o", "y.npy", "--checksum", "fletcher32"), ".npy file"),
        (("-o", "-", "--checksum", "crc32c"), ".npy stream"),
        (("-o", "y.h5", "--checksum", "crc32c"), "give fletcher32"),
        (("-o", "y.zarr", "--checksum", "fletcher32"), "give crc32c"),
        (("-o", "y.h5", "--checksum", "fletcher32", "--chunks", "none"), "needs chunks"),
        (("-o", "y.h5", "--checksum", "md5"), "'md5' is not one of"),
    ],
)
def test_what_a_format_cannot_hold_is_a_usage_error(
    made: Any, options: tuple[str, ...], says: str
) -> None:
    made.fails(2, "concat", "a.npy", *options, says=says)


def test_scalars_and_texts_have_no_chunks_that_hdf5_could_sum_up(made: Any) -> None:
    made.save(s=np.array(3))
    made.fails(2, "feed", "s.npy", "y.h5", "--checksum", "fletcher32", says="scalar")
    with h5py.File("t.h5", "w") as file:
        file["t"] = ["one", "two"]
    args = ("concat", "t.h5", "-o", "y.h5", "--checksum", "fletcher32")
    made.fails(2, *args, says="texts of any length")


def _zstd_store(name: str, **settings: Any) -> None:
    shape = {"shape": WHOLE.shape, "dtype": "i4", "chunks": (10, 30)}
    codec = zarr.codecs.ZstdCodec(level=3, **settings)
    zarr.create_array(name, compressors=codec, **shape)[...] = WHOLE


def test_chunks_that_move_keep_the_codec_of_their_inputs(made: Any) -> None:
    _zstd_store("old.zarr")
    for more in ((), ("--codec", "zstd:3")):
        args = ("concat", "old.zarr", "-o", "y.zarr", "--routes", "encoded", "--force", *more)
        made.ok(*args)
        assert _codecs("y.zarr") == _codecs("old.zarr")
        assert _first_chunk("y.zarr") == _first_chunk("old.zarr")


def test_what_is_encoded_anew_gets_zstds_own(made: Any) -> None:
    _zstd_store("old.zarr")
    made.ok("concat", "old.zarr", "-o", "y.zarr", "--chunks", "20,10")
    assert _codecs("y.zarr")[0]["configuration"] == {"level": 3, "checksum": True}
    assert _has_frame_checksum(_first_chunk("y.zarr"))


def test_arrays_that_differ_in_checksums_only_are_joined_in_their_codec(made: Any) -> None:
    _zstd_store("old.zarr")
    _zstd_store("new.zarr", checksum=True)
    both = np.concatenate([WHOLE, WHOLE])
    made.ok("concat", "old.zarr", "new.zarr", "-o", "y.zarr", "--routes", "encoded")
    np.testing.assert_array_equal(made.read("y.zarr"), both)
    made.ok("concat", "a.npy", "-o", "raw.zarr", "--checksum", "none", *CHUNKS)
    made.ok("concat", "a.npy", "-o", "summed.zarr", *CHUNKS)
    made.ok("concat", "raw.zarr", "summed.zarr", "-o", "z.zarr")
    assert [codec["name"] for codec in _codecs("z.zarr")] == ["crc32c"]
    np.testing.assert_array_equal(made.read("z.zarr"), both)


@pytest.mark.parametrize("options", [("y.h5",), ("y.zarr", "--zarr-format", 2), ("y.npy",)])
def test_a_crc32c_is_left_behind_where_it_is_not_known(made: Any, options: Any) -> None:
    made.ok("concat", "a.npy", "-o", "summed.zarr", *CHUNKS)
    made.ok("concat", "summed.zarr", "-o", *options)
    np.testing.assert_array_equal(made.read(options[0]), WHOLE)
    assert made.ok("info", options[0], "--json").json["blobs"][0]["codec"] == "none"


@pytest.mark.parametrize("options", [(), ("--checksum", "crc32c", "--codec", "zstd:3")])
def test_same_inputs_same_bytes(made: Any, options: tuple[str, ...]) -> None:
    for name in ("one.zarr", "two.zarr"):
        made.ok("concat", "a.npy", "-o", name, *options)
    one, two = (
        {p.relative_to(s): p.read_bytes() for p in Path(s).rglob("*") if p.is_file()}
        for s in ("one.zarr", "two.zarr")
    )
    assert one == two
