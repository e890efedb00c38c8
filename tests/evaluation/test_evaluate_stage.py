import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scenes_for_evaluation import perfect, random_scene

from stages.evaluate import main


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project folder with everything that the stage reads."""
    monkeypatch.chdir(tmp_path)
    annotations, detections = random_scene(np.random.default_rng(0))
    annotations.save(Path("data/annotations/val.json"))
    files = {
        "data/detections/val.json": detections,
        "data/predictions/segmentation.json": detections,
        "data/predictions/segmentation_ground_truth.json": perfect(annotations),
    }
    for name, content in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(json.dumps(content))
    Path("params.yaml").write_text("evaluate: {matching: voc}\n")
    return tmp_path


def test_the_stage_writes_the_metrics_and_plots_that_others_rely_on(project):
    result = CliRunner().invoke(main, ["--task", "segmentation"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    metrics = json.loads((project / "metrics/segmentation.json").read_text())
    assert {"ap_r_50", "ap_r_70", "ap_r_vol", "ground_truth_boxes", "per_category", "diagnosis"} <= set(metrics)
    assert {"mean_iou", "iou_50", "iou_70"} <= set(metrics["ground_truth_boxes"])
    assert set(metrics["per_category"]) == {"person", "horse", "car"}
    for name in ("pr_50", "pr_70", "categories"):
        assert json.loads((project / f"plots/segmentation/{name}.json").read_text())
    assert f"{metrics['ap_r_50']:.1f}" in result.output.splitlines()[-2]


def test_the_stage_writes_the_same_bytes_again(project):
    def run():
        assert CliRunner().invoke(main).exit_code == 0
        return {path.name: path.read_bytes() for path in project.glob("[mp]*/**/*.json")}

    assert run() == run()


def test_missing_predictions_are_one_paragraph_and_exit_code_1(project):
    (project / "data/predictions/segmentation.json").unlink()
    result = CliRunner().invoke(main)
    assert result.exit_code == 1
    assert "data/predictions/segmentation.json does not exist; `dvc repro predict` writes it." in result.output
    assert not (project / "metrics").exists()
