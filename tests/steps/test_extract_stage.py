"""The extract command turns files into a store, and reports wrong input in one paragraph."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from hypercolumns import FeatureStore
from hypercolumns.annotations.model import Instance
from stages.extract import main
from tests.features import extraction_case as case

BACKBONE = {"name": "torchvision:squeezenet1_1", "weights": "random", "layers": ["features.3"], "input_size": 64}
DETECTION = {"image_id": 2, "category_id": 2, "bbox": [5, 5, 30, 20], "score": 0.5}


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with photographs, validation annotations and detections, as the current directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    annotations = case.write_photographs(tmp_path / "photos")
    mask = {"size": [case.HEIGHT, case.WIDTH], "counts": ""}
    instance = Instance(7, 1, 1, mask, (0.0, 0.0, 40.0, 30.0), area=900.0)
    replace(annotations, instances=(instance,)).save(tmp_path / "data/annotations/val.json")
    (tmp_path / "data/detections").mkdir()
    (tmp_path / "data/detections/val.json").write_text(json.dumps([DETECTION]))
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"backbone": BACKBONE, "compute": {"device": "cpu"}}))
    return tmp_path


def test_the_val_store_has_instances_and_detections(project: Path) -> None:
    result = invoke("--split", "val")
    assert result.exit_code == 0, result.output
    store = FeatureStore.open(project / "data/features/val.zarr")
    assert store.regions["kind"].tolist() == ["ground_truth", "detection"]
    assert store.read("features.3", slice(0, 2)).shape == (2, 128, 15, 15)
    assert store.attributes["weights"] == "random"


def test_the_parameters_select_the_mode(project: Path) -> None:
    """Blocks have the same shape in both modes, so later steps need not know the mode."""
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["regions"] = {"mode": "image", "short_side": 64}
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    result = invoke("--split", "val")
    assert result.exit_code == 0, result.output
    store = FeatureStore.open(project / "data/features/val.zarr")
    assert store.read("features.3", slice(0, 2)).shape == (2, 128, 15, 15)
    assert store.attributes["preprocessing"]["mode"] == "image"
    assert store.attributes["preprocessing"]["short_side"] == 64


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda p: (p / "data/annotations/val.json").unlink(), "val.json does not exist"),
        (lambda p: (p / "data/detections/val.json").write_text("[{}]"), "entry 0: 'image_id' is missing"),
        (lambda p: (p / "photos/2.png").write_bytes(b"no image"), "2.png cannot be read"),
        (
            lambda p: (p / "params.yaml").write_text(yaml.safe_dump({"backbone": BACKBONE | {"layers": ["conv9"]}})),
            "no layer 'conv9'",
        ),
    ],
)
def test_wrong_input_gives_one_paragraph_and_keeps_the_last_store(
    project: Path, damage: Callable[[Path], object], message: str
) -> None:
    old = project / "data/features/val.zarr"
    old.mkdir(parents=True)
    (old / "kept").touch()
    damage(project)
    result = invoke("--split", "val")
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output
    assert (old / "kept").exists()
