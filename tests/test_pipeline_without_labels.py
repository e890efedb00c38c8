"""The pipeline runs where masks are missing or val has no annotations, with the predictions of the annotated data."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hypercolumns import Parameters, Workspace, steps
from hypercolumns.annotations.model import AnnotationSet, Instance
from hypercolumns.puppets import generate
from hypercolumns.workspace import SPLITS

SETTINGS = {
    "dataset": {"puppets": {"train_images": 6, "val_images": 4, "width": 160, "height": 128}},
    "proposals": {"max_per_image": 100},
    "backbone": {"weights": "random", "layers": ["stage1", "stage4", "pooled"], "input_size": 64},
    "detection": {"short_side": 128, "layers": ["stage4"], "max_per_image": 3, "training_regions": 1000},
    "rescoring": {"boxes_per_image": 8, "input_size": 64, "background_per_image": 8},
    # Without proposals, the training regions do not depend on the ranking, which masks improve.
    "regions": {"minimum_area": 30, "proposals_per_instance": 0},
    "train": {"grid": 2, "heat_map": 20},
    "ablate": {"grid": 2, "grids": [1]},
    "report": {"gallery": 2},
    "compute": {"workers": 1, "device": "cpu"},
}
pytestmark = pytest.mark.slow
ALL_TASKS = ("segmentation", "keypoints", "parts")
Change = Callable[[Instance], Instance | None]


def run(folder: Path, tasks: tuple[str, ...], change: Change, splits: tuple[str, ...] = SPLITS) -> Workspace:
    """Draw scenes, apply `change` to the instances of `splits` (None removes one), and run all steps on them."""
    parameters, workspace = Parameters.model_validate(SETTINGS | {"tasks": tasks}), Workspace.at(folder)
    workspace.images.mkdir(parents=True)
    for split in SPLITS:
        drawn = generate(parameters.dataset, split, parameters.seed, workspace.images)
        instances = tuple(filter(None, map(change, drawn.instances))) if split in splits else drawn.instances
        replace(drawn, instances=instances, image_root=str(workspace.images)).save(workspace.annotations(split))
    steps.propose_regions(parameters, workspace)
    steps.train_detector(parameters, workspace)
    steps.train_rescorer(parameters, workspace)
    steps.detect_objects(parameters, workspace)
    for split in SPLITS:
        steps.extract_features(parameters, workspace, split)
    for task in tasks:
        steps.train_task(parameters, workspace, task)
        steps.predict_task(parameters, workspace, task)
        steps.predict_baselines(parameters, workspace, task)
        steps.evaluate_task(parameters, workspace, task)
    steps.ablate_layers(parameters, workspace)
    steps.write_report(parameters, workspace)
    return workspace


def content(path: Path) -> dict | list:
    return json.loads(path.read_text())


def model_bytes(workspace: Workspace, task: str) -> dict[str, bytes]:
    folder = workspace.model(task)
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return run(tmp_path_factory.mktemp("labelled"), ALL_TASKS, lambda instance: instance)


def test_boxes_and_keypoints_without_masks_train_the_keypoints_of_data_with_masks(
    labelled: Workspace, tmp_path: Path
) -> None:
    """Model and PCK are equal; what needs masks has no values, and the page leaves it out."""
    unmasked = run(tmp_path, ("keypoints",), lambda i: replace(i, segmentation=None, parts=()))
    assert model_bytes(unmasked, "keypoints") == model_bytes(labelled, "keypoints")
    predictions = [w.ground_truth_predictions("keypoints").read_bytes() for w in (unmasked, labelled)]
    assert predictions[0] == predictions[1]
    metrics = content(unmasked.metric("keypoints"))
    assert metrics["mean_pck"] == content(labelled.metric("keypoints"))["mean_pck"] is not None
    assert metrics["mean_apk"] is not None
    assert content(unmasked.metric("ablation")) == []
    proposals = content(unmasked.metric("proposals"))
    assert proposals["box_recall_50"] > 0.5
    assert proposals["mask_abo"] is proposals["superpixel_bound"] is proposals["train"]["mask_abo"] is None
    page = unmasked.report.read_text()
    assert 'id="keypoints"' in page
    assert 'id="ablation"' not in page


@pytest.mark.parametrize("change", [lambda _: None, lambda i: replace(i, crowd=True)], ids=["unlabelled", "crowd"])
def test_without_labels_in_val_the_predictions_are_those_of_labelled_data(
    labelled: Workspace, tmp_path: Path, change: Change
) -> None:
    """Every metric is None, every plot that DVC draws is an empty list, and nothing is compared."""
    unlabelled = run(tmp_path, ALL_TASKS, change, splits=("val",))
    assert unlabelled.detections.read_bytes() == labelled.detections.read_bytes()
    page = unlabelled.report.read_text()
    for task in ALL_TASKS:
        assert unlabelled.predictions(task).read_bytes() == labelled.predictions(task).read_bytes()
        assert content(unlabelled.ground_truth_predictions(task)) == []
        summary = content(unlabelled.metric(f"{task}_summary"))
        assert summary == dict.fromkeys(content(labelled.metric(f"{task}_summary")))
        assert set(content(unlabelled.metric(task))) <= set(content(labelled.metric(task)))
        assert [file.name for file in unlabelled.baselines(task).iterdir()] == ["README"]
        plots = sorted((labelled.plots / task).iterdir())
        assert plots
        for plot in plots:
            assert content(plot)
            assert content(unlabelled.plot(task, plot.stem)) == []
        assert (f'id="{task}"' in page) == (task != "segmentation"), "masks are shown in the photographs"
    assert content(unlabelled.metric("ablation")) == []


def test_some_masks_are_enough_for_the_tasks_that_need_them(labelled: Workspace, tmp_path: Path) -> None:
    """Half of the instances have a mask, in both splits: fewer count for masks, as many as before for boxes."""
    mixed = run(tmp_path, ALL_TASKS, lambda i: i if i.id % 2 else replace(i, segmentation=None))
    counted = [i for i in AnnotationSet.load(mixed.annotations("val")).instances if not i.ignore]
    n_masks = sum(instance.has_mask for instance in counted)
    assert 0 < n_masks < len(counted)
    metrics = content(mixed.metric("segmentation"))
    assert metrics["positives"] == metrics["ground_truth_boxes"]["instances"] == n_masks
    assert metrics["ground_truth_boxes"]["mean_iou"] > 0
    ablation = content(mixed.metric("ablation"))
    assert {row["instances"] for row in ablation} == {n_masks}
    assert content(mixed.metric("parts"))["mean_part_iou"] is not None
    assert content(mixed.metric("keypoints"))["mean_pck"] == content(labelled.metric("keypoints"))["mean_pck"]
