"""Shards are what Zarr writes, and plain Zarr and xarray read them."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec

from hypercolumns.stores.layout import Layout, with_crc32c, without_crc32c
from hypercolumns.stores.manifest import content_digest
from hypercolumns.stores.writing import StoreWriter


@pytest.mark.parametrize("rows", [1, 4, 23, 24, 25, 70])
def test_shards_equal_those_of_zarr_to_the_byte(rows: int, tmp_path: Path) -> None:
    values = np.random.default_rng(rows).integers(0, 9, (rows, 3, 2)).astype("<f4")
    layout = Layout((3, 2), np.dtype("<f4"), 4, 24)
    with StoreWriter(tmp_path / "ours") as writer:
        array = writer.array("a", layout)
        for start in range(0, rows, 7):
            array.append(values[start : start + 7])
        writer.finish("test/1", {})
    theirs = zarr.create_array(
        tmp_path / "theirs",
        shape=values.shape,
        chunks=(4, 3, 2),
        shards=(24, 3, 2),
        dtype="f4",
        compressors=[ZstdCodec(level=1), Crc32cCodec()],
        config={"write_empty_chunks": True},
    )
    theirs[:] = values
    for shard in range(layout.n_shards(rows)):
        name = layout.file("a", shard)
        assert (tmp_path / "ours" / name).read_bytes() == (tmp_path / "theirs" / name.removeprefix("a/")).read_bytes()


def test_plain_zarr_and_xarray_read_it(tmp_path: Path) -> None:
    values = np.arange(60.0).reshape(10, 2, 3)
    with StoreWriter(tmp_path / "store") as writer:
        writer.write("group/a", values, ("region", "y", "x"))
        writer.finish("test/1", {"colour": "blue"})
    np.testing.assert_array_equal(zarr.open_group(tmp_path / "store")["group/a"][:], values)
    opened = xr.open_zarr(tmp_path / "store", group="group")
    np.testing.assert_array_equal(opened["a"].transpose("x", "y", "region"), values.T)
    assert xr.open_zarr(tmp_path / "store").attrs["colour"] == "blue"


def test_manifests_of_stores_that_differ_in_values_differ(tmp_path: Path) -> None:
    """Equal shapes and lengths of chunks: a CRC-32C of whole shards, which end with one, would not see a difference."""
    digests = set()
    for seed in range(8):
        path = tmp_path / f"{seed}.zarr"
        with StoreWriter(path) as writer:
            values = np.random.default_rng(seed).integers(-128, 128, 5000).astype("i1")  # cannot be compressed
            writer.write("a", values)
            writer.finish("test/1", {})
        sizes = [(path / "a/c/0").stat().st_size]
        assert sizes == [(tmp_path / "0.zarr/a/c/0").stat().st_size]
        digests.add(content_digest(path))
    assert len(digests) == 8


@pytest.mark.parametrize("size", [1, 255, 256, 257, 65791, 65792, 70000])
def test_a_chunk_that_holds_less_is_refused(size: int) -> None:
    layout = Layout((), np.dtype("u1"), size, size)
    content = np.random.default_rng(0).integers(0, 256, size).astype("u1")
    chunk, out = layout.encode(content), np.empty(size, "u1")
    layout.decode(chunk, out)
    np.testing.assert_array_equal(out, content)
    with pytest.raises(ValueError, match=f"holds {size} bytes instead of {size + 1}"):
        layout.decode(chunk, np.empty(size + 1, "u1"))


@pytest.mark.parametrize("length", [0, 1, 4, 5, 40])
def test_bytes_that_differ_from_their_checksum_are_refused(length: int) -> None:
    content = with_crc32c(bytes(range(length)))
    assert without_crc32c(content).tobytes() == bytes(range(length))
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 1
        with pytest.raises(ValueError, match="checksum does not match"):
            without_crc32c(bytes(damaged))
    for shorter in range(len(content)):
        with pytest.raises(ValueError, match="checksum does not match"):
            without_crc32c(content[:shorter])
