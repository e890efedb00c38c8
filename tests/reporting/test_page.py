import json
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance
from hypercolumns.tasks.heat_maps import write_heat_maps
from stages import evaluate, report


class Outline(HTMLParser):
    """Checks that elements are closed in order, and collects addresses, ids and visible text."""

    VOID = frozenset({"meta", "link", "img", "br"})

    def __init__(self):
        super().__init__()
        self.open, self.addresses, self.ids, self.text, self.images = [], [], [], [], 0

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.addresses += [found[key] for key in ("src", "href") if key in found]
        self.ids += [found["id"]] if "id" in found else []
        self.images += tag == "img"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)


def outline_of(path):
    outline = Outline()
    outline.feed(path.read_text(encoding="utf-8"))
    assert not outline.open
    return outline


def squares():
    """Twelve photos with one square instance each, of two categories; one name asks to be escaped."""
    images, instances = [], []
    for number in range(1, 13):
        mask = np.zeros((60, 80), dtype=bool)
        mask[20:40, 20 + number : 40 + number] = True
        box = (20.0 + number, 20.0, 40.0 + number, 40.0)
        images.append(Image(number, f"{number}.png", 80, 60))
        instances.append(Instance(number, number, 1 + number % 2, masks.encode(mask), box, 400.0))
    return AnnotationSet(
        tuple(images), (Category(1, "person"), Category(2, "<b>horse</b>")), tuple(instances), "data/images", "squares"
    )


