"""Puppets: the same bytes always, masks that are what was painted, and scenes that shortcuts do not solve."""

import dataclasses
import hashlib
from collections import Counter

import cv2
import numpy as np
import pytest
from PIL import Image as Picture

from hypercolumns import puppets
from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.parameters import DatasetParameters, PuppetsParameters
from hypercolumns.puppets import canvas, car, clutter, generator, horse, materials, person, scene
from hypercolumns.puppets.photographs import SourcePhotographs
from hypercolumns.puppets.shapes import View

DRAWERS = {"person": person, "horse": horse, "car": car}


def settings_for(images: int, width: int = 160, height: int = 120) -> DatasetParameters:
    return DatasetParameters(
        puppets=PuppetsParameters(train_images=images, val_images=images, width=width, height=height)
    )


def digests(folder) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


@pytest.fixture(scope="module")
def photographs() -> SourcePhotographs:
    return SourcePhotographs.load()


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> AnnotationSet:
    return puppets.generate(settings_for(30, 320, 240), "train", 0, tmp_path_factory.mktemp("images"))


def test_the_same_seed_gives_the_same_bytes_and_annotations(tmp_path):
    sets = [puppets.generate(settings_for(3), "train", 5, tmp_path / name) for name in ("a", "b")]
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert sets[0].instances == sets[1].instances


def test_seeds_and_splits_differ_and_more_scenes_leave_the_first_ones(tmp_path):
    puppets.generate(settings_for(2), "train", 0, tmp_path / "base")
    puppets.generate(settings_for(4), "train", 0, tmp_path / "more")
    puppets.generate(settings_for(2), "train", 1, tmp_path / "seed")
    puppets.generate(settings_for(2), "val", 0, tmp_path / "split")
    base, more = digests(tmp_path / "base"), digests(tmp_path / "more")
    assert base.items() <= more.items()
    for other in ("seed", "split"):
        assert not set(base.values()) & set(digests(tmp_path / other).values())


def test_masks_of_an_image_are_disjoint_and_parts_divide_them(drawn):
    for image in drawn.images:
        instances = drawn.instances_by_image[image.id]
        covered = np.zeros((image.height, image.width), dtype=int)
        for instance in instances:
            mask = masks.decode(instance.segmentation)
            covered += mask
            parts = sum(masks.decode(part.segmentation).astype(int) for part in instance.parts)
            np.testing.assert_array_equal(parts, mask.astype(int))
            assert instance.box == masks.box(instance.segmentation)
            assert instance.area == mask.sum()
        assert covered.max(initial=0) <= 1


def test_every_category_occurs_with_all_its_parts_hidden_and_visible_keypoints(drawn):
    for category in drawn.categories:
        own = [i for i in drawn.instances if i.category_id == category.id]
        assert {part.name for i in own for part in i.parts} == set(category.parts)
        keypoints = np.array([i.keypoints for i in own]).reshape(len(own), len(category.keypoints), 3)
        assert set(np.unique(keypoints[..., 2])) == {0, 1, 2}
        assert (keypoints[..., 2] == 2).any(axis=0).all()
        assert all(1 <= end <= len(category.keypoints) for pair in category.skeleton for end in pair)


def test_visible_keypoints_lie_on_their_instance(drawn):
    for instance in drawn.instances:
        grown = cv2.dilate(masks.decode(instance.segmentation).astype(np.uint8), np.ones((3, 3), dtype=np.uint8))
        for x, y, seen in np.array(instance.keypoints).reshape(-1, 3):
            assert seen != 2 or grown[int(y), int(x)]


def test_a_figure_changes_exactly_the_pixels_of_its_mask(photographs):
    """Scenes painted twice, one figure in other colours, differ where its mask is and nowhere else (before blur)."""
    rng = np.random.default_rng(3)
    for name, module in DRAWERS.items():
        view = View(0.7, 0.2, 80 / {"person": 1.0, "horse": 1.5, "car": 4.4}[name], (70.0, 95.0))
        figure = module.draw(rng, view, 80.0)
        occluder = clutter.draw(rng, 80.0, 110.0, 60.0)
        pictures = []
        for shade in (20.0, 200.0):
            surfaces = {key: materials.plain((shade,) * 3, 0.0) for key in figure.materials}
            board = canvas.Canvas(np.full((240, 320, 3), 90, dtype=np.float32), canvas.Light((0, -1), 0.3), photographs)
            board.paint(0, dataclasses.replace(figure, materials=surfaces), np.random.default_rng(0))
            board.paint(1, occluder, np.random.default_rng(0))
            pictures.append(board.colours)
        np.testing.assert_array_equal((pictures[0] != pictures[1]).any(axis=2), board.numbers > 0)


