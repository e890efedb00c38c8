"""The sentences and numbers of the page agree with the files that it shows."""

import json
import re
from pathlib import Path

import pytest

from tests.reporting.page_project import run_report, write, write_results

pytestmark = pytest.mark.usefixtures("project")


def test_each_split_is_described_without_the_other():
    write_results()
    annotations = {split: Path(f"data/annotations/{split}.json") for split in ("train", "val")}
    content = annotations["train"].read_text()
    annotations["train"].unlink()
    assert "Photographs: 12 for evaluation." in "".join(run_report().text)
    annotations["val"].unlink()
    annotations["train"].write_text(content)
    text = "".join(run_report().text)
    assert "Photographs: 12 for training." in text
    assert "evaluated photographs with" not in text


def test_configurations_of_the_ablation_without_a_value_are_left_out():
    write_results()
    ablation = json.loads(Path("metrics/ablation.json").read_text())
    write("metrics/ablation.json", [*ablation, ablation[0] | {"grid": 10, "mean_iou": None, "iou_70": None}])
    assert "K = 10" not in "".join(run_report().text)


def test_a_sparse_ablation_describes_the_k_with_most_configurations():
    write_results()
    base = {"iou_70": 0.1}
    entries = [base | {"blocks": list("ab"), "grid": k, "mean_iou": 0.6 + k / 1000} for k in (1, 2, 10)]
    entries += [base | {"blocks": [name], "grid": 10, "mean_iou": 0.4} for name in "ab"]
    write("metrics/ablation.json", entries)
    text = "".join(run_report().text)
    assert "At K = 10, all blocks together reach a mean mask IoU of 0.610 and the top layer (b) alone 0.400" in text
    assert "the other layers contribute +0.210" in text
    assert "K = 10 instead of one classifier for the whole box contributes +0.009" in text


def test_differences_are_those_of_the_numbers_shown():
    """.6004 is shown as 0.600 and .5006 as 0.501, so the sentence says 0.099 although 0.100 is nearer."""
    write_results()
    ious = {("fine", "top"): 0.6004, ("fine",): 0.55, ("top",): 0.5006}
    entries = [{"blocks": list(b), "grid": 5, "mean_iou": iou, "iou_70": 0.1} for b, iou in ious.items()]
    write("metrics/ablation.json", entries)
    text = "".join(run_report().text)
    assert "of 0.600 and the top layer (top) alone 0.501; the other layers contribute +0.099" in text


@pytest.mark.parametrize(
    ("detection", "expected"),
    [
        ("{source: own}", "On detections: how good is the whole pipeline"),
        ("{source: ground_truth}", "ground-truth boxes in place of detections"),
        ("{source: file, file: boxes.json}", "On the detections from boxes.json"),
    ],
)
def test_the_page_says_where_detections_come_from(detection, expected):
    write_results()
    write("metrics/keypoints.json", {"mean_apk": 1.0, "mean_pck": 0.5, "per_category": {}})
    Path("params.yaml").write_text(f"tasks: [segmentation, keypoints]\ndetection: {detection}\n")
    text = "".join(run_report().text)
    assert expected in text
    assert ("detections of this pipeline" in text) == ("own" in detection)


def test_photographs_show_annotated_and_detected_instances():
    write_results()
    Path("params.yaml").write_text("tasks: [segmentation]\nreport: {gallery: 5, photographs: 3}\n")
    outline = run_report()
    shown = re.findall(r"(\d+)\.png: 1 annotated, (\d) detected", "".join(outline.text))
    assert shown == [("3", "1"), ("7", "1"), ("11", "1")], "the middles of three equal ranges"
    assert outline.images[:2] == ["annotated: <b>horse</b>", "detected: <b>horse</b> 0.53"]


def test_the_ablation_is_rounded_as_the_metrics_are():
    """The metrics round .45246 to .4525, which the page shows as 0.453; the ablation must show the same."""
    write("metrics/ablation.json", [{"blocks": ["fine", "top"], "grid": 5, "mean_iou": 0.45246, "iou_70": 0.2}])
    text = "".join(run_report().text)
    assert "0.453" in text
    assert "0.452" not in text
