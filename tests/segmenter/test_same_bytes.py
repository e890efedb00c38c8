"""A segmenter gives, to the byte, what the pipeline predicts for the same photographs."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from hypercolumns import FeatureStore, GridModel, Segmenter, heat_maps
from hypercolumns.annotations.results import write_results
from hypercolumns.segmenter.answers import Answers
from hypercolumns.segmenter.photographs import Photograph
from tests.trained_projects import TASKS, TrainedProject


@pytest.fixture(params=["warped", "pooled"])
def project(request: pytest.FixtureRequest) -> TrainedProject:
    found: TrainedProject = request.getfixturevalue(request.param)
    return found


def require_same_bytes(project: TrainedProject, answers: Iterable[Answers], folder: Path) -> None:
    found = list(answers)
    for task in TASKS:
        write_results([result for each in found for result in each.coco_results(task)], folder / f"{task}.json")
        assert (folder / f"{task}.json").read_bytes() == project.workspace.predictions(task).read_bytes()
        assert any(each.coco_results(task) for each in found)


def items(project: TrainedProject) -> list[Photograph]:
    return [Photograph.of(project.photograph(image), image.id, image.file_name) for image in project.val.images]


@pytest.mark.parametrize("name", ["bundle", "bundle_archive"])
def test_own_detections_side_by_side(project: TrainedProject, name: str, tmp_path: Path) -> None:
    segmenter = Segmenter.open(getattr(project.workspace, name), device="cpu")
    answers = [each for each in segmenter.map(items(project)) if isinstance(each, Answers)]
    require_same_bytes(project, answers, tmp_path)


def test_own_detections_one_by_one(project: TrainedProject, tmp_path: Path) -> None:
    """Each answer alone, so the ids of the photographs are filled in."""
    segmenter = Segmenter.open(project.workspace.bundle, device="cpu")
    require_same_bytes(project, (alone(segmenter, project, i, lambda _: {}) for i in range(4)), tmp_path)


def test_given_boxes(project: TrainedProject, tmp_path: Path) -> None:
    segmenter = Segmenter.open(project.workspace.bundle_archive, device="cpu")

    def given(image_id: int) -> dict:
        found = [d for d in project.detections if d["image_id"] == image_id]
        boxes = np.array([d["bbox"] for d in found])
        return {
            "boxes": np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]]),
            "categories": [d["category_id"] for d in found],
            "scores": [d["score"] for d in found],
        }

    require_same_bytes(project, (alone(segmenter, project, i, given) for i in range(4)), tmp_path)


def alone(segmenter: Segmenter, project: TrainedProject, i: int, given: Callable[[int], dict]) -> Answers:
    """Answers for one photograph, with the id that it has in the project."""
    image = project.val.images[i]
    answers = segmenter(project.photograph(image), **given(image.id))
    for of_task in answers.results.values():
        for result in (result for of_box in of_task for result in of_box):
            assert result["image_id"] == 1
            result["image_id"] = image.id  # type: ignore[index]
    return answers


def test_heat_maps_are_those_of_the_stored_features(project: TrainedProject) -> None:
    """Up to the precision of stores, float16."""
    store = FeatureStore.open(project.workspace.features("val"))
    segmenter = Segmenter.open(project.workspace.bundle, device="cpu")
    image = project.val.images[0]
    answers = segmenter(project.photograph(image))
    regions = store.regions
    rows = np.flatnonzero((regions["image"] == image.id) & (regions["kind"] == "detection"))
    rows = rows[np.argsort(-regions["score"].to_numpy()[rows], kind="stable")]
    assert len(rows) == len(answers)
    np.testing.assert_array_equal(answers.expanded_boxes, store.expanded_boxes[rows])
    for task in TASKS:
        model = GridModel.open(project.workspace.model(task))
        assert answers.targets[task] == model.targets
        for of_box, row in zip(answers.heat[task], rows, strict=True):
            blocks = {layer: store.read(layer, slice(row, row + 1)) for layer in store.layers}
            group = model.group_of_category.get(int(regions["category"][row]))
            if group is None:
                assert not of_box.any()
                continue
            (expected,) = heat_maps(model, group, blocks, project.parameters.predict.blending)
            shown = of_box.any(axis=(1, 2))  # those that the category has
            np.testing.assert_allclose(of_box[shown], expected[shown], atol=1e-6)
