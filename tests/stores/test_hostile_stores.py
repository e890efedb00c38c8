"""Stores that were made to mislead, with fitting checksums: each is damage, found without much memory."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numcodecs import zstd

from hypercolumns.errors import InputError
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.model import GridModel
from hypercolumns.places.place import place_at
from hypercolumns.stores.layout import Layout, with_crc32c
from hypercolumns.stores.manifest import FileRecord, Manifest
from hypercolumns.stores.metadata import LARGEST_JSON
from hypercolumns.stores.verification import verify
from tests.documents import ROOT
from tests.stores.small_stores import edit_root, make_store, node, seal

BIAS = "bias/c/0/0/0"


def set_shape(name: str, axis: int, side: int) -> Callable[[dict[str, Any]], None]:
    def change(root: dict[str, Any]) -> None:
        array = node(root, name)
        array["shape"][axis] = side
        if axis:
            array["chunk_grid"]["configuration"]["chunk_shape"][axis] = side
            array["codecs"][0]["configuration"]["chunk_shape"][axis] = side

    return change


def set_chunk(name: str, side: int) -> Callable[[dict[str, Any]], None]:
    def change(root: dict[str, Any]) -> None:
        array = node(root, name)
        array["chunk_grid"]["configuration"]["chunk_shape"][0] = side
        array["codecs"][0]["configuration"]["chunk_shape"][0] = side

    return change


def set_codec(root: dict[str, Any]) -> None:
    node(root, "bias")["codecs"][0]["configuration"]["codecs"][1] = {"name": "blosc", "configuration": {}}


def drop_checksum(root: dict[str, Any]) -> None:
    del node(root, "bias")["codecs"][0]["configuration"]["codecs"][2]


def set_attribute(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda root: root["attributes"].__setitem__(name, value)


CHANGES: dict[str, tuple[str, Callable[[dict[str, Any]], object], str]] = {
    "more rows than the shards hold": ("features", set_shape("regions/x0", 0, 7), "7 rows instead of 6"),
    "2^53 rows": ("features", set_shape("regions/x0", 0, 2**53), "shards, but the store has"),
    "2^60 rows": ("features", set_shape("regions/x0", 0, 2**60), "greater than the maximum"),
    "negative rows": ("features", set_shape("regions/x0", 0, -1), "less than the minimum"),
    "an expansion beyond all": ("features", lambda r: r["attributes"].update(expansion=10**400), "than the maximum"),
    "half a character": ("features", lambda r: r["attributes"].update(categories={"1": "\ud800"}), "it is not JSON"),
    "a number that is none": ("features", lambda r: r["attributes"].update(extra=[float("nan")]), "it is not JSON"),
    "a chunk of petabytes": ("features", set_shape("blocks/vector", 1, 2**40), "larger than the"),
    "a shard of petabytes": ("model", set_chunk("bias", 2**50), "larger than the"),
    "another codec": ("model", set_codec, "'zstd' was expected"),
    "chunks without checksums": ("model", drop_checksum, "is too short"),
    "another type": ("model", lambda r: node(r, "bias").update(data_type="float64"), "'float32' was expected"),
    "an unknown type": ("model", lambda r: node(r, "bias").update(data_type="<script>"), "is not one of"),
    "other dimensions": (
        "model",
        lambda r: node(r, "bias").update(dimension_names=["a", "b", "c"]),
        "'group' was expected",
    ),
    "no such array": ("model", lambda r: r["consolidated_metadata"]["metadata"].pop("bias"), "'bias' is a required"),
    "another array": (
        "model",
        lambda r: r["consolidated_metadata"]["metadata"].update({"../bias": node(r, "bias")}),
        "match any of the regexes",
    ),
    "no metadata of arrays": ("model", lambda r: r.pop("consolidated_metadata"), "is a required property"),
    "a layer too many": ("model", set_attribute("layers", ["stage", "vector", "x"]), "'layers' names it"),
    "a layer too few": ("model", set_attribute("layers", ["stage"]), "'layers' does not name it"),
    "another grid": ("model", set_attribute("grid", 3), "its shape is (1, 2, 4)"),
    "a group that does not exist": ("model", set_attribute("group_of_category", {"1": 5}), "beyond the 1 there are"),
    "no grid": ("model", lambda r: r["attributes"].pop("grid"), "'grid' is a required property"),
    "digests of another store": ("features", set_attribute("digests_sha256", "0" * 64), "'digests_sha256'"),
    "an expansion of text": ("features", set_attribute("expansion", "1.2" * 9999), "is not of type 'number'"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_metadata_that_does_not_fit_is_damage(name: str, tmp_path: Path) -> None:
    kind, change, message = CHANGES[name]
    store = make_store(kind, tmp_path / "s.zarr")
    edit_root(store, change)
    lines = [str(line) for line in verify(store).damages]
    assert any(message in line for line in lines), lines
    assert max(map(len, lines)) < 1000


def replace_chunk(store: Path, chunk: bytes) -> None:
    """Make the only chunk of `bias` another one."""
    layout = Layout.of((2, 4), "<f4")
    (store / BIAS).write_bytes(chunk + layout.index([len(chunk)]))
    seal(store)


@pytest.mark.parametrize(
    ("chunk", "message"),
    [
        (with_crc32c(zstd.compress(b"\0" * 32, 1)), "holds 32 bytes instead of 1048576"),
        (with_crc32c(zstd.compress(b"\0" * (1 << 24), 1)), "holds 16777216 bytes instead of 1048576"),
        (with_crc32c(b"no frame of Zstandard"), "it is not a Zstandard frame"),
        (with_crc32c(zstd.compress(b"\0" * (1 << 20), 1)[:20]), "decompression error"),
        (zstd.compress(b"\0" * (1 << 20), 1), "chunk 0: its checksum does not match"),
        (
            with_crc32c(zstd.compress(np.full(1 << 18, np.nan, "<f4").tobytes(), 1)),
            "chunk 0: it has values that are NaN or infinite",
        ),
    ],
)
def test_chunks_of_another_size_without_checksum_or_not_finite_are_damage(
    chunk: bytes, message: str, tmp_path: Path
) -> None:
    store = make_store("model", tmp_path / "s.zarr")
    replace_chunk(store, chunk)
    (line,) = verify(store).damages
    assert message in str(line)
    assert BIAS in str(line)


def write_column(store: Path, name: str, values: np.ndarray) -> None:
    layout = Layout.of((), values.dtype)
    rows = np.append(values, np.zeros(layout.chunk_rows - len(values), values.dtype))
    chunk = with_crc32c(zstd.compress(rows, 1))  # the layout refuses what is not finite
    (store / f"regions/{name}/c/0").write_bytes(chunk + layout.index([len(chunk)]))
    seal(store)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("category", np.array([1, 1, 3, 1, 3, 3]), "it is not sorted"),
        ("kind", np.array([0, 1, 2, 3, 5, 0], np.int8), "not in 0 .. 4"),
        ("kind", np.array([0, 1, 2, 3, -1, 0], np.int8), "not in 0 .. 4"),
        ("x1", np.array([0, 1, 2, 3, np.inf, 0]), "NaN or infinite"),
    ],
)
def test_the_region_table_is_checked(column: str, values: np.ndarray, message: str, tmp_path: Path) -> None:
    store = make_store("features", tmp_path / "s.zarr")
    write_column(store, column, values)
    (line,) = verify(store).damages
    assert f"'regions/{column}'" in str(line)
    assert message in str(line)


def test_lengths_of_ragged_columns_follow_the_table_of_images(tmp_path: Path) -> None:
    store = make_store("proposals", tmp_path / "s.zarr")
    layout = Layout.of((), np.dtype(np.int64))
    chunk = layout.encode(np.array([2**62, 2**62]))
    (store / "images/height/c/0").write_bytes(chunk + layout.index([len(chunk)]))
    seal(store)
    (line,) = verify(store).damages
    assert line.place == "the array 'superpixels'"


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "bias/../../secret", "a\\b", "x/./y"])
def test_a_manifest_does_not_name_files_outside_of_the_store(name: str, tmp_path: Path) -> None:
    store = make_store("model", tmp_path / "s.zarr")
    (tmp_path / "secret").write_text("secret")
    Manifest({**Manifest.read(store).files, name: FileRecord(6, 0)}).write(store)
    (line, *_) = verify(store).damages
    assert line.place in ("manifest.json", name)


def test_links_and_pipes_are_damage_and_not_followed(tmp_path: Path) -> None:
    store = make_store("model", tmp_path / "s.zarr")
    (store / "weights/circle").symlink_to(store)
    (store / "loop").symlink_to(store / "loop")
    os.mkfifo(store / "pipe")
    lines = {line.place: line.fault for line in verify(store).damages}
    assert lines["weights/circle"] == "it is a link to a folder"
    assert "cannot be read" in lines["loop"]
    assert lines["pipe"] == "it is not a regular file"
    assert len(lines) == 3


def test_a_link_to_a_file_is_read_as_dvc_may_make_one(tmp_path: Path) -> None:
    store = make_store("model", tmp_path / "s.zarr")
    (store / BIAS).rename(tmp_path / "cached")
    (store / BIAS).symlink_to(tmp_path / "cached")
    assert verify(store).is_sound


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b"\xff\xfe", b"{}", b"[]", b"1e999", b'{"attributes": 5}', b"NaN", b"1" * 9999]
)
@pytest.mark.parametrize("file", ["zarr.json", "manifest.json", "bias/zarr.json"])
def test_json_of_any_content_is_damage(content: bytes, file: str, tmp_path: Path) -> None:
    store = make_store("model", tmp_path / "s.zarr")
    (store / file).write_bytes(content)
    assert file in [line.place for line in verify(store).damages]
    if file == "bias/zarr.json":
        seal(store)
        assert file in [line.place for line in verify(store).damages]


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("hypercolumns-grid/1", "older version .* run the stage 'train' again"),
        ("hypercolumns-grid/4", "newer version of hypercolumns wrote"),
        ("hypercolumns-grid/x", "not a model"),
        ("hypercolumns-pictures/1", "not a store of hypercolumns"),
        (5, "not a store of hypercolumns"),
    ],
)
def test_other_versions_and_kinds_are_refused(schema: object, message: str, tmp_path: Path) -> None:
    store = make_store("model", tmp_path / "s.zarr")
    edit_root(store, set_attribute("schema", schema))
    with pytest.raises(InputError, match=message):
        verify(store)


def test_a_flipped_schema_is_damage_and_not_another_version(tmp_path: Path) -> None:
    store = make_store("model", tmp_path / "s.zarr")
    root = store / "zarr.json"
    root.write_text(root.read_text().replace("hypercolumns-grid/3", "hypercolumns-grid/4"))
    assert [line.place for line in verify(store).damages] == ["zarr.json"]


def test_memory_does_not_follow_the_claims_of_metadata(tmp_path: Path) -> None:
    """Chunks of 1 GB, a million missing shards: 200 MB are enough."""
    store = make_store("features", tmp_path / "s.zarr")

    def change(root: dict[str, Any]) -> None:
        set_shape("regions/x0", 0, 2**50)(root)
        set_shape("blocks/vector", 1, 2**26)(root)
        set_chunk("regions/y0", 1)(root)
        set_shape("regions/y0", 0, 2**22)(root)

    edit_root(store, change)
    code = (
        "import sys, resource; from pathlib import Path; from hypercolumns.stores.verification import verify\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "assert verify(Path(sys.argv[1])).damages\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code, str(store)],
        env={"PYTHONPATH": str(ROOT / "pipeline")},
        capture_output=True,
        text=True,
        check=True,
    )
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(done.stdout) * unit < 200e6


def test_the_largest_json_is_bounded(tmp_path: Path) -> None:
    store = make_store("model", tmp_path / "s.zarr")
    with (store / "zarr.json").open("wb") as stream:
        stream.truncate(2**31)  # a sparse file
    with (store / "manifest.json").open("wb") as stream:
        stream.truncate(2**31)
    (line, other) = (line for line in verify(store).damages if "zarr.json" in line.place or "manifest" in line.place)
    assert "2048 MB" in other.fault
    assert "more than the" in line.fault


@pytest.mark.parametrize(
    "content",
    [
        b'{"schema": 1, "files": {"zarr.json": [1e999, "0"]}}',
        b"null",
        b'{"files": {"\\ud800": [1, "0"]}}',
        b"[" * 10**6,
    ],
)
def test_a_manifest_that_is_none_is_damage_for_every_reader(content: bytes, tmp_path: Path) -> None:
    store = make_store("model", tmp_path / "s.zarr")
    (store / "manifest.json").write_bytes(content)
    assert "manifest.json" in [line.place for line in verify(store).damages]
    with pytest.raises(InputError, match=r"s\.zarr is damaged: manifest\.json: it"):
        GridModel.open(store)


@pytest.mark.parametrize("content", [b"null", b'"x"', b"[]", b"{}"])
def test_metadata_that_is_no_object_is_refused(content: bytes, tmp_path: Path) -> None:
    store = make_store("model", tmp_path / "s.zarr")
    (store / "manifest.json").unlink()
    (store / "zarr.json").write_bytes(content)
    with pytest.raises(InputError, match="is not a model"):
        GridModel.open(store)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    store = make_store("model", tmp_path / "s.zarr")
    (store / "manifest.json").unlink()
    os.mkfifo(store / "manifest.json")
    with pytest.raises(InputError, match="it is not a regular file"):
        GridModel.open(store)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_named_pipe_in_place_of_a_shard_is_damage(tmp_path: Path) -> None:
    """Also in the tables, of which `verify` compares the content with that of others."""
    store = make_store("features", tmp_path / "s.zarr")
    shards = [file.relative_to(store) for file in sorted(store.rglob("c/**/*")) if file.is_file()]
    assert {shard.parts[0] for shard in shards} == {"blocks", "regions"}
    for shard in shards:
        content = (store / shard).read_bytes()
        (store / shard).unlink()
        os.mkfifo(store / shard)
        found = [damage for damage in verify(store).damages if damage.fault == "it is not a regular file"]
        assert [shard.as_posix() in damage.place for damage in found] == [True]
        with pytest.raises(OSError, match="not a regular file"):
            place_at(store).read_end(shard.as_posix(), 4)
        (store / shard).unlink()
        (store / shard).write_bytes(content)
    assert verify(store).is_sound


READERS: dict[str, Callable[[Path], object]] = {
    "features": lambda path: FeatureStore.open(path).regions,
    "model": GridModel.open,
}


@pytest.mark.parametrize("name", sorted(set(CHANGES) - {"digests of another store"}))
def test_readers_do_not_believe_metadata_that_does_not_fit(name: str, tmp_path: Path) -> None:
    """They refuse what `verify` reports, before they take memory for what is claimed."""
    kind, change, _ = CHANGES[name]
    store = make_store(kind, tmp_path / "store.zarr")
    edit_root(store, change)
    with pytest.raises(InputError, match=r"store\.zarr is damaged"):
        READERS[kind](store)


def test_a_small_file_does_not_hold_terabytes(tmp_path: Path) -> None:
    """Chunks of a gigabyte, all of them in one shard: more than Zstandard can expand the file to."""
    store = make_store("features", tmp_path / "store.zarr")

    def change(root: dict[str, Any]) -> None:
        array = node(root, "regions/x0")
        array["shape"][0] = 2**40
        array["chunk_grid"]["configuration"]["chunk_shape"][0] = 2**40
        array["codecs"][0]["configuration"]["chunk_shape"][0] = 2**27

    edit_root(store, change)
    with pytest.raises(InputError, match="cannot hold"):
        FeatureStore.open(store)


@pytest.mark.parametrize("name", ["manifest.json", "zarr.json"])
def test_metadata_of_any_size_is_not_read(name: str, tmp_path: Path) -> None:
    store = make_store("model", tmp_path / "model.zarr")
    with (store / name).open("ab") as stream:
        stream.truncate(LARGEST_JSON + 1)
    if name == "zarr.json":
        seal(store)
    with pytest.raises(InputError, match="more than the 128 MB that are read"):
        GridModel.open(store)
