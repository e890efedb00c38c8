"""`hypercolumns verify --repair` restores the bytes of every kind of store, and computes no more than is damaged."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner, Result

from hypercolumns import FeatureStore, steps
from hypercolumns.cli.verify import main
from hypercolumns.features.region_source import WarpedRegionSource
from hypercolumns.parameters import Parameters
from hypercolumns.stores.references import FEATURES, PROPOSALS, move_to_object_store, place_of
from hypercolumns.workspace import Workspace
from tests.object_store.server import S3Server

PARAMETERS = {
    "tasks": ["segmentation"],
    "dataset": {"puppets": {"train_images": 8, "val_images": 4, "width": 160, "height": 128}},
    "proposals": {"max_per_image": 60},
    "backbone": {"weights": "random", "layers": ["stage1", "pooled"], "input_size": 64},
    "detection": {"source": "ground_truth"},
    "regions": {"minimum_area": 30, "jittered_per_instance": 3},
    "train": {"grid": 2, "heat_map": 20},
    "compute": {"workers": 1, "device": "cpu"},
}

STORES = {
    "features": "data/features/train.zarr",
    "proposals": "data/proposals/val.zarr",
    "model": "data/models/segmentation.zarr",
    "heat maps": "data/predictions/segmentation_heat_maps.zarr",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a pipeline that wrote all its stores."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMETERS))
    parameters = Parameters.load(folder / "params.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        workspace = Workspace()
        steps.prepare_annotations(parameters, workspace)
        steps.propose_regions(parameters, workspace)
        steps.train_detector(parameters, workspace)
        steps.train_rescorer(parameters, workspace)
        steps.detect_objects(parameters, workspace)
        for split in ("train", "val"):
            steps.extract_features(parameters, workspace, split)  # type: ignore[arg-type]
        steps.train_task(parameters, workspace, "segmentation")
        steps.predict_task(parameters, workspace, "segmentation")
    return folder


@pytest.fixture
def project(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder, as the current one, without unfinished work."""
    shutil.copytree(finished / "data", tmp_path / "data")
    shutil.copy(finished / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {f.relative_to(folder).as_posix(): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def flip(file: Path, place: float = 0.5) -> None:
    content = bytearray(file.read_bytes())
    content[int(len(content) * place)] ^= 16
    file.write_bytes(content)


def repair(path: str) -> Result:
    return CliRunner().invoke(main, [path, "--repair"])


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows whose blocks the network computes."""
    rows: list[int] = []
    compute: Callable = WarpedRegionSource.compute

    def count(source: WarpedRegionSource, wanted: np.ndarray, *rest: object) -> Iterator:
        rows.extend(wanted.tolist())
        return compute(source, wanted, *rest)

    monkeypatch.setattr(WarpedRegionSource, "compute", count)
    return rows


@pytest.mark.parametrize("kind", STORES)
def test_every_kind_of_store_is_restored_to_the_byte(kind: str, project: Path, finished: Path) -> None:
    store = project / STORES[kind]
    shards = [file for file in sorted(store.rglob("*")) if "/c/" in file.as_posix() and file.is_file()]
    flip(shards[0])
    shards[-1].unlink()
    flip(store / "zarr.json", 0.9)
    result = repair(STORES[kind])
    assert result.exit_code == 0, result.output
    assert "repaired" in result.output
    assert contents(store) == contents(finished / STORES[kind])
    assert contents(project / "data") == contents(finished / "data")


@pytest.mark.parametrize("file", ["zarr.json", "manifest.json", "regions/digest/c/0/0", "regions/x0/c/0"])
def test_damage_to_what_describes_the_regions_computes_nothing(
    file: str, project: Path, finished: Path, computed: list[int]
) -> None:
    flip(project / STORES["features"] / file)
    assert repair(STORES["features"]).exit_code == 0
    assert computed == []
    assert contents(project / "data/features") == contents(finished / "data/features")


def test_only_the_damaged_part_of_a_shard_passes_the_network(
    project: Path, finished: Path, computed: list[int]
) -> None:
    """One flipped bit costs one part; another bit of the same part in another layer costs nothing more."""
    assert len(FeatureStore.open(STORES["features"])) > 64
    for layer in ("stage1", "pooled"):
        flip(project / STORES["features"] / f"blocks/{layer}/c/0/0/0/0", 0.1)
    assert repair(STORES["features"]).exit_code == 0
    assert computed == list(range(64))
    assert contents(project / "data/features") == contents(finished / "data/features")


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("features", {"regions": {**PARAMETERS["regions"], "expansion": 1.3}}),  # type: ignore[dict-item]
        ("features", {"seed": 1}),
        ("proposals", {"proposals": {"max_per_image": 50}}),
        ("model", {"train": {"grid": 3, "heat_map": 20}}),
    ],
)
def test_other_parameters_are_refused_and_leave_everything_as_it_is(
    kind: str, change: dict, project: Path, computed: list[int]
) -> None:
    shards = [file for file in sorted((project / STORES[kind]).rglob("0")) if file.is_file()]
    flip(shards[0])
    before = contents(project / "data")
    (project / "params.yaml").write_text(yaml.safe_dump(PARAMETERS | change))
    result = repair(STORES[kind])
    assert result.exit_code == 1
    assert "is not repaired: parameters" in result.output
    assert computed == []
    assert contents(project / "data") == before
    assert not (project / ".scratch/repair").exists()


def test_a_store_from_elsewhere_is_refused(project: Path) -> None:
    shutil.move(STORES["model"], "model.zarr")
    flip(Path("model.zarr/bias/c/0/0/0"))
    before = contents(project / "model.zarr")
    result = repair("model.zarr")
    assert result.exit_code == 1
    assert "cannot be repaired" in result.output
    assert contents(project / "model.zarr") == before


@pytest.fixture
def stored_elsewhere(project: Path, bucket: S3Server) -> Path:
    """That folder when feature stores and proposals lie in an object store; workers are still local."""
    storage = f"{bucket.url}/runs"
    changed = {**PARAMETERS, "compute": {**PARAMETERS["compute"], "storage": storage}}  # type: ignore[dict-item]
    (project / "params.yaml").write_text(yaml.safe_dump(changed))
    for kind in (FEATURES, PROPOSALS):
        for path in sorted((project / "data" / kind).iterdir()):
            move_to_object_store(path, storage, kind)
    return project


@pytest.mark.parametrize("kind", [FEATURES, PROPOSALS])
def test_a_store_elsewhere_is_restored_to_the_byte(
    kind: str, stored_elsewhere: Path, finished: Path, computed: list[int]
) -> None:
    before, place = contents(stored_elsewhere / "data"), place_of(stored_elsewhere / STORES[kind])
    shards = sorted(name for name in place.sizes() if "/c/" in name)
    content = bytearray(place.read(shards[0]))
    content[len(content) // 10] ^= 16
    place.write(shards[0], bytes(content))
    place.delete([shards[-1], "manifest.json"])
    result = repair(STORES[kind])
    assert result.exit_code == 0, result.output
    assert f"{STORES[kind]}: repaired" in result.output
    assert {name: place.read(name) for name in place.sizes()} == contents(finished / STORES[kind])
    assert contents(stored_elsewhere / "data") == before
    assert computed == (list(range(64)) if kind == FEATURES else [])
    left = sum(file.stat().st_size for file in (stored_elsewhere / ".scratch").rglob("*.zarr/**/c/**/*"))
    assert left == 0, "the draft is not kept"


def test_a_store_elsewhere_that_would_be_another_is_left_as_it_is(stored_elsewhere: Path, computed: list[int]) -> None:
    place = place_of(stored_elsewhere / STORES["features"])
    place.delete([shard := sorted(name for name in place.sizes() if "/c/" in name)[0]])
    before = place.sizes()
    changed = yaml.safe_load((stored_elsewhere / "params.yaml").read_text()) | {"seed": 1}
    (stored_elsewhere / "params.yaml").write_text(yaml.safe_dump(changed))
    result = repair(STORES["features"])
    assert result.exit_code == 1
    assert f"({shard}): it is missing" in result.output
    assert "is not repaired: parameters" in result.output
    assert place.sizes() == before
    assert computed == []


def test_a_reference_to_another_store_does_not_overwrite_that(stored_elsewhere: Path, computed: list[int]) -> None:
    path = stored_elsewhere / STORES["features"]
    other = place_of(stored_elsewhere / STORES["proposals"])
    before = other.sizes()
    shutil.copy(stored_elsewhere / STORES["proposals"] / "address.json", path)
    result = repair(STORES["features"])
    assert result.exit_code == 1
    assert f"{other.address} holds another store" in result.output
    assert other.sizes() == before
    assert computed == []


def test_a_reference_without_its_manifest_is_one_paragraph(stored_elsewhere: Path) -> None:
    (stored_elsewhere / STORES["features"] / "manifest.json").unlink()
    result = repair(STORES["features"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: data/features/train.zarr refers to s3://")
    assert result.output.count("\n") == 1
