"""The boxes for training and prediction, in an order that depends only on the boxes."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance
from hypercolumns.errors import InputError
from hypercolumns.features.schema import BOX, COLUMNS
from hypercolumns.features.selection import NEAR_DUPLICATE, training_regions, validation_regions
from hypercolumns.parameters import RegionParameters
from hypercolumns.regions import boxes

NO_MASK = {"size": [100, 100], "counts": ""}


@dataclass(frozen=True)
class Candidates:
    boxes: np.ndarray
    scores: np.ndarray


def instance(number: int, image: int, category: int, box: tuple, **changes: object) -> Instance:
    x0, y0, x1, y1 = box
    made = Instance(number, image, category, NO_MASK, box, area=(x1 - x0) * (y1 - y0))
    return replace(made, **changes)


@pytest.fixture
def annotations() -> AnnotationSet:
    return AnnotationSet(
        images=(Image(2, "b.jpg", 100, 100), Image(1, "a.jpg", 100, 100)),
        categories=(Category(1, "person"), Category(2, "horse"), Category(3, "car")),
        instances=(
            instance(10, 2, 2, (10, 10, 50, 50)),
            instance(11, 1, 1, (0, 0, 30, 60)),
            instance(12, 1, 1, (60, 60, 64, 64)),  # small
            instance(13, 1, 3, (50, 0, 90, 40), difficult=True),
            instance(14, 1, 2, (0, 0, 100, 100), crowd=True),
        ),
        image_root="photos",
    )


def candidates(rows: list[tuple], scores: list[float]) -> Candidates:
    return Candidates(np.array(rows, dtype=np.float32).reshape(-1, 4), np.array(scores, dtype=np.float32))


NO_CANDIDATES = candidates([], [])


def test_instances_are_used_for_training_unless_they_are_ignored_or_small(annotations: AnnotationSet) -> None:
    table = training_regions(annotations, {1: NO_CANDIDATES, 2: NO_CANDIDATES}, RegionParameters(), 0)
    assert list(table.columns) == list(COLUMNS)
    assert table["instance"].tolist() == [11, 10]  # category 1 first
    assert table["kind"].tolist() == ["ground_truth"] * 2
    assert table[BOX].to_numpy().tolist() == [[0, 0, 30, 60], [10, 10, 50, 50]]


def test_the_best_candidates_belong_to_the_instance_they_overlap_most(annotations: AnnotationSet) -> None:
    found = candidates(
        [
            (0, 0, 30, 50),  # .83 with instance 11
            (0, 0, 30, 55),  # .92
            (0, 0, 30, 55.1),  # a near duplicate, slightly better
            (0, 0, 30, 45),  # .75
            (0, 0, 30, 60),  # the box of the instance itself
            (50, 0, 90, 38),  # overlaps the difficult instance only
            (40, 40, 80, 80),  # overlaps nothing enough
        ],
        [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3],
    )
    settings = RegionParameters(proposals_per_instance=2)
    table = training_regions(annotations, {1: found, 2: NO_CANDIDATES}, settings, 0)
    chosen = table[table["kind"] == "proposal"]
    assert sorted(chosen["y1"]) == pytest.approx([50, 55.1])
    assert set(chosen["instance"]) == {11}
    expected = boxes.iou(chosen[BOX].to_numpy(), (0, 0, 30, 60))[:, 0]
    np.testing.assert_allclose(chosen["iou"], expected)
    assert sorted(chosen["score"]) == pytest.approx([0.7, 0.9])
    many = training_regions(annotations, {1: found, 2: NO_CANDIDATES}, RegionParameters(proposals_per_instance=9), 0)
    kept = many.loc[many["instance"] == 11, BOX].to_numpy()
    overlaps = boxes.iou(kept, kept)
    assert overlaps[~np.eye(len(kept), dtype=bool)].max() <= NEAR_DUPLICATE
    assert len(kept) == 4  # the instance, .92, .83 and .75


def test_jittered_copies_do_not_depend_on_other_images(annotations: AnnotationSet) -> None:
    settings = RegionParameters(jittered_per_instance=3, jitter=0.1, proposals_per_instance=0)
    table = training_regions(annotations, {}, settings, seed=4)
    moved = table[table["kind"] == "jittered"]
    assert len(moved) == 6
    of_10 = moved[moved["instance"] == 10]
    assert (np.abs(of_10[BOX].to_numpy() - [10, 10, 50, 50]) <= 4).all()
    assert (boxes.clip(moved[BOX].to_numpy(), 100, 100) == moved[BOX].to_numpy()).all()
    only = replace(annotations, images=annotations.images[:1], instances=annotations.instances[:1])
    alone = training_regions(only, {}, settings, seed=4)
    pd.testing.assert_frame_equal(
        alone[alone["kind"] == "jittered"].reset_index(drop=True), of_10.reset_index(drop=True)
    )
    other = training_regions(annotations, {}, settings, seed=5)
    assert not np.array_equal(other.loc[other["kind"] == "jittered", BOX], moved[BOX])


def test_the_order_of_the_annotations_does_not_matter(annotations: AnnotationSet) -> None:
    found = {i: candidates([(10, 10, 50, 48), (10, 10, 48, 50), (0, 0, 30, 50)], [0.9, 0.8, 0.7]) for i in (1, 2)}
    reversed_order = replace(annotations, instances=annotations.instances[::-1], images=annotations.images[::-1])
    first, second = (training_regions(a, found, RegionParameters(), 0) for a in (annotations, reversed_order))
    pd.testing.assert_frame_equal(first, second)
    assert first["category"].is_monotonic_increasing


def test_a_wanted_category_without_training_region_is_named(annotations: AnnotationSet) -> None:
    with pytest.raises(
        InputError, match=r"'car'.*none of its 1 training instances.*minimum_area = 100 .*: horse, person\."
    ):
        training_regions(
            annotations, {1: NO_CANDIDATES, 2: NO_CANDIDATES}, RegionParameters(), 0, wanted=("person", "car")
        )
    with pytest.raises(InputError, match="'cow'"):
        training_regions(annotations, {1: NO_CANDIDATES, 2: NO_CANDIDATES}, RegionParameters(), 0, wanted=("cow",))
    table = training_regions(
        annotations, {1: NO_CANDIDATES, 2: NO_CANDIDATES}, RegionParameters(), 0, wanted=("person", "horse")
    )
    assert set(table["category"]) == {1, 2}


def test_nothing_to_train_on_is_an_error(annotations: AnnotationSet) -> None:
    with pytest.raises(InputError, match="minimum_area = 5000"):
        training_regions(annotations, {}, RegionParameters(minimum_area=5000), 0)
    with pytest.raises(InputError, match="no region"):
        validation_regions(replace(annotations, instances=()), [])


def test_validation_has_all_detections_and_the_instances_that_are_not_ignored(annotations: AnnotationSet) -> None:
    results = [
        {"image_id": 2, "category_id": 1, "bbox": [1, 2, 10, 20], "score": 0.25},
        {"image_id": 1, "category_id": 1, "bbox": [0, 0, 5, 5], "score": 0.75},
    ]
    table = validation_regions(annotations, results)
    assert table["instance"].tolist() == [-1, 11, 12, -1, 10]
    found = table[table["kind"] == "detection"]
    assert found["score"].tolist() == [0.75, 0.25]
    assert found[BOX].to_numpy().tolist() == [[0, 0, 5, 5], [1, 2, 11, 22]]
