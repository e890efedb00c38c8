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
    """Which columns of which files of a task `dvc plots show` draws, as (file, column)."""
    axes = [plot[axis] for entry in PLOTS for plot in entry.values() for axis in ("x", "y")]
    named = [pair for axis in axes if isinstance(axis, dict) for pair in axis.items()]
    return [(file, column) for file, column in named if file.startswith(f"plots/{task}/")]


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
    assert {Path(file).stem for file, _ in drawn_columns("segmentation")} == {"pr_50", "pr_70", "categories"}
    check_that_what_is_drawn_is_there(project, "segmentation")
    assert f"{metrics['ap_r_50']:.1f}" in result.output.splitlines()[-2]


def test_the_table_says_what_the_file_says_to_the_last_digit(project, monkeypatch):
    """.45246 is .4525 in the file, from which the page makes .453 and the terminal would have made .452 of its own."""
    monkeypatch.setattr(segmentation, "mask_ious", lambda _, results: np.full(len(results), 0.45246))
    result = CliRunner().invoke(main, catch_exceptions=False)
    metrics = json.loads((project / "metrics/segmentation.json").read_text())
    assert metrics["ground_truth_boxes"]["mean_iou"] == 0.4525
    assert f" {0.4525:.3f} " in result.output.splitlines()[-2]
    assert f"{0.4525:.3f}" != f"{0.45246:.3f}"


def check_that_what_is_drawn_is_there(project, task):
    for file, column in drawn_columns(task):
        rows = json.loads((project / file).read_text())
        assert rows, file
        assert all(column in row for row in rows), file


def test_the_stage_writes_the_same_bytes_again(project):
    def run():
        assert CliRunner().invoke(main).exit_code == 0
        return {path.name: path.read_bytes() for path in project.glob("[mp]*/**/*.json")}

    assert run() == run()


def test_missing_predictions_are_one_paragraph_and_exit_code_1(project):
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
def test_other_tasks_have_their_headline_and_the_baselines_beside_it(project, task, headline):
    """A perfect answer against a baseline that finds nothing."""
    mask = masks.encode(rectangle(5, 5, 30, 30))
    one = replace(instance(1, (5, 5, 30, 30)), keypoints=(10, 10, 2), parts=(Part("head", mask),))
    person = Category(1, "person", ("nose",), (), ("head",))
    replace(annotation_set(one), categories=(person,)).save(Path("data/annotations/val.json"))
    answer = detection((5, 5, 30, 30), 0.9) | {"instance_id": 1}
    good = answer | {"keypoints": [10, 10, 0.9], "parts": [{"name": "head", "segmentation": mask}]}
    bad = answer | {"keypoints": [0, 0, 0], "parts": []}
    Path("data/detections/val.json").write_text(json.dumps([answer]))
    (project / f"data/predictions/{task}_baselines").mkdir(parents=True)
    for name, content in ((task, good), (f"{task}_baselines/top_layer", bad)):
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
    check_that_what_is_drawn_is_there(project, task)
    assert "baseline top_layer" in result.output