def write(name, content):
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A folder with parameters and photographs, no stage run yet."""
    monkeypatch.chdir(tmp_path)
    Path("data/images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(1, 13):
        cv2.imwrite(f"data/images/{number}.png", rng.integers(0, 255, (60, 80, 3), dtype=np.uint8))
    Path("params.yaml").write_text("tasks: [segmentation]\nreport: {gallery: 5}\n")
    return tmp_path


def run_everything():
    annotations = squares()
    for split in ("train", "val"):
        annotations.save(Path(f"data/annotations/{split}.json"))
    results = [
        {
            "image_id": i.image_id,
            "category_id": i.category_id,
            "instance_id": i.id,
            "score": 0.5 + i.id / 100,
            "bbox": [i.box[0], i.box[1], 20.0, 20.0],
            "segmentation": masks.encode(np.roll(masks.decode(i.segmentation), i.id // 2, axis=0)),
        }
        for i in annotations.instances
    ]
    write("data/detections/val.json", results)
    write("data/predictions/segmentation.json", results)
    write("data/predictions/segmentation_ground_truth.json", results)
    write_heat_maps(
        Path("data/predictions/segmentation_heat_maps.zarr"),
        np.array([i.id for i in annotations.instances]),
        np.array([i.box for i in annotations.instances]),
        np.full((12, 50, 50), 200, dtype=np.uint8),
    )
    layers = ["fine", "top"]
    write(
        "metrics/ablation.json",
        [
            {"blocks": blocks, "grid": k, "mean_iou": 0.3 + 0.1 * len(blocks) + k / 100, "iou_70": 0.2}
            for blocks in (layers, ["fine"], ["top"])
            for k in (1, 5)
        ],
    )
    proposals = {"box_recall_50": 0.9, "box_recall_70": 0.6, "mask_abo": 0.5, "per_image": 1234.5, "instances": 12}
    write("metrics/proposals.json", proposals | {"train": proposals})
    assert CliRunner().invoke(evaluate.main, catch_exceptions=False).exit_code == 0


def run_report():
    result = CliRunner().invoke(report.main, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return outline_of(Path("reports/index.html"))


def test_before_any_stage_the_page_names_every_stage_that_is_missing():
    text = "".join(run_report().text)
    for stage in ("prepare", "propose", "evaluate", "ablate", "predict"):
        assert f"The step {stage} writes" in text


def test_with_all_stages_run_nothing_is_missing_and_the_numbers_are_there():
    run_everything()
    outline = run_report()
    text = "".join(outline.text)
    assert "yet." not in text
    assert outline.images == 5 * 3
    metrics = json.loads(Path("metrics/segmentation.json").read_text())
    for shown in (
        f"{metrics['ground_truth_boxes']['mean_iou']:.3f}",
        f"{metrics['ap_r_50']:.1f}",
        f"{metrics['ground_truth_boxes']['iou_70']:.3f}",
        "90.0 %",
        "0.550",
        "<b>horse</b>",
    ):
        assert shown in text


def test_the_page_loads_nothing_and_its_links_lead_somewhere():
    run_everything()
    outline = run_report()
    assert all(address.startswith(("data:", "#")) for address in outline.addresses)
    assert {address[1:] for address in outline.addresses if address.startswith("#")} <= set(outline.ids)
    assert len(outline.ids) == len(set(outline.ids))
    page = Path("reports/index.html").read_text()
    assert not re.search(r"url\(|@import|<script", page)


def test_the_same_inputs_give_the_same_bytes_whatever_computes_them():
    run_everything()
    run_report()
    first = Path("reports/index.html").read_bytes()
    Path("params.yaml").write_text(
        "tasks: [segmentation]\nreport: {gallery: 5}\ncompute: {workers: 3, batch_size: 7}\n"
    )
    run_report()
    assert Path("reports/index.html").read_bytes() == first


@pytest.mark.parametrize(
    "gone",
    [
        "data/annotations/train.json",
        "data/annotations/val.json",
        "metrics/segmentation.json",
        "metrics/ablation.json",
        "metrics/proposals.json",
        "plots/segmentation/pr_50.json",
        "plots/segmentation/pr_70.json",
        "data/predictions/segmentation.json",
        "data/predictions/segmentation_ground_truth.json",
    ],
)
def test_any_one_file_may_be_missing(gone):
    run_everything()
    Path(gone).unlink()
    run_report()


def test_without_heat_maps_the_gallery_shows_the_rest():
    run_everything()
    Path("data/predictions/segmentation_heat_maps.zarr").rename("elsewhere")
    outline = run_report()
    assert outline.images == 5 * 2
    assert "no heat map" in "".join(outline.text)


def test_figures_that_do_not_exist_are_dashes():
    run_everything()
    nothing = dict.fromkeys(("box_recall_50", "box_recall_70", "mask_abo"))
    write("metrics/proposals.json", nothing | {"per_image": 10, "instances": 0})
    ablation = json.loads(Path("metrics/ablation.json").read_text())
    write("metrics/ablation.json", [*ablation, ablation[0] | {"grid": 10, "mean_iou": None, "iou_70": None}])
    text = "".join("".join(run_report().text).split())
    assert "val\N{EN DASH}\N{EN DASH}\N{EN DASH}\N{EN DASH}100" in text
    assert "K=10" not in text


def test_a_sparse_ablation_speaks_of_the_grid_size_with_most_configurations():
    run_everything()
    base = {"iou_70": 0.1}
    entries = [base | {"blocks": list("ab"), "grid": k, "mean_iou": 0.6 + k / 1000} for k in (1, 2, 10)]
    entries += [base | {"blocks": [name], "grid": 10, "mean_iou": 0.4} for name in "ab"]
    write("metrics/ablation.json", entries)
    text = "".join(run_report().text)
    assert (
        "At K = 10, all blocks together reach a mean mask IoU of 0.610, the top layer (b) alone 0.400: +0.210" in text
    )
    assert "K = 10 instead of one classifier for the whole box: +0.009" in text


def test_differences_are_those_of_the_figures_shown():
    """.6004 is shown as 0.600 and .5006 as 0.501: the sentence says 0.099 though the difference is nearer to 0.100."""
    run_everything()
    figures = {("fine", "top"): 0.6004, ("fine",): 0.55, ("top",): 0.5006}
    entries = [{"blocks": list(b), "grid": 5, "mean_iou": iou, "iou_70": 0.1} for b, iou in figures.items()]
    write("metrics/ablation.json", entries)
    assert "of 0.600, the top layer (top) alone 0.501: +0.099" in "".join(run_report().text)


@pytest.mark.parametrize(
    ("detection", "said"),
    [
        ("{source: own}", "With own detections"),
        ("{source: ground_truth}", "ground-truth boxes in place of"),
        ("{source: file, file: boxes.json}", "With the detections of boxes.json"),
    ],
)
def test_the_page_says_where_detections_come_from(detection, said):
    run_everything()
    write("metrics/keypoints.json", {"mean_apk": 1.0, "mean_pck": 0.5, "per_category": {}})
    Path("params.yaml").write_text(f"tasks: [segmentation, keypoints]\ndetection: {detection}\n")
    text = "".join(run_report().text).lower()
    assert said.lower() in text
    assert ("own detections" in text) == ("own" in detection)


@pytest.mark.parametrize("tasks", ["[keypoints]", "[parts]", "[parts, keypoints]", "[keypoints, segmentation]"])
def test_of_tasks_that_were_not_run_the_page_is_silent(tasks):
    """Also when files of an earlier run with other tasks still lie there."""
    run_everything()
    Path("params.yaml").write_text(f"tasks: {tasks}\n")
    outline = run_report()
    shown = set(outline.ids) & {"segmentation", "keypoints", "parts"}
    assert shown == {name for name in ("segmentation", "keypoints", "parts") if name in tasks}
    assert ("photographs" in outline.ids) == ("segmentation" in tasks)
    assert {address[1:] for address in outline.addresses if address.startswith("#")} <= set(outline.ids)


def test_photographs_show_what_was_found_beside_what_is_annotated():
    run_everything()
    Path("params.yaml").write_text("tasks: [segmentation]\nreport: {gallery: 5, photographs: 3}\n")
    text = "".join(run_report().text)
    shown = re.findall(r"(\d+)\.png: 1 annotated, (\d) found", text)
    assert shown == [("3", "1"), ("7", "1"), ("11", "1")], "the middles of three equal stretches of twelve"
    assert "<b>horse</b> 0.53" in text
    assert "person 0.53" not in text


def test_a_data_set_without_counting_instances_has_a_page():
    run_everything()
    empty = AnnotationSet(squares().images, squares().categories, (), "data/images", "nothing")
    empty.save(Path("data/annotations/val.json"))
    for name in ("detections/val", "predictions/segmentation", "predictions/segmentation_ground_truth"):
        write(f"data/{name}.json", [])
    assert CliRunner().invoke(evaluate.main, catch_exceptions=False).exit_code == 0
    run_report()


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("metrics/segmentation.json", "{", "metrics/segmentation.json is not JSON"),
        ("metrics/segmentation.json", "{}", "metrics/segmentation.json lacks 'ap_r_50'"),
        ("metrics/proposals.json", "[]", "metrics/proposals.json lacks 'box_recall_50'"),
        ("metrics/ablation.json", '[{"grid": 1}]', "metrics/ablation.json lacks 'blocks'"),
        ("metrics/ablation.json", "{}", "must hold a list of objects"),
        (
            "data/predictions/segmentation_heat_maps.zarr/zarr.json",
            "{",
            "segmentation_heat_maps.zarr is not a group of",
        ),
    ],
)
def test_a_file_that_is_something_else_is_one_paragraph_and_exit_code_1(name, content, complaint):
    run_everything()
    Path(name).write_text(content)
    result = CliRunner().invoke(report.main)
    assert result.exit_code == 1
    assert complaint in result.output.replace("\n", " ")
    assert not Path("reports/index.html").exists()


def test_every_link_of_the_navigation_shows_at_any_width():
    """They wrap; a row that scrolls without a bar hides those beyond the edge of a phone."""
    run_report()
    style = re.search("<style>(.*?)</style>", Path("reports/index.html").read_text(encoding="utf-8"), re.DOTALL)[1]
    assert re.search(r"nav ul \{[^}]*flex-wrap: wrap", style)
    assert not re.search(r"nav \{[^}]*overflow", style)


def test_the_ablation_starts_from_the_decimals_of_the_metrics():
    """.45246 of all blocks is .4525 in the metrics, which the page shows as .453 in both places."""
    write("metrics/ablation.json", [{"blocks": ["fine", "top"], "grid": 5, "mean_iou": 0.45246, "iou_70": 0.2}])
    text = "".join(run_report().text)
    assert "0.453" in text
    assert "0.452" not in text
