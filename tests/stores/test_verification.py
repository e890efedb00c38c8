"""Whatever byte of a store changes, `verify` names the file, and readers never return other values without a word."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hypercolumns import FeatureStore
from hypercolumns.detection.detector import Detector
from hypercolumns.errors import InputError
from hypercolumns.grid.model import GridModel
from hypercolumns.proposals.store import ProposalStore
from hypercolumns.stores.verification import find_stores, verify
from hypercolumns.tasks.heat_maps import read_heat_maps
from tests.stores.small_stores import KINDS, files, make_store


def read_features(path: Path) -> list[Any]:
    store = FeatureStore.open(path)
    blocks = [store.read(layer, slice(0, len(store))) for layer in store.layers]
    return [store.attributes, store.regions.to_dict("list"), store.column("digest").tolist(), *map(hash_of, blocks)]


def read_proposals(path: Path) -> list[Any]:
    store = ProposalStore.open(path)
    images = [[values.tolist() for values in vars(store[image]).values()] for image in store.image_ids]
    return [store.image_ids, images, store.ranker.knots.tolist(), store.ranker.values.tolist(), store.ranker.bias]


def read_model(path: Path) -> list[Any]:
    model = GridModel.open(path)
    weights = {layer: values.tolist() for layer, values in model.weights.items()}
    return [
        model.spec,
        model.heat_map,
        model.targets,
        model.groups,
        model.group_of_category,
        weights,
        model.bias.tolist(),
    ]


def read_heat(path: Path) -> list[Any]:
    return [[i, m.box.tolist(), m.heat.tolist()] for i, m in read_heat_maps(path).items()]


def hash_of(values: np.ndarray) -> bytes:
    return values.tobytes()


def read_detector(path: Path) -> list[Any]:
    detector = Detector.open(path, {})
    models = [detector.classifiers, detector.regressor]
    return [detector.categories, *(values.tolist() for model in models for values in vars(model).values())]


READERS = {
    "features": read_features,
    "proposals": read_proposals,
    "model": read_model,
    "detector": read_detector,
    "heat_maps": read_heat,
}

DAMAGES: dict[str, Callable[[bytes, int], bytes | None]] = {
    "flip": lambda content, at: content[:at] + bytes([content[at] ^ (1 << at % 8)]) + content[at + 1 :],
    "cut": lambda content, at: content[:at],
    "longer": lambda content, at: content[:at] + b"\0" + content[at:],
    "deletion": lambda _content, _at: None,
}


def put(file: Path, content: bytes | None) -> None:
    file.unlink(missing_ok=True)
    if content is not None:
        file.write_bytes(content)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_store_has_no_damage(kind: str, tmp_path: Path) -> None:
    found = verify(make_store(kind, tmp_path / "s.zarr"))
    assert found.damages == ()
    assert found.kind is not None
    assert found.n_files == len(files(found.path))
    assert found.n_bytes == sum(file.stat().st_size for file in files(found.path))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_to_any_file_is_listed_with_its_name(kind: str, damage: str, tmp_path: Path) -> None:
    store, rng = make_store(kind, tmp_path / "s.zarr"), np.random.default_rng(0)
    for file in files(store):
        content = file.read_bytes()
        put(file, DAMAGES[damage](content, int(rng.integers(len(content)))))
        name = file.relative_to(store).as_posix()
        listed = [str(line) for line in verify(store).damages]
        put(file, content)
        assert any(name in line for line in listed), name
        if "/c/" in name:
            assert any(f"shard 0 of the array {name.partition('/c/')[0]!r}" in line for line in listed)
    assert verify(store).is_sound


def test_each_of_many_damages_is_one_line(tmp_path: Path) -> None:
    store, rng = make_store("features", tmp_path / "s.zarr"), np.random.default_rng(0)
    damaged = [file for file in files(store) if file.name not in ("zarr.json", "manifest.json")]
    for file in damaged:
        content = file.read_bytes()
        put(file, DAMAGES["flip"](content, int(rng.integers(len(content)))))
    assert len(verify(store).damages) == len(damaged)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_no_flipped_byte_is_read_without_a_word(kind: str, tmp_path: Path) -> None:
    """Bytes all over the chunks, indices, the manifest and the metadata that is read, one at a time."""
    store = make_store(kind, tmp_path / "s.zarr")
    read = READERS[kind]
    expected = read(store)
    step = 7 if kind == "heat_maps" else 61
    for file in files(store):
        content = file.read_bytes()
        for at in range(0, len(content), step):
            put(file, DAMAGES["flip"](content, at))
            try:
                found = read(store)
            except InputError as error:
                assert "is damaged" in str(error)  # noqa: PT017 - most of thousands of flips end here
            else:
                assert found == expected, (file, at)
        put(file, content)


def test_the_files_of_a_store_without_metadata_are_still_compared_with_the_manifest(tmp_path: Path) -> None:
    store = make_store("model", tmp_path / "s.zarr")
    (store / "zarr.json").write_bytes(b"")
    (store / "bias/c/0/0/0").unlink()
    places = [line.place for line in verify(store).damages]
    assert places == ["shard 0 of the array 'bias' (bias/c/0/0/0)", "zarr.json"]


def test_chunks_are_decoded_although_the_manifest_is_missing(tmp_path: Path) -> None:
    store = make_store("model", tmp_path / "s.zarr")
    (store / "manifest.json").unlink()
    shard = store / "bias/c/0/0/0"
    put(shard, DAMAGES["flip"](shard.read_bytes(), 20))
    assert [line.place for line in verify(store).damages] == [
        "manifest.json",
        "shard 0 of the array 'bias' (bias/c/0/0/0)",
    ]


def test_a_file_that_the_manifest_does_not_name_is_listed(tmp_path: Path) -> None:
    store = make_store("model", tmp_path / "s.zarr")
    (store / "bias/c/1").mkdir()
    (store / "bias/c/1/0").write_bytes(b"x")
    (line,) = verify(store).damages
    assert line.place == "shard 1 of the array 'bias' (bias/c/1/0)"
    assert "the manifest does not name it" in line.fault


def test_all_stores_below_a_folder_are_found(tmp_path: Path) -> None:
    for name in ("a/one.zarr", "b/c/two.zarr", ".scratch/three.zarr"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        make_store("heat_maps", tmp_path / name)
    (tmp_path / "b/circle").symlink_to(tmp_path)
    shutil.rmtree(tmp_path / "a/one.zarr/heat")
    for name in ("zarr.json", "manifest.json"):
        (tmp_path / "a/one.zarr" / name).unlink()
    assert find_stores(tmp_path) == [tmp_path / "a/one.zarr", tmp_path / "b/c/two.zarr"]
    with pytest.raises(InputError, match="not a store"):
        find_stores(tmp_path / ".scratch/three.zarr/heat/c/0")
