"""The stage as a whole, on drawn photographs with a network of random weights."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner, Result
from PIL import Image

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.detection.results import ground_truth
from stages.detect import main
from tests.detection.detection_scenes import HEIGHT, WIDTH, candidates, draw, scenes

NETWORK = {"name": "efficientnet_lite0", "weights": "random", "layers": ["stage2"]}
FOUND = "data/detections/val.json"
SETTINGS = {"layers": ["stage1", "stage3"], "short_side": 96, "training_regions": 400, "iterations": 10}


@dataclass(frozen=True)
class _Proposals:
    boxes: np.ndarray


@dataclass(frozen=True)
class _Store:
    """Stands for a `ProposalStore`: candidates of the annotations beside it."""

    annotations: AnnotationSet

    @classmethod
    def open(cls, path: Path) -> "_Store":
        return cls(AnnotationSet.load(path.parents[1] / "annotations" / f"{path.stem}.json"))

    def __getitem__(self, image_id: int) -> _Proposals:
        return _Proposals(candidates(self.annotations, image_id).astype(np.float32))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Annotations, photographs and proposals of six train and three val images."""
    monkeypatch.setattr("hypercolumns.steps.detect.ProposalStore", _Store)
    monkeypatch.chdir(tmp_path)
    for split, images, seed in (("train", 6, 0), ("val", 3, 1)):
        folder = tmp_path / "images" / split
        folder.mkdir(parents=True)
        annotations = scenes(images, seed, root=str(folder), categories=(3, 7) if split == "train" else (3, 7, 9))
        draw(annotations, folder)
        annotations.save(tmp_path / "data/annotations" / f"{split}.json")
    return tmp_path


def _run(project: Path, network: dict = NETWORK, **settings: object) -> Result:
    content = {"backbone": network, "detection": SETTINGS | settings, "compute": {"device": "cpu"}}
    (project / "params.yaml").write_text(yaml.safe_dump(content))
    return CliRunner().invoke(main, [f"--root={project}", f"--params={project / 'params.yaml'}"])


def test_own_detections_are_the_same_bytes_each_time(project: Path) -> None:
    found = []
    for _ in range(2):
        assert _run(project, max_per_image=5).exit_code == 0
        found.append((project / FOUND).read_bytes())
    first, second = found
    assert first == second
    assert list((project / ".scratch").iterdir()) == []
    found = json.loads(first)
    assert len(found) == 5 * 3
    assert all(0 <= d["score"] <= 1 and d["category_id"] in (3, 7) for d in found)
    x, y, width, height = np.array([d["bbox"] for d in found]).T
    assert min(x.min(), y.min()) >= 0
    assert (x + width).max() <= WIDTH + 0.02
    assert (y + height).max() <= HEIGHT + 0.02


def test_a_category_that_only_val_has_is_said(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert _run(project).exit_code == 0
    assert "no detector, for: yak" in caplog.text


def test_ground_truth_detections(project: Path) -> None:
    result = _run(project, source="ground_truth")
    assert result.exit_code == 0
    assert "box AP .5 100.0" in result.output
    truth = ground_truth(AnnotationSet.load(project / "data/annotations/val.json"))
    assert len(json.loads((project / FOUND).read_text())) == len(truth)


def test_detections_from_a_file_are_about_val(project: Path) -> None:
    entry = {"image_id": 2, "category_id": 7, "bbox": [1, 2, 30, 40], "score": 0.5}
    (project / "found.json").write_text(json.dumps([entry]))
    assert _run(project, source="file", file=str(project / "found.json")).exit_code == 0
    assert json.loads((project / FOUND).read_text()) == [entry]


def _error(result: Result) -> str:
    assert result.exit_code == 1
    return result.output


def test_errors_are_one_paragraph(project: Path) -> None:
    assert "nothing.json does not exist" in _error(_run(project, source="file", file=str(project / "nothing.json")))
    assert "no layer 'stage9'" in _error(_run(project, layers=["stage9"]))
    assert "pooled" in _error(_run(project, layers=["stage3", "pooled"]))
    Image.new("RGB", (50, 40)).save(project / "images" / "val" / "2.png")
    assert "its photograph is 50 x 40" in _error(_run(project))
    (project / "images" / "val" / "2.png").write_bytes(b"no image")
    assert "2.png cannot be read" in _error(_run(project))


def test_a_failed_run_leaves_the_old_detections(project: Path) -> None:
    assert _run(project, source="ground_truth").exit_code == 0
    before = (project / FOUND).read_bytes()
    assert _run(project, source="file", file=str(project / "nothing.json")).exit_code == 1
    assert (project / FOUND).read_bytes() == before
