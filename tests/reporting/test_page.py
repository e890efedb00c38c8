"""The page is complete, self-contained and valid, and names the step that writes each missing file."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from stages import report
from tests.damages import DAMAGES
from tests.reporting.page_project import run_report, write_results

pytestmark = pytest.mark.usefixtures("project")


def test_before_any_stage_the_page_names_the_steps_to_run():
    text = "".join(run_report().text)
    for step in ("prepare", "propose", "extract", "evaluate", "ablate", "predict"):
        assert f"The step {step} writes" in text


def test_after_all_stages_the_page_shows_the_metrics_and_nothing_is_missing():
    write_results()
    outline = run_report()
    text = "".join(outline.text)
    assert "yet." not in text
    drawn = [image for image in outline.images if image.startswith(("annotated: ", "detected: "))]
    assert len(drawn) == 8 * 2
    assert len(outline.images) == len(drawn) + 5 * 3 + 4 * 3
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
    assert any("<b>horse</b> 0." in image for image in drawn)


def test_the_page_loads_nothing_and_its_links_have_targets():
    write_results()
    outline = run_report()
    assert all(address.startswith(("data:", "#")) for address in outline.addresses)
    assert {address[1:] for address in outline.addresses if address.startswith("#")} <= set(outline.ids)
    assert len(outline.ids) == len(set(outline.ids))
    page = Path("reports/index.html").read_text()
    assert not re.search(r"url\(|@import|<script", page)


def test_the_page_does_not_depend_on_the_compute_parameters():
    write_results()
    run_report()
    first = Path("reports/index.html").read_bytes()
    Path("params.yaml").write_text(
        "tasks: [segmentation]\nreport: {gallery: 5}\ncompute: {workers: 3, batch_size: 7}\n"
    )
    run_report()
    assert Path("reports/index.html").read_bytes() == first


@pytest.mark.parametrize(
    ("file", "step"),
    [
        ("metrics/segmentation.json", "evaluate"),
        ("metrics/ablation.json", "ablate"),
        ("metrics/proposals.json", "propose"),
        ("data/features/val.zarr", "extract"),
        ("data/predictions/segmentation.json", "predict"),
        ("data/predictions/segmentation_ground_truth.json", "predict"),
    ],
)
def test_a_missing_file_is_named_with_the_step_that_writes_it(file, step):
    write_results()
    Path(file).rename("elsewhere")
    named = set(re.findall(r"The step (\w+) writes (\S+)\.\s", "".join(run_report().text)))
    assert named == {(step, file)}


@pytest.mark.parametrize(("kept", "gone"), [(".5", "pr_70"), (".7", "pr_50")])
def test_curves_of_one_overlap_are_shown_without_the_other(kept, gone):
    write_results()
    Path(f"plots/segmentation/{gone}.json").unlink()
    assert re.findall("At mask IoU (..)", "".join(run_report().text)) == [kept]


def test_without_heat_maps_the_gallery_shows_the_other_pictures():
    write_results()
    Path("data/predictions/segmentation_heat_maps.zarr").rename("elsewhere")
    outline = run_report()
    assert len(outline.images) == 8 * 2 + 5 * 2 + 4 * 3
    assert "no heat map" in "".join(outline.text)


@pytest.mark.parametrize("tasks", ["[keypoints]", "[parts]", "[parts, keypoints]", "[keypoints, segmentation]"])
def test_only_the_tasks_of_the_parameters_are_shown(tasks):
    """Files of an earlier run with other tasks make no difference."""
    write_results()
    Path("params.yaml").write_text(f"tasks: {tasks}\n")
    outline = run_report()
    shown = set(outline.ids) & {"segmentation", "keypoints", "parts"}
    assert shown == {name for name in ("segmentation", "keypoints", "parts") if name in tasks}
    assert ("photographs" in outline.ids) == ("segmentation" in tasks)
    assert {address[1:] for address in outline.addresses if address.startswith("#")} <= set(outline.ids)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("metrics/segmentation.json", "{", "metrics/segmentation.json is not JSON"),
        ("metrics/segmentation.json", "{}", "metrics/segmentation.json lacks 'ap_r_50'"),
        ("metrics/proposals.json", "[]", "metrics/proposals.json lacks 'box_recall_50'"),
        ("metrics/ablation.json", '[{"grid": 1}]', "metrics/ablation.json lacks 'blocks'"),
        ("metrics/ablation.json", "{}", "must be a list of JSON objects"),
        (
            "data/predictions/segmentation_heat_maps.zarr/zarr.json",
            "{",
            "segmentation_heat_maps.zarr is damaged: zarr.json: it has 1 bytes instead of",
        ),
    ],
)
def test_a_malformed_file_is_named_and_no_page_is_written(name, content, complaint):
    write_results()
    Path(name).write_text(content)
    result = CliRunner().invoke(report.main)
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert complaint in result.output.replace("\n", " ")
    assert not Path("reports/index.html").exists()


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("array", ["instance_id", "box", "heat"])
def test_damaged_heat_maps_are_named_with_array_shard_and_cure(array, damage):
    write_results()
    store = Path("data/predictions/segmentation_heat_maps.zarr")
    damage(next(file for file in (store / array / "c").rglob("*") if file.is_file()))
    result = CliRunner().invoke(report.main)
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: {store} is damaged: shard 0 of the array '{array}' ")
    assert f"`hypercolumns verify {store}`" in result.output
    assert len(result.output.splitlines()) == 1
    assert not Path("reports/index.html").exists()


def test_the_links_of_the_navigation_wrap():
    """In a row that scrolls without a bar, links beyond the edge of a phone would be hidden."""
    run_report()
    style = re.search("<style>(.*?)</style>", Path("reports/index.html").read_text(encoding="utf-8"), re.DOTALL)[1]
    assert re.search(r"nav ul \{[^}]*flex-wrap: wrap", style)
    assert not re.search(r"nav \{[^}]*overflow", style)
