"""The second step of detection: which boxes are seen again, what it learns, and that a run gives the same bytes."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image as Picture

from hypercolumns.annotations.model import AnnotationSet, Image
from hypercolumns.annotations.results import Result
from hypercolumns.backbones import Backbone, create_backbone
from hypercolumns.cluster.connection import connect
from hypercolumns.detection import crops, rescoring
from hypercolumns.detection.candidate_set import CandidateSet
from hypercolumns.detection.crops import Crops, backbone_of_crops, describe_crops
from hypercolumns.detection.detector import Detector
from hypercolumns.detection.examples import BACKGROUND, LabelledBoxes, training_instances
from hypercolumns.detection.linear_models import LinearClassifiers
from hypercolumns.detection.rescoring import (
    PARTIAL_OVERLAP,
    CropFeaturesOf,
    Shortlist,
    choose_examples,
    choose_shortlists,
    detect_again,
    fit_rescorer,
)
from hypercolumns.detection.run import DetectionInput, Rescoring, train
from hypercolumns.errors import InputError
from hypercolumns.features import region_source
from hypercolumns.features.passes import Blocks
from hypercolumns.features.region_source import warped_blocks
from hypercolumns.features.schema import BOX
from hypercolumns.features.store import FeatureStore
from hypercolumns.parameters import (
    BackboneParameters,
    ComputeParameters,
    DetectionParameters,
    RescoringParameters,
)
from hypercolumns.places.place import place_at
from hypercolumns.regions.boxes import Boxes, expand, from_coco, iou
from hypercolumns.workspace import SPLITS, Split
from tests.cluster.processes import cluster
from tests.detection.detection_scenes import (
    KnownFeatures,
    candidates,
    draw,
    make_instance,
    scenes,
    separable,
    separable_features,
)
from tests.object_store.server import S3Server

CATEGORIES = (3, 7)
DETECTION = DetectionParameters(max_per_image=5)
SETTINGS = RescoringParameters(
    boxes_per_image=12, background_per_image=8, penalty=1e-4, iterations=100, regression_penalty=None
)


def _blind() -> tuple[Detector, KnownFeatures]:
    """A first step that knows nothing, and the features that it is given."""
    classifiers = LinearClassifiers(np.zeros((1, 3), np.float32), np.zeros(3, np.float32))
    features = KnownFeatures(lambda _, boxes: np.zeros((len(boxes), 1), np.float32))
    return Detector(CATEGORIES, classifiers), features


def _described(annotations: AnnotationSet, listed: Mapping[int, Shortlist | LabelledBoxes]) -> CropFeaturesOf:
    """Separable features instead of those of crops."""
    features = separable_features(annotations)
    return lambda image_id: features.describe(annotations.image_by_id[image_id], listed[image_id].boxes)


def test_the_shortlist_has_the_best_boxes_of_all_categories() -> None:
    """A box next to a better one of another category is dropped, and the rest is limited in number."""
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 11], [50, 50, 60, 60], [80, 80, 90, 90.0]])
    scores = np.array([[0.2, 0.5], [0.6, 0.1], [0.3, 0.0], [0.1, 0.2]])
    settings = RescoringParameters(boxes_per_image=2, suppression_overlap=0.5)
    chosen = Shortlist.of(boxes, scores, settings)
    assert chosen.boxes.tolist() == boxes[[1, 2]].tolist()
    assert chosen.scores.tolist() == scores[[1, 2]].tolist()


def test_the_order_of_the_proposals_counts_in_the_shortlist() -> None:
    """An early box with a slightly lower score is chosen before a late one that it overlaps."""
    early, late, others = [0, 0, 10, 10], [0, 0, 10, 11], [[50 + 2 * i, 50, 51 + 2 * i, 60] for i in range(20)]
    boxes = np.array([early, *others, late], dtype=np.float64)
    scores = np.array([[0.5], *[[0.1]] * 20, [0.6]])
    chosen = Shortlist.of(boxes, scores, RescoringParameters(boxes_per_image=1, suppression_overlap=0.5))
    assert chosen.boxes.tolist() == [early]
    scores[-1] = 0.95
    chosen = Shortlist.of(boxes, scores, RescoringParameters(boxes_per_image=1, suppression_overlap=0.5))
    assert chosen.boxes.tolist() == [late]


def test_scores_of_both_steps_count() -> None:
    """With features that say nothing, the order is that of the first step; scores that agree stay as they are."""
    detector, _ = _blind()
    shortlist = Shortlist(np.array([[0, 0, 10, 10], [30, 30, 40, 40.0]]), np.array([[0.09, 0.0], [0.36, 0.0]]))
    image = scenes(1, seed=0).images[0]
    found = shortlist.detect(
        lambda boxes: np.zeros((len(boxes), 1), np.float32), np.zeros((2, 0), np.float32), detector, image, DETECTION
    )
    best = [d["score"] for d in found if d["category_id"] == 3]
    assert best == pytest.approx([(0.6 / 3) ** (2 / 3), (0.3 / 3) ** (2 / 3)], abs=1e-5)
    agreeing = Shortlist(shortlist.boxes[:1], np.full((1, 2), 1 / 3))
    (score, _) = agreeing.detect(
        lambda boxes: np.zeros((len(boxes), 1), np.float32), np.zeros((1, 0), np.float32), detector, image, DETECTION
    )
    assert score["score"] == pytest.approx(1 / 3, abs=1e-5)


def test_examples_are_instances_boxes_on_them_and_the_hardest_background() -> None:
    """Labels and objects fit the boxes; background is what scores highest."""
    annotations = scenes(3, seed=1)

    def widths(_: Image, boxes: Boxes) -> NDArray[np.float32]:
        return (boxes[:, 2:3] - boxes[:, :1]).astype(np.float32) / 96

    by_width = Detector(CATEGORIES, LinearClassifiers(np.array([[9, 0, 0]], np.float32), np.zeros(3, np.float32)))
    candidate_set = separable(annotations, KnownFeatures(widths))
    chosen = choose_examples(candidate_set, by_width, DETECTION, SETTINGS, np.random.default_rng(0))
    for image in annotations.images:
        instances, of_image = annotations.instances_by_image[image.id], chosen[image.id]
        truth = np.array([i.box for i in training_instances(instances)])
        assert of_image.boxes[:2].tolist() == truth.tolist()
        overlaps = iou(of_image.boxes, truth)
        positive = of_image.labels != BACKGROUND
        assert (overlaps[positive].max(axis=1) >= DETECTION.positive_overlap).all()
        assert (overlaps[~positive].max(axis=1) < PARTIAL_OVERLAP).all()
        labels = np.array([CATEGORIES.index(i.category_id) for i in instances])[overlaps.argmax(axis=1)]
        assert of_image.labels[positive].tolist() == labels[positive].tolist()
        assert of_image.objects[positive].tolist() == truth[overlaps.argmax(axis=1)][positive].tolist()
        counts = np.bincount(overlaps[positive].argmax(axis=1))
        assert counts.max() <= 1 + SETTINGS.positive_per_instance
        is_partial = ~positive & (overlaps.max(axis=1) >= DETECTION.negative_overlap)
        assert np.bincount(overlaps[is_partial].argmax(axis=1)).max() <= SETTINGS.partial_per_instance
        hardest = of_image.boxes[~positive & ~is_partial]
        assert len(hardest) == SETTINGS.background_per_image
        every = candidates(annotations, image.id)
        widest = every[iou(every, truth).max(axis=1) < DETECTION.negative_overlap]
        assert hardest[0].tolist() == widest[(widest[:, 2] - widest[:, 0]).argmax()].tolist()


def test_boxes_near_ignored_instances_are_no_examples() -> None:
    """They may show an object; nor do they count among the partial boxes of an instance that is trained on."""
    trained, ignored = make_instance(1, 1, 3, [0, 0, 20, 20]), make_instance(2, 1, 7, [60, 20, 80, 40], difficult=True)
    on_trained, on_ignored = [[0, 0, 20, 8]], [[60, 20, 80, 28], [60, 32, 80, 40], [60, 20, 70, 40], [60, 20, 80, 40]]
    annotations = replace(scenes(1, seed=0), instances=(trained, ignored))
    detector, features = _blind()
    candidate_set = CandidateSet("train", annotations, lambda _: on_ignored + on_trained, features)
    chosen = choose_examples(candidate_set, detector, DETECTION, SETTINGS, np.random.default_rng(0))[1]
    assert chosen.boxes.tolist() == [list(trained.box), *on_trained]
    assert chosen.labels.tolist() == [0, BACKGROUND]


def test_the_number_of_examples_is_bounded() -> None:
    """Those that are left keep their labels and objects."""
    annotations = scenes(4, seed=1)
    detector, features = _blind()
    candidate_set = separable(annotations, features)
    every, some = (
        choose_examples(
            candidate_set,
            detector,
            DETECTION.model_copy(update={"training_regions": limit}),
            SETTINGS,
            np.random.default_rng(0),
        )
        for limit in (4000, 10)
    )
    assert len(every) == 4
    (of_image,) = some.values()  # fewer photographs, rather than few boxes of each
    assert len(of_image.boxes) == 10
    bounded = rescoring._at_most(10, every, np.random.default_rng(0))
    assert sum(len(b.boxes) for b in bounded.values()) == 10
    for image_id, of_image in bounded.items():
        rows = [every[image_id].boxes.tolist().index(box) for box in of_image.boxes.tolist()]
        assert of_image.labels.tolist() == every[image_id].labels[rows].tolist()
        assert np.array_equal(of_image.objects, every[image_id].objects[rows], equal_nan=True)


def test_the_second_step_finds_what_the_first_one_cannot_tell() -> None:
    """The first step scores all boxes alike; after the second, the best two boxes of an image are its objects."""
    detector, features = _blind()
    wide = SETTINGS.model_copy(update={"boxes_per_image": 200, "suppression_overlap": 0.9})
    train_set, test = scenes(20, seed=2), scenes(10, seed=3)
    known = separable(train_set, features)
    chosen = choose_examples(known, detector, DETECTION, wide, np.random.default_rng(0))
    rescorer = fit_rescorer(known, chosen, _described(train_set, chosen), CATEGORIES, wide)
    new = separable(test, features)
    shortlists = choose_shortlists(new, detector, wide)
    found = detect_again(new, shortlists, _described(test, shortlists), rescorer, DETECTION)
    for image_id, truths in test.instances_by_image.items():
        best = [d for d in found if d["image_id"] == image_id][:2]
        for truth in truths:
            same = [from_coco(d["bbox"]) for d in best if d["category_id"] == truth.category_id]
            assert max((iou(box, truth.box)[0, 0] for box in same), default=0) > 0.6


# Runs with a network of random weights, on drawn photographs.

NETWORK = BackboneParameters(weights="random", layers=("stage1", "stage3"), input_size=64)
FIRST = DetectionParameters(layers=NETWORK.layers, short_side=96, training_regions=400, iterations=10, max_per_image=5)
SECOND = RescoringParameters(
    boxes_per_image=10,
    input_size=48,
    cells=2,
    background_per_image=6,
    iterations=10,
)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return create_backbone(NETWORK, 0, "detection.layers")


class Project:
    """Photographs, and the two steps on them."""

    def __init__(self, folder: Path, backbone: Backbone) -> None:
        self.folder = folder
        for split, count, seed in (("train", 6, 0), ("val", 3, 1)):
            (folder / split).mkdir()
            draw(scenes(count, seed), folder / split)
        sets = {
            "train": scenes(6, 0, root=str(folder / "train")),
            "val": scenes(3, 1, root=str(folder / "val")),
        }
        self.scratch = folder / "scratch"
        self.given = {
            split: DetectionInput(
                split, of_split, partial(candidates, of_split), backbone, FIRST, torch.device("cpu"), self.scratch
            )
            for split, of_split in sets.items()
        }
        seen = backbone_of_crops(backbone, SECOND)
        self.second = Rescoring(Crops(seen, 1.4, ComputeParameters(device="cpu"), None, self.scratch), SECOND)

    def crops(self, split: Split) -> FeatureStore:
        """Open what is kept of the crops of a split."""
        return FeatureStore.open(self.scratch / crops.FOLDER / f"crops-{split}.zarr")

    def run(self) -> list[Result]:
        detector = train(self.given["train"], 0)
        rescorer = self.second.train(self.given["train"], detector, 0)
        return self.second.detect(self.given["val"], detector, rescorer)


@pytest.fixture
def project(tmp_path: Path, backbone: Backbone) -> Project:
    return Project(tmp_path, backbone)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, backbone: Backbone) -> list[Result]:
    return Project(tmp_path_factory.mktemp("undisturbed"), backbone).run()


def test_detections_are_complete(undisturbed: list[Result]) -> None:
    """As many as allowed in every photograph, the best first."""
    assert [d["image_id"] for d in undisturbed] == [1] * 5 + [2] * 5 + [3] * 5
    for first in (0, 5, 10):
        scores = [d["score"] for d in undisturbed[first : first + 5]]
        assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("cores", [1, 3])
def test_the_number_of_cores_changes_nothing(
    project: Project, undisturbed: list[Result], monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    before = torch.get_num_threads()
    torch.set_num_threads(cores)
    try:
        assert project.run() == undisturbed
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("through_s3", [False, True])
def test_workers_in_other_processes_change_nothing(
    project: Project, undisturbed: list[Result], bucket: S3Server, through_s3: bool
) -> None:
    """They share the folder of the client, or an object store alone."""
    storage = bucket.url if through_s3 else None
    compute = ComputeParameters(device="cpu", storage=storage)
    with cluster(project.folder / "elsewhere", 2) as address, connect(ComputeParameters(scheduler=address)) as client:
        place = None if storage is None else place_at(storage)
        project.given = {k: replace(given, client=client, storage=place) for k, given in project.given.items()}
        project.second = replace(project.second, crops=replace(project.second.crops, client=client, compute=compute))
        assert project.run() == undisturbed


@pytest.mark.parametrize(
    ("module", "name"), [(crops, "describe_crops"), (rescoring, "fit_positive_moves"), (rescoring, "best_boxes")]
)
def test_a_run_goes_on_after_an_interruption(
    project: Project, undisturbed: list[Result], monkeypatch: pytest.MonkeyPatch, module: object, name: str
) -> None:
    """And both together see every crop once."""
    seen = 0

    def count(network: Backbone, photographs: Sequence[NDArray[np.uint8]], *others: Any) -> Blocks:
        nonlocal seen
        seen += len(photographs)
        return warped_blocks(network, photographs, *others)

    monkeypatch.setattr(region_source, "warped_blocks", count)
    with monkeypatch.context() as patch:
        patch.setattr(module, name, _interrupt)
        with pytest.raises(KeyboardInterrupt):
            project.run()
    assert seen > 0
    assert project.run() == undisturbed
    assert seen == sum(len(project.crops(split).regions) for split in SPLITS)


def _interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_crops_are_kept_as_a_feature_store(project: Project) -> None:
    """Its blocks are the means of the maps of each warped box over the parts of a grid."""
    project.run()
    store = project.crops("val")
    boxes = expand(store.regions[list(BOX)].to_numpy(), 1.4)
    assert np.allclose(store.expanded_boxes, boxes)
    photographs = [
        np.array(Picture.open(project.folder / "val" / f"{image}.png").convert("RGB"))
        for image in store.regions["image"]
    ]
    crops_network = create_backbone(NETWORK.model_copy(update={"input_size": SECOND.input_size}), 0, "detection.layers")
    for layer, maps in warped_blocks(crops_network, photographs, boxes, torch.device("cpu")).items():
        side = maps.shape[-1]
        # Every pixel stands for 2 x 2, so that each of the 2 x 2 parts has as many.
        parts = maps.astype(np.float32).repeat(2, axis=2).repeat(2, axis=3).reshape(*maps.shape[:2], 2, side, 2, side)
        assert np.allclose(store.read(layer, slice(None)), parts.mean(axis=(3, 5)), rtol=5e-3, atol=2e-3), layer


def test_each_layer_of_a_crop_has_length_1() -> None:
    """So that no layer counts more than another."""
    rng = np.random.default_rng(0)
    blocks = {name: rng.normal(0, size, (5, size, 2, 2)).astype(np.float32) for name, size in (("a", 3), ("b", 7))}
    described = describe_crops(blocks)
    for part in np.split(described, [3 * 4], axis=1):
        assert np.allclose(np.linalg.norm(part, axis=1), 1)


def test_steps_with_other_categories_are_refused(project: Project) -> None:
    """Their scores could not be multiplied."""
    detector, _ = _blind()
    other = Detector((3,), detector.classifiers)
    with pytest.raises(InputError, match="trained for other categories"):
        project.second.detect(project.given["val"], detector, other)
