"""Pages of data without annotations, or with boxes alone: only parts with content, and predictions in any case."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from stages import evaluate
from tests.reporting.page_project import run_report, squares, write, write_results

pytestmark = pytest.mark.usefixtures("project")

MASK_PARTS = {"curves", "gallery", "ablation"}
"""Anchors of the parts that need masks in val."""


def evaluate_val(change):
    """Write all results, with `change` applied to each instance of val (None removes it) and without an ablation."""
    write_results()
    annotations = squares()
    instances = tuple(filter(None, map(change, annotations.instances)))
    replace(annotations, instances=instances).save(Path("data/annotations/val.json"))
    kept = {i.id for i in instances if not i.ignore}
    predictions = Path("data/predictions/segmentation_ground_truth.json")
    write(predictions, [r for r in json.loads(predictions.read_text()) if r["instance_id"] in kept])
    write("metrics/ablation.json", [])
    assert CliRunner().invoke(evaluate.main, catch_exceptions=False).exit_code == 0


def without_mask(instance):
    return replace(instance, segmentation=None)


def as_crowd(instance):
    return replace(instance, crowd=True)


def text_before(title, outline):
    """Text between the navigation and a title."""
    return "".join(outline.text).partition("How to read\n")[2].partition(f"\n{title}\n")[0]


def links_of(outline):
    """Targets of the links in the page."""
    return {address[1:] for address in outline.addresses if address.startswith("#")}


@pytest.mark.parametrize(
    ("change", "sentence", "captions"),
    [
        (lambda _: None, "The photographs of val have no annotated instance, so nothing is measured", "1 detected"),
        (as_crowd, "All instances of val are crowd or difficult, so nothing is measured", "1 annotated, 1 detected"),
    ],
    ids=["unlabelled", "crowd"],
)
def test_a_val_split_without_labels_shows_predictions_and_no_empty_part(change, sentence, captions):
    evaluate_val(change)
    outline = run_report()
    text = "".join(outline.text)
    gone = MASK_PARTS | {"segmentation", "limits"}
    assert not gone & (set(outline.ids) | links_of(outline))
    assert {"photographs", "proposals", "data"} <= set(outline.ids)
    assert links_of(outline) <= set(outline.ids)
    assert text.count(captions) == 8
    assert "with a score of at least 0.51 are drawn" in text, "twelve detections are fewer than two per photograph"
    assert "there are about 2 detections per photograph" in text
    assert not any("mask" in image or "heat" in image for image in outline.images), "the pictures of the gallery"
    assert sentence in text_before("Proposals", outline)
    assert "\N{EN DASH}" not in text_before("Proposals", outline), "a metric without a value is not shown"
    assert "The step" not in text, "no file is missing"


def test_tables_have_no_empty_columns_and_no_rows_of_nothing_for_an_unlabelled_split():
    nothing = dict.fromkeys(("box_recall_50", "box_recall_70", "mask_abo")) | {"per_image": 10, "instances": 0}
    train = dict.fromkeys(("box_recall_50", "box_recall_70", "mask_abo", "superpixel_bound"), 0.25)
    train |= {"per_image": 10, "instances": 9}
    write_results()
    labelled = "".join(run_report().text)
    assert "val instances" in labelled
    assert "12 for evaluation" in labelled
    evaluate_val(lambda _: None)
    write("metrics/proposals.json", nothing | {"train": train})
    tables = "".join(run_report().text).partition("\nProposals\n")[2].partition("\nParameters\n")[0]
    assert "25.0 %" in tables
    assert "\nval" not in tables
    assert "\N{EN DASH}" not in tables
    assert "12 for training, 12 to predict on" in tables
    assert "train instances" in tables
    assert "ignored" not in tables.lower()
    write("metrics/proposals.json", nothing | {"train": nothing})
    assert "No instance of at least 200 pixels is annotated" in "".join(run_report().text)


@pytest.mark.parametrize(("change", "explained"), [(lambda _: None, False), (without_mask, True)])
def test_measures_are_explained_where_something_is_measured(change, explained):
    evaluate_val(change)
    terms = "".join(run_report().text).partition("\nHow to read this page\n")[2]
    assert "IoU" in terms
    assert "Block, K" in terms
    assert ("Average precision" in terms) == ("Matching" in terms) == explained


def test_each_photograph_of_an_unlabelled_split_is_drawn_once():
    evaluate_val(lambda _: None)
    images = run_report().images
    assert sum(image.startswith("detected: ") for image in images) == 8
    assert not any(image.startswith("annotated: ") for image in images)


def test_a_val_split_without_masks_shows_what_is_known_of_boxes():
    evaluate_val(without_mask)
    outline = run_report()
    text = "".join(outline.text)
    assert not MASK_PARTS & (set(outline.ids) | links_of(outline))
    assert {"photographs", "segmentation", "limits"} <= set(outline.ids) & links_of(outline)
    assert "No instance of val that counts has a mask, so only boxes are measured." in text
    headline = text_before("Photographs", outline)
    assert "box AP .5" in headline
    assert "IoU" not in headline
    assert "By box IoU .5: 12 of 12 detections are correct" in text
    assert "By mask IoU" not in text
    assert "Boxes are instances without a mask." in text


def test_of_a_mixed_val_split_every_part_is_shown():
    """Boxes are those of twelve instances, masks those of six."""
    evaluate_val(lambda i: without_mask(i) if i.id > 6 else i)
    outline = run_report()
    text = "".join(outline.text)
    assert {"segmentation", "curves", "limits", "gallery"} <= set(outline.ids) & links_of(outline)
    assert "ablation" not in outline.ids
    metrics = json.loads(Path("metrics/segmentation.json").read_text())
    assert (metrics["positives"], metrics["ground_truth_boxes"]["instances"], metrics["box_ap_50"]) == (6, 6, 100)
    assert "Instances without a mask count in box AP alone" in text
    assert "Instances without a mask" not in labelled_text()


def labelled_text():
    write_results()
    return "".join(run_report().text)


def test_the_columns_of_masks_in_proposals_are_left_out_where_no_split_has_masks():
    write_results()
    assert "mask ABO" in "".join(run_report().text)
    recall = {"box_recall_50": 0.9, "box_recall_70": 0.6, "per_image": 12.0, "instances": 12}
    unmasked = recall | {"mask_abo": None, "superpixel_bound": None}
    write("metrics/proposals.json", unmasked | {"train": unmasked})
    text = "".join(run_report().text)
    assert "90.0 %" in text
    assert "ABO" not in text.partition("How to read this page")[0]


@pytest.mark.parametrize("gallery", [1, 24])
def test_keypoints_without_annotations_are_shown_as_predicted(gallery):
    """The table gives way to one picture per prediction; the part is left out where nothing is predicted."""
    write_results()
    annotations = squares()
    named = tuple(replace(category, keypoints=("corner",)) for category in annotations.categories)
    for split in ("train", "val"):
        replace(annotations, categories=named, instances=()).save(Path(f"data/annotations/{split}.json"))
    detected = json.loads(Path("data/detections/val.json").read_text())
    predicted = [result | {"keypoints": [30.0, 30.0, 0.5]} for result in detected]
    write("data/predictions/keypoints.json", predicted)
    write("data/predictions/keypoints_ground_truth.json", [])
    Path("params.yaml").write_text(f"tasks: [keypoints]\nreport: {{gallery: {gallery}}}\n")
    result = CliRunner().invoke(evaluate.main, ["--task", "keypoints"], catch_exceptions=False)
    assert result.exit_code == 0
    outline = run_report()
    text = "".join(outline.text)
    assert "The photographs of val have no annotated instance, so nothing is measured" in text
    assert "No instance of val that counts" not in text, "said once"
    assert "PCK" not in text
    assert sum(image.startswith("predicted keypoints") for image in outline.images) == min(gallery, 12)
    assert "score 0.62" in text
    assert ("score 0.51" in text) == (gallery == 24)
    assert "APK is measured" not in text, "the caption of the table"
    write("data/predictions/keypoints.json", [])
    empty = run_report()
    assert "keypoints" not in {*empty.ids, *links_of(empty)}