def test_majority_equals_counting():
    numbers = np.random.default_rng(0).integers(0, 4, (40, 60)).astype(np.int32)
    result = canvas.majority(numbers)
    for row in range(20):
        for column in range(30):
            votes = Counter(numbers[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].ravel().tolist())
            assert result[row, column] == max(votes, key=lambda number: (votes[number], number))


def test_filling_follows_the_box_convention():
    """A polygon on pixel borders covers the pixels between them, up to the outline that OpenCV adds."""
    square = np.array([(3, 2), (9, 2), (9, 7), (3, 7)], dtype=float)
    inside = canvas.fill(square, 12, 14).astype(bool)
    assert inside[2:7, 3:9].all()
    assert inside.sum() <= 6 * 7
    assert not canvas.fill(square - 100, 12, 14).any()


def test_left_is_where_it_belongs():
    """A figure that faces us shows its left side on the picture's right; one that faces right shows its right side."""
    front, profile = View(0.0, 0.0, 1.0, (0.0, 0.0)), View(np.pi / 2, 0.0, 1.0, (0.0, 0.0))
    assert front.project([1, 0, 0])[0][0] > 0
    assert profile.project([0, 0, 1])[0][0] > 0
    assert profile.nearness([-1, 0, 0]) > 0.99
    rng = np.random.default_rng(0)
    points = {p.name: p for p in car.draw(rng, profile, 100.0).keypoints}
    assert points["left_headlight"].position[0] > points["left_taillight"].position[0]


def test_a_figure_in_the_open_shows_its_whole_area(photographs):
    """What `whole_area` counts at picture resolution is what the canvas shows when nothing hides the figure."""
    rng = np.random.default_rng(1)
    for name, module in DRAWERS.items():
        size = 120.0
        figure = module.draw(
            rng, View(1.2, 0.2, size / {"person": 1.0, "horse": 1.5, "car": 4.4}[name], (160.0, 180.0)), size
        )
        board = canvas.Canvas(np.zeros((480, 640, 3), dtype=np.float32), canvas.Light((0, -1), 0.3), photographs)
        board.paint(0, figure, rng)
        shown = (board.finish()[1] > 0).sum()
        assert shown == pytest.approx(generator.whole_area(figure), rel=0.12)


def test_little_visible_figures_are_difficult(drawn):
    assert all(i.difficult for i in drawn.instances if i.area < generator.LEAST_PIXELS)
    share = np.mean([i.difficult for i in drawn.instances])
    assert 0 < share < 0.25


def test_a_fixed_silhouette_does_not_solve_it(drawn):
    """The mean mask of a category, pasted into the true box, must leave much to learn: poses, views, occlusion."""
    overlaps = []
    for category in drawn.categories:
        crops = []
        for instance in drawn.instances:
            if instance.category_id == category.id and not instance.ignore:
                x0, y0, x1, y1 = (int(v) for v in instance.box)
                mask = masks.decode(instance.segmentation)[y0:y1, x0:x1].astype(np.float32)
                crops.append(cv2.resize(mask, (32, 32), interpolation=cv2.INTER_AREA) > 0.5)
        silhouette = np.mean(crops, axis=0) > 0.45
        overlaps += [(silhouette & crop).sum() / (silhouette | crop).sum() for crop in crops]
    assert 0.3 < np.mean(overlaps) < 0.7


def test_pictures_are_readable_and_neither_black_nor_white(drawn):
    for image in drawn.images:
        with Picture.open(drawn.image_path(image)) as picture:
            assert picture.size == (image.width, image.height)
            assert 15 < np.asarray(picture).mean() < 240


@pytest.mark.parametrize(("width", "height"), [(96, 96), (97, 131), (500, 96)])
def test_any_size_can_be_drawn(photographs, width, height):
    for seed in range(4):
        result = scene.draw(np.random.default_rng(seed), width, height, photographs)
        assert result.picture.shape == (height, width, 3)
        assert result.numbers.shape == (height, width)


def test_the_filter_leaves_other_figures_in_the_picture_unannotated(tmp_path):
    settings = settings_for(6)
    everything = puppets.generate(settings, "train", 0, tmp_path / "all")
    cars = puppets.generate(settings.model_copy(update={"categories": ("car",)}), "train", 0, tmp_path / "cars")
    assert digests(tmp_path / "all") == digests(tmp_path / "cars")
    expected = [i.segmentation for i in everything.instances if i.category_id == car.CATEGORY.id]
    assert [i.segmentation for i in cars.instances] == expected
    assert cars.counts["other_categories"] > 0
