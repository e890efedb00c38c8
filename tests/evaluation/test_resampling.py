"""Standard errors: a draw of photographs gives the metric of an image set that has each as often."""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.cli.main import main
from hypercolumns.evaluation import resampling
from hypercolumns.evaluation.detections import (
    THRESHOLDS,
    mask_overlaps,
    match_categories,
    mean_average_precision,
    overlaps_by_image,
)
from hypercolumns.evaluation.resampling import draw_photographs, resampled_mean, resampled_precision, standard_error
from hypercolumns.regions.boxes import to_coco
from tests.evaluation.scenes_for_evaluation import annotation_set, detection, instance, perfect, random_scene

DRAWS = np.array([[1, 1, 1, 1], [2, 0, 1, 1], [0, 3, 0, 1], [0, 0, 0, 4], [0, 0, 0, 0]])


def photographs(count=4):
    """Several random scenes as one image set, and detections of them all."""
    images, instances, found = [], [], []
    for image_id in range(1, count + 1):
        annotations, detections = random_scene(np.random.default_rng(image_id))
        images.append(replace(annotations.images[0], id=image_id))
        instances += [replace(i, id=100 * image_id + i.id, image_id=image_id) for i in annotations.instances]
        found += [d | {"image_id": image_id} for d in detections]
    categories = annotations.categories
    return AnnotationSet(tuple(images), categories, tuple(instances), "."), found


def match_all(annotations, results):
    overlaps = overlaps_by_image(annotations, results, mask_overlaps)
    return match_categories(annotations, results, overlaps, THRESHOLDS, "voc")


def repeated(annotations, results, times):
    """The image set with each photograph as often as `times` says, each time with a new id."""
    images, instances, found, new_ids = [], [], [], itertools.count(1)
    for image, count in zip(annotations.images, times, strict=True):
        for _ in range(count):
            new = next(new_ids)
            images.append(replace(image, id=new))
            instances += [
                replace(i, id=10_000 * new + i.id, image_id=new) for i in annotations.instances_by_image[image.id]
            ]
            found += [r | {"image_id": new} for r in results if r["image_id"] == image.id]
    return AnnotationSet(tuple(images), annotations.categories, tuple(instances), "."), found


@pytest.mark.parametrize("at_once", [1, 10**9])
def test_a_draw_is_the_metric_of_repeated_photographs(monkeypatch, at_once):
    """However many draws are computed at a time."""
    monkeypatch.setattr(resampling, "_WEIGHTS_AT_ONCE", at_once)
    annotations, results = photographs()
    for threshold in (2, 4):
        values = resampled_precision(annotations, results, match_all(annotations, results), threshold, DRAWS)
        for times, value in zip(DRAWS[:4], values, strict=False):
            expected = mean_average_precision(match_all(*repeated(annotations, results, times)), threshold)
            assert value == pytest.approx(expected)
        assert 0 < values[0] < 1
        assert np.isnan(values[4])


def test_a_draw_weighs_the_values_of_instances():
    annotations = annotation_set(instance(1, (0, 0, 9, 9)), instance(2, (0, 0, 9, 9), image_id=2), images=2)
    values = resampled_mean(
        annotations, annotations.instances, np.array([0.2, 0.8]), np.array([[1, 1], [3, 1], [0, 2]])
    )
    assert values == pytest.approx([0.5, 0.35, 0.8])


def test_draws_have_as_many_photographs_and_the_same_every_time():
    annotations, _ = photographs()
    draws = draw_photographs(annotations)
    assert (draws.sum(axis=1) == 4).all()
    assert len(np.unique(draws, axis=0)) > 10
    assert np.array_equal(draws, draw_photographs(annotations))


def test_the_standard_error_of_a_mean_is_the_textbook_one():
    """With one value per photograph it is their deviation over the square root of their number."""
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, 200)
    annotations = annotation_set(*(instance(n, (0, 0, 9, 9), image_id=n) for n in range(1, 201)), images=200)
    error = standard_error(resampled_mean(annotations, annotations.instances, values, draw_photographs(annotations)))
    assert error == pytest.approx(values.std() / np.sqrt(200), rel=0.1)


def test_one_photograph_has_no_error():
    annotations, results = photographs(1)
    draws = draw_photographs(annotations)
    assert standard_error(resampled_precision(annotations, results, match_all(annotations, results), 4, draws)) is None


