"""The stage `evaluate` writes metrics, headline and plot data, and prints the values that it writes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import Category, Part
from hypercolumns.evaluation import segmentation
from stages.evaluate import main
from tests.evaluation.scenes_for_evaluation import annotation_set, detection, instance, perfect, random_scene, rectangle

PLOTS = yaml.safe_load((Path(__file__).parents[2] / "dvc.yaml").read_text())["plots"]


def drawn_columns(task):
    """Pairs (file, column) that `dvc plots show` draws for a task."""
    axes = [plot[axis] for entry in PLOTS for plot in entry.values() for axis in ("x", "y")]
    pairs = [pair for axis in axes if isinstance(axis, dict) for pair in axis.items()]
    return [(file, column) for file, column in pairs if file.startswith(f"plots/{task}/")]


def assert_drawn_columns_exist(project, task):
    for file, column in drawn_columns(task):
        rows = json.loads((project / file).read_text())
        assert rows, file
        assert all(column in row for row in rows), file


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Current folder with all the inputs of the stage."""
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


def test_the_stage_writes_the_documented_metrics_and_the_plots_of_dvc(project):
    result = CliRunner().invoke(main, ["--task", "segmentation"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    metrics = json.loads((project / "metrics/segmentation.json").read_text())
    assert {"ap_r_50", "ap_r_70", "ap_r_vol", "ground_truth_boxes", "per_category", "diagnosis"} <= set(metrics)
    assert {"mean_iou", "iou_50", "iou_70"} <= set(metrics["ground_truth_boxes"])
    assert set(metrics["per_category"]) == {"person", "horse", "car"}
    assert {Path(file).stem for file, _ in drawn_columns("segmentation")} == {"pr_50", "pr_70", "categories"}
    assert_drawn_columns_exist(project, "segmentation")
    assert f"{metrics['ap_r_50']:.1f}" in result.output.splitlines()[-2]


def test_the_table_rounds_the_values_of_the_file(project, monkeypatch):
    """.45246 is stored as .4525 and shown as .453; rounding it directly would give .452, unlike the report."""
    monkeypatch.setattr(segmentation, "mask_ious", lambda _, results: np.full(len(results), 0.45246))
    result = CliRunner().invoke(main, catch_exceptions=False)
    metrics = json.loads((project / "metrics/segmentation.json").read_text())
    assert metrics["ground_truth_boxes"]["mean_iou"] == 0.4525
    assert f" {0.4525:.3f} " in result.output.splitlines()[-2]
    assert f"{0.4525:.3f}" != f"{0.45246:.3f}"


def test_a_second_run_writes_the_same_bytes(project):
    def run():
        assert CliRunner().invoke(main).exit_code == 0
        return {path.name: path.read_bytes() for path in project.glob("[mp]*/**/*.json")}

    first = run()
    plots = {"pr_50.json", "pr_70.json", "categories.json"}
    assert first.keys() == {"segmentation.json", "segmentation_summary.json"} | plots
    assert run() == first


def test_missing_predictions_exit_with_1_and_name_the_stage_that_writes_them(project):
    (project / "data/predictions/segmentation.json").unlink()
    result = CliRunner().invoke(main)
    assert result.exit_code == 1
    assert "data/predictions/segmentation.json does not exist. `dvc repro predict` writes it." in result.output
    assert not (project / "metrics").exists()


@pytest.mark.parametrize(
    ("task", "headline"),
    [
        ("keypoints", {"mean_apk": 100.0, "mean_pck": 1.0}),
        ("parts", {"ap_r_part_50": 100.0, "mean_part_iou": 1.0, "pixel_accuracy": 1.0}),
    ],
)
def test_other_tasks_write_their_headline_and_that_of_their_baselines(project, task, headline):
    """A perfect prediction, and a baseline that finds nothing."""
    mask = masks.encode(rectangle(5, 5, 30, 30))
    one = replace(instance(1, (5, 5, 30, 30)), keypoints=(10, 10, 2), parts=(Part("head", mask),))
    person = Category(1, "person", ("nose",), (), ("head",))
    replace(annotation_set(one), categories=(person,)).save(Path("data/annotations/val.json"))
    answer = detection((5, 5, 30, 30), 0.9) | {"instance_id": 1}
    perfect_answer = answer | {"keypoints": [10, 10, 0.9], "parts": [{"name": "head", "segmentation": mask}]}
    empty_answer = answer | {"keypoints": [0, 0, 0], "parts": []}
    Path("data/detections/val.json").write_text(json.dumps([answer]))
    (project / f"data/predictions/{task}_baselines").mkdir(parents=True)
    for name, content in ((task, perfect_answer), (f"{task}_baselines/top_layer", empty_answer)):
        for suffix in ("", "_ground_truth"):
            (project / f"data/predictions/{name}{suffix}.json").write_text(json.dumps([content]))
    result = CliRunner().invoke(main, ["--task", task], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    metrics = json.loads((project / f"metrics/{task}.json").read_text())
    assert headline.items() <= metrics.items()
    assert metrics["baseline_top_layer"] == dict.fromkeys(headline, 0.0)
    assert json.loads((project / f"metrics/{task}_summary.json").read_text()) == headline
    assert "baseline_k1" not in metrics
    assert drawn_columns(task)
    assert_drawn_columns_exist(project, task)
    assert "baseline top_layer" in result.output
