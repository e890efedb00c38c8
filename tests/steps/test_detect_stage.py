"""The entire detect stage, on drawn photographs and with a network of random weights."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.detection.results import ground_truth
from stages import detector, rescorer
from stages.detect import main
from tests.detection.detection_scenes import HEIGHT, WIDTH, candidates, draw, scenes

NETWORK = {"name": "efficientnet_lite0", "weights": "random", "layers": ["stage2"]}
DETECTIONS = "data/detections/val.json"
RESCORING = {
    "boxes_per_image": 10,
    "input_size": 48,
    "background_per_image": 8,
    "iterations": 10,
}
SETTINGS = {"layers": ["stage1", "stage3"], "short_side": 96, "training_regions": 400, "iterations": 10}


@dataclass(frozen=True)
class _Store:
    """A stand-in for `ProposalStore` that draws candidates around the annotated instances."""

    annotations: AnnotationSet

    @classmethod
    def open(cls, path: Path) -> "_Store":
        return cls(AnnotationSet.load(path.parents[1] / "annotations" / f"{path.stem}.json"))

    def boxes(self, image_id: int) -> NDArray[np.float32]:
        return candidates(self.annotations, image_id).astype(np.float32)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Annotations, photographs and proposals of six train and three val images."""
    monkeypatch.setattr("hypercolumns.steps.detector.ProposalStore", _Store)
    monkeypatch.chdir(tmp_path)
    for split, images, seed in (("train", 6, 0), ("val", 3, 1)):
        folder = tmp_path / "images" / split
        folder.mkdir(parents=True)
        annotations = scenes(images, seed, root=str(folder), categories=(3, 7) if split == "train" else (3, 7, 9))
        draw(annotations, folder)
        annotations.save(tmp_path / "data/annotations" / f"{split}.json")
    return tmp_path


def _run(project: Path, network: dict = NETWORK, rescoring: dict | None = None, **settings: object) -> Result:
    content = {
        "backbone": network,
        "detection": SETTINGS | settings,
        "rescoring": RESCORING | (rescoring or {}),
        "compute": {"device": "cpu"},
    }
    (project / "params.yaml").write_text(yaml.safe_dump(content))
    options = [f"--root={project}", f"--params={project / 'params.yaml'}"]
    for stage in (detector.main, rescorer.main):
        trained = CliRunner().invoke(stage, options)
        if trained.exit_code:
            return trained
    return CliRunner().invoke(main, options)


def test_a_second_run_gives_the_same_bytes(project: Path) -> None:
    """A trained detector fills every image with valid boxes of trained categories."""
    runs = []
    for _ in range(2):
        assert _run(project, max_per_image=5).exit_code == 0
        runs.append((project / DETECTIONS).read_bytes())
        shutil.rmtree(project / ".scratch")
    first, second = runs
    assert first == second
    detections = json.loads(first)
    assert [d["image_id"] for d in detections] == [1] * 5 + [2] * 5 + [3] * 5
    assert all(0 <= d["score"] <= 1 and d["category_id"] in (3, 7) for d in detections)
    x, y, width, height = np.array([d["bbox"] for d in detections]).T
    assert min(x.min(), y.min()) >= 0
    assert (x + width).max() <= WIDTH + 0.02
    assert (y + height).max() <= HEIGHT + 0.02


def test_without_a_second_step_the_scores_of_the_detector_stand(project: Path) -> None:
    """They are other ones, and no crop is made."""
    assert _run(project).exit_code == 0
    twice = json.loads((project / DETECTIONS).read_bytes())
    assert (project / ".scratch/rescoring/crops-val.zarr").exists()
    shutil.rmtree(project / ".scratch")
    assert _run(project, rescoring={"boxes_per_image": 0}).exit_code == 0
    once = json.loads((project / DETECTIONS).read_bytes())
    assert not (project / ".scratch/rescoring").exists()
    assert [d["score"] for d in once] != [d["score"] for d in twice]


def test_a_category_that_only_val_has_is_logged(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It cannot be trained, so a warning names it."""
    assert _run(project).exit_code == 0
    assert "without a training instance will not be detected: yak" in caplog.text


def test_ground_truth_detections_are_perfect(project: Path) -> None:
    """The file holds the boxes of all instances, whose AP is 100."""
    result = _run(project, source="ground_truth")
    assert result.exit_code == 0
    assert "box AP .5 100.0" in result.output
    expected = ground_truth(AnnotationSet.load(project / "data/annotations/val.json"))
    detections = json.loads((project / DETECTIONS).read_text())
    assert sorted(detections, key=str) == sorted(expected, key=str)


def test_detections_from_a_file_are_taken_unchanged(project: Path) -> None:
    """A valid entry about an image of val is written as it is."""
    entry = {"image_id": 2, "category_id": 7, "bbox": [1, 2, 30, 40], "score": 0.5}
    (project / "given.json").write_text(json.dumps([entry]))
    assert _run(project, source="file", file=str(project / "given.json")).exit_code == 0
    assert json.loads((project / DETECTIONS).read_text()) == [entry]


def _error(result: Result) -> str:
    assert result.exit_code == 1
    return result.output


def test_errors_name_their_cause(project: Path) -> None:
    """A missing file, unusable layers and wrong photographs each end the stage with a message about them."""
    assert "nothing.json does not exist" in _error(_run(project, source="file", file=str(project / "nothing.json")))
    assert "no layer 'stage9'" in _error(_run(project, layers=["stage9"]))
    assert "detection.layers names 'pooled'" in _error(_run(project, layers=["stage3", "pooled"]))
    Image.new("RGB", (50, 40)).save(project / "images" / "val" / "2.png")
    assert "its photograph is 50 x 40" in _error(_run(project))
    (project / "images" / "val" / "2.png").write_bytes(b"no image")
    assert "2.png cannot be read" in _error(_run(project))


def test_a_failed_run_keeps_the_previous_detections(project: Path) -> None:
    """The file of an earlier run is not touched by an error."""
    assert _run(project, source="ground_truth").exit_code == 0
    before = (project / DETECTIONS).read_bytes()
    assert _run(project, source="file", file=str(project / "nothing.json")).exit_code == 1
    assert (project / DETECTIONS).read_bytes() == before