# The command.


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    annotations, results = photographs()
    monkeypatch.chdir(tmp_path)
    Path("data/annotations").mkdir(parents=True)
    annotations.save(Path("data/annotations/val.json"))
    Path("params.yaml").write_text("tasks: [segmentation]\n")
    (tmp_path / "one.json").write_text(json.dumps(results))
    (tmp_path / "perfect.json").write_text(json.dumps([{**r} for r in perfect(annotations) if r.pop("instance_id")]))
    (tmp_path / "true.json").write_text(json.dumps(perfect(annotations)))
    (tmp_path / "boxes.json").write_text(json.dumps([{**r} for r in results if r.pop("segmentation")]))
    for answer in ("keypoints", "parts"):
        (tmp_path / f"{answer}.json").write_text(json.dumps([r | {answer: []} for r in results]))
    (tmp_path / "none.json").write_text("[]")
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(main, ["compare", *arguments])


@pytest.mark.usefixtures("folder")
def test_results_differ_by_nothing_from_themselves():
    lines = run("one.json", "one.json").stdout.splitlines()
    assert lines[0].split() == ["first", "second", "difference", "std.", "error"]
    assert lines[1].split()[-2:] == ["+0.0", "0.0"]
    assert run("one.json", "one.json").exit_code == 0


@pytest.mark.usefixtures("folder")
def test_the_better_results_are_seen():
    name, at, first, second, difference, _ = run("one.json", "perfect.json").stdout.splitlines()[1].split()
    assert (name, at, second) == ("AP^r", ".5", "100.0")
    assert float(difference) == pytest.approx(100 - float(first), abs=0.11)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("file", "title"), [("boxes.json", "box AP .5"), ("true.json", "mean IoU")])
def test_boxes_and_masks_in_true_boxes_are_compared_too(file, title):
    assert title in run(file, file).stdout


def rows(*files: str) -> list[list[str]]:
    return [line.split() for line in run(*files).stdout.splitlines() if line.startswith(("AP^r", "box AP"))]


@pytest.mark.usefixtures("folder")
def test_masks_are_compared_by_the_boxes_around_them_too():
    results = json.loads(Path("one.json").read_text())
    tight = [r | {"bbox": to_coco(masks.box(r.pop("segmentation"))).tolist()} for r in results]
    Path("tight.json").write_text(json.dumps(tight))
    assert [row[:2] for row in rows("one.json", "one.json")[:2]] == [["AP^r", ".5"], ["AP^r", ".7"]]
    assert rows("one.json", "one.json")[2:] == rows("tight.json", "tight.json") == rows("one.json", "tight.json")


@pytest.mark.usefixtures("folder")
def test_boxes_are_compared_where_only_boxes_are_annotated():
    annotations = photographs()[0]
    unmasked = tuple(replace(each, segmentation=None) for each in annotations.instances)
    replace(annotations, instances=unmasked).save(Path("data/annotations/val.json"))
    assert [row[:3] for row in rows("one.json", "one.json")] == [
        ["box", "AP", ".5"],
        ["box", "AP", ".7"],
    ]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("first", "second", "complaint"),
    [
        ("one.json", "true.json", "compare files of one kind"),
        ("keypoints.json", "keypoints.json", "keypoints.json has keypoints; masks and boxes can be compared"),
        ("parts.json", "parts.json", "parts.json has parts; masks and boxes can be compared"),
        ("none.json", "one.json", "none.json has no result to compare"),
        ("nowhere.json", "one.json", "nowhere.json does not exist"),
    ],
)
def test_what_cannot_be_compared_is_refused(first, second, complaint):
    result = run(first, second)
    assert result.exit_code == 1
    assert complaint in result.stderr


@pytest.mark.usefixtures("folder")
def test_without_an_instance_nothing_is_compared():
    replace(photographs()[0], instances=()).save(Path("data/annotations/val.json"))
    result = run("boxes.json", "boxes.json")
    assert result.exit_code == 1
    assert "No instance counts" in result.stderr


@pytest.mark.usefixtures("folder")
def test_detections_of_one_box_are_enough():
    """A category without an instance or a detection is left out of the mean."""
    annotation_set(instance(1, (0, 0, 9, 9)), images=2).save(Path("data/annotations/val.json"))
    Path("single.json").write_text(json.dumps([detection((0, 0, 9, 9), 0.5)]))
    assert run("single.json", "single.json").stdout.splitlines()[1].split()[2] == "100.0"
