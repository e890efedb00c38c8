"""Keypoints and parts on the page: metrics and baselines, pictures of annotations and predictions."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance, Part
from hypercolumns.definitions import TASKS
from hypercolumns.drawing.colours import palette
from hypercolumns.errors import InputError
from hypercolumns.parameters import Parameters
from hypercolumns.reporting.pairs import KEYPOINTS, PARTS, make_legend, make_pairs, make_previews
from hypercolumns.reporting.section import SectionInputs
from hypercolumns.workspace import Workspace
from tests.reporting.page_project import decode

PARAMETERS = Parameters(tasks=("segmentation", "keypoints", "parts"))


def rectangle(x0, y0, x1, y1):
    mask = np.zeros((80, 80), bool)
    mask[y0:y1, x0:x1] = True
    return masks.encode(mask)


@pytest.fixture
def truth(tmp_path):
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((80, 80, 3), 128, np.uint8))
    parts = (Part("head", rectangle(20, 20, 60, 40)), Part("legs", rectangle(20, 40, 60, 60)))
    instance = Instance(
        3, 1, 1, rectangle(20, 20, 60, 60), (20, 20, 60, 60), 1600.0, keypoints=(25, 25, 2, 55, 55, 2), parts=parts
    )
    category = Category(1, "cat", ("nose", "tail"), ((1, 2),), ("head", "legs"))
    return AnnotationSet((Image(1, "grey.png", 80, 80),), (category,), (instance,), str(tmp_path))


def answer(**content):
    return [{"image_id": 1, "category_id": 1, "instance_id": 3, "score": 0.9, **content}]


def as_parts(instance):
    return [{"name": part.name, "segmentation": part.segmentation} for part in instance.parts]


def test_a_perfect_prediction_looks_like_the_annotation(truth):
    instance = truth.instances[0]
    results = answer(keypoints=[25, 25, 0.8, 55, 55, 0.7], parts=as_parts(instance))
    for renderer in (KEYPOINTS, PARTS):
        (pair,) = make_pairs(truth, results, renderer, PARAMETERS)
        assert pair.quality == 1
        assert pair.true == pair.predicted


def test_parts_are_drawn_in_their_colours(truth):
    (pair,) = make_pairs(truth, answer(parts=as_parts(truth.instances[0])[:1]), PARTS, PARAMETERS)
    true, predicted = decode(pair.true), decode(pair.predicted)
    middle = true.shape[0] // 2
    head, legs = (0.35 * 128 + 0.65 * np.array(colour) for colour in palette(2))
    assert true[middle - 40, middle] == pytest.approx(head, abs=25)
    assert true[middle + 40, middle] == pytest.approx(legs, abs=25)
    assert predicted[middle - 40, middle] == pytest.approx(head, abs=25)
    assert predicted[middle + 40, middle] == pytest.approx([128] * 3, abs=25)
    assert pair.quality == 0.5


def test_a_limb_is_drawn_only_if_both_its_keypoints_are_present(truth):
    def centre_colour(keypoints):
        (pair,) = make_pairs(truth, answer(keypoints=keypoints), KEYPOINTS, PARAMETERS)
        tile = decode(pair.predicted)
        return tile[tile.shape[0] // 2, tile.shape[1] // 2]

    assert np.abs(centre_colour([25, 25, 0.8, 55, 55, 0.7]) - 128).max() > 50
    assert np.abs(centre_colour([25, 25, 0.8, 0, 0, 0.0]) - 128).max() < 25


def test_a_preview_shows_the_prediction_alone(truth):
    """It looks like the prediction beside an annotation, and its score takes the place of a comparison."""
    instance = truth.instances[0]
    x0, y0, x1, y1 = instance.box
    (result,) = answer(keypoints=[25, 25, 0.8, 55, 55, 0.7], bbox=[x0, y0, x1 - x0, y1 - y0])
    (pair,) = make_pairs(truth, [result], KEYPOINTS, PARAMETERS)
    unlabelled = replace(truth, instances=())
    (preview,) = make_previews(unlabelled, [result], KEYPOINTS, PARAMETERS)
    assert preview.predicted == pair.predicted
    assert (preview.category, preview.score, preview.file_name) == ("cat", 0.9, "grey.png")


def test_the_legend_has_the_colours_of_the_pictures(truth):
    category = truth.categories[0]
    for renderer, names in [(KEYPOINTS, category.keypoints), (PARTS, category.parts)]:
        legend = make_legend(truth, renderer)
        colours = ["rgb({} {} {})".format(*colour) for colour in palette(len(names))]
        assert legend[category.name] == list(zip(names, colours, strict=True))
    assert make_legend(replace(truth, categories=(Category(1, "cat"),)), PARTS) == {}


@pytest.mark.parametrize(("gallery", "expected"), [(1, [0.9]), (24, [0.9, 0.5])])
def test_the_best_predictions_are_previewed_two_per_photograph_on_average(truth, gallery, expected):
    (result,) = answer(parts=[], bbox=[20, 20, 40, 40])
    results = [result | {"score": score} for score in (0.2, 0.9, 0.1, 0.5)]
    parameters = PARAMETERS.model_copy(update={"report": PARAMETERS.report.model_copy(update={"gallery": gallery})})
    assert [preview.score for preview in make_previews(truth, results, PARTS, parameters)] == expected


def test_instances_that_are_not_annotated_for_the_task_are_not_shown(truth):
    unannotated = replace(truth, instances=(replace(truth.instances[0], keypoints=(), parts=()),))
    results = answer(keypoints=[25, 25, 0.8, 55, 55, 0.7], parts=[])
    assert make_pairs(unannotated, results, KEYPOINTS, PARAMETERS) == []
    assert make_pairs(unannotated, results, PARTS, PARAMETERS) == []
    unmasked = replace(truth, instances=(replace(truth.instances[0], segmentation=None),))
    assert make_pairs(unmasked, results, PARTS, PARAMETERS) == []
    assert len(make_pairs(unmasked, results, KEYPOINTS, PARAMETERS)) == 1


def test_a_photograph_whose_size_differs_from_its_annotation_is_refused(truth, tmp_path):
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((40, 40, 3), 128, np.uint8))
    with pytest.raises(InputError, match=r"grey\.png"):
        make_pairs(truth, answer(parts=as_parts(truth.instances[0])), PARTS, PARAMETERS)


def content(task, annotations, folder, parameters=PARAMETERS):
    workspace = Workspace(folder, folder, folder)
    definition = TASKS[task]
    inputs = SectionInputs(task, definition.result_field, workspace, parameters, annotations, "detections")
    return definition.section().content(inputs)


def test_total_rows_name_blocks_and_k(truth, tmp_path):
    """The top layer alone has the K of the ablation, not that of the task."""
    numbers = {"mean_apk": 30.0, "mean_pck": 0.5}
    baselines = {"baseline_top_layer": {"mean_apk": 4.0, "mean_pck": None}, "baseline_k1": numbers}
    (tmp_path / "keypoints.json").write_text(json.dumps(numbers | {"per_category": {"cat": numbers}} | baselines))
    other = Parameters.model_validate({"train": {"grid": 10}, "ablate": {"grid": 4}})
    keypoints = content("keypoints", truth, tmp_path, other)
    assert keypoints["categories"] == [("cat", ["30.0", "0.500"])]
    assert keypoints["totals"] == [
        ("all: all blocks, K = 10", ["30.0", "0.500"]),
        ("all: only pooled, K = 4", ["4.0", "\N{EN DASH}"]),
        ("all: all blocks, K = 1", ["30.0", "0.500"]),
    ]
    columns = TASKS["keypoints"].section().columns
    assert [(c.title, c.text(keypoints["metrics"])) for c in columns] == [("APK", "30.0"), ("PCK", "0.500")]


def test_a_task_that_was_not_evaluated_has_no_metrics(truth, tmp_path):
    parts = content("parts", truth, tmp_path)
    assert (parts["metrics"], parts["categories"], parts["totals"], parts["pairs"]) == (None, [], [], [])


def test_incomplete_metrics_are_refused(truth, tmp_path):
    (tmp_path / "parts.json").write_text("{}")
    with pytest.raises(InputError, match=r"parts\.json lacks"):
        content("parts", truth, tmp_path)
