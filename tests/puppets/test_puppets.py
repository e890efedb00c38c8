"""Puppets are reproducible to the byte, their masks are exact, and no shortcut solves them."""

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

DRAWERS = ((person, 1.0), (horse, 1.5), (car, 4.4))
"""Each kind of figure with its height or length in its units."""


def settings_for(images: int, width: int = 160, height: int = 120) -> DatasetParameters:
    """Settings of a data set with `images` scenes per split."""
    return DatasetParameters(
        puppets=PuppetsParameters(train_images=images, val_images=images, width=width, height=height)
    )


def digests(folder) -> dict[str, str]:
    """SHA-256 of each file in a folder."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


def blank_canvas(photographs: SourcePhotographs, height: int, width: int) -> canvas.Canvas:
    """A black canvas for a picture of `height` x `width` pixels, lit from above."""
    colours = np.zeros((2 * height, 2 * width, 3), dtype=np.float32)
    return canvas.Canvas(colours, canvas.Light((0, -1), 0.3), photographs)


@pytest.fixture(scope="module")
def photographs() -> SourcePhotographs:
    """Source photographs of the installed packages."""
    return SourcePhotographs.load()


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> AnnotationSet:
    """Thirty scenes of the default size."""
    return puppets.generate(settings_for(30, 320, 240), "train", 0, tmp_path_factory.mktemp("images"))


def test_the_same_seed_gives_the_same_bytes_and_annotations(tmp_path):
    """Drawing the same split twice gives equal files and equal instances."""
    sets = [puppets.generate(settings_for(3), "train", 5, tmp_path / name) for name in ("a", "b")]
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert sets[0].instances == sets[1].instances


def test_scenes_depend_on_seed_split_and_number_only(tmp_path):
    """Another seed or split gives other pictures; asking for more scenes does not change the first ones."""
    puppets.generate(settings_for(2), "train", 0, tmp_path / "base")
    puppets.generate(settings_for(4), "train", 0, tmp_path / "more")
    puppets.generate(settings_for(2), "train", 1, tmp_path / "seed")
    puppets.generate(settings_for(2), "val", 0, tmp_path / "split")
    base, more = digests(tmp_path / "base"), digests(tmp_path / "more")
    assert base.items() <= more.items()
    for other in ("seed", "split"):
        assert not set(base.values()) & set(digests(tmp_path / other).values())


def test_masks_are_disjoint_and_divided_into_parts(drawn):
    """No two masks of an image overlap, and each mask is the disjoint union of its parts."""
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


def test_each_category_shows_all_parts_and_keypoints(drawn):
    """Each part and keypoint is visible in at least one scene, and keypoints occur unlabelled, hidden and visible."""
    for category in drawn.categories:
        instances = [i for i in drawn.instances if i.category_id == category.id]
        assert {part.name for i in instances for part in i.parts} == set(category.parts)
        keypoints = np.array([i.keypoints for i in instances]).reshape(len(instances), len(category.keypoints), 3)
        assert set(np.unique(keypoints[..., 2])) == {0, 1, 2}
        assert (keypoints[..., 2] == 2).any(axis=0).all()
        assert all(1 <= end <= len(category.keypoints) for pair in category.skeleton for end in pair)


def test_visible_keypoints_lie_on_their_instance(drawn):
    """A keypoint marked visible is at most one pixel outside its instance's mask."""
    for instance in drawn.instances:
        grown = cv2.dilate(masks.decode(instance.segmentation).astype(np.uint8), np.ones((3, 3), dtype=np.uint8))
        for x, y, visibility in np.array(instance.keypoints).reshape(-1, 3):
            assert visibility != 2 or grown[int(y), int(x)]


def test_a_figure_changes_exactly_the_pixels_of_its_mask(photographs):
    """Recolouring a figure changes the canvas where its mask is and nowhere else, occluder included."""
    rng = np.random.default_rng(3)
    for module, length in DRAWERS:
        figure = module.draw(rng, View(0.7, 0.2, 80 / length, (70.0, 95.0)), 80.0)
        occluder = clutter.draw(rng, 80.0, 110.0, 60.0)
        results = []
        for shade in (20.0, 200.0):
            surfaces = {key: materials.plain((shade,) * 3, 0.0) for key in figure.materials}
            board = blank_canvas(photographs, 120, 160)
            board.paint(0, dataclasses.replace(figure, materials=surfaces), np.random.default_rng(0))
            board.paint(1, occluder, np.random.default_rng(0))
            results.append(board.colours)
        np.testing.assert_array_equal((results[0] != results[1]).any(axis=2), board.shape_ids > 0)


def test_majority_equals_counting():
    """Each output pixel is the most frequent of its four values, the largest on a tie."""
    values = np.random.default_rng(0).integers(0, 4, (40, 60)).astype(np.int32)
    result = canvas.majority(values)
    for row in range(20):
        for column in range(30):
            votes = Counter(values[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].ravel().tolist())
            assert result[row, column] == max(votes, key=lambda value: (votes[value], value))


def test_filling_follows_the_box_convention():
    """A polygon on pixel borders covers the pixels between them, up to the outline that OpenCV adds."""
    square = np.array([(3, 2), (9, 2), (9, 7), (3, 7)], dtype=float)
    inside = canvas.fill(square, 12, 14).astype(bool)
    assert inside[2:7, 3:9].all()
    assert inside.sum() <= 6 * 7
    assert not canvas.fill(square - 100, 12, 14).any()


def test_sides_are_those_of_the_figure():
    """A figure facing the camera has its left on the right of the picture; one facing right shows its right side."""
    front, profile = View(0.0, 0.0, 1.0, (0.0, 0.0)), View(np.pi / 2, 0.0, 1.0, (0.0, 0.0))
    assert front.project([1, 0, 0])[0][0] > 0
    assert profile.project([0, 0, 1])[0][0] > 0
    assert profile.nearness([-1, 0, 0]) > 0.99
    rng = np.random.default_rng(0)
    points = {p.name: p for p in car.draw(rng, profile, 100.0).keypoints}
    assert points["left_headlight"].position[0] > points["left_taillight"].position[0]


def test_keypoints_come_in_the_order_of_the_category_on_shapes_of_the_figure():
    """COCO's flat list has no names, so a figure's keypoints follow its category; shapes that show them are drawn."""
    for module, length in DRAWERS:
        figures = [
            module.draw(np.random.default_rng(seed), View(yaw, 0.2, 80 / length, (0, 0)), 80.0)
            for seed in range(10)
            for yaw in (-2.0, -0.5, 0.5, 2.0)
        ]
        drawn_shapes = {shape.name for figure in figures for shape in figure.shapes}
        for figure in figures:
            assert tuple(point.name for point in figure.keypoints) == module.CATEGORY.keypoints
            assert all(point.on <= drawn_shapes for point in figure.keypoints)


def test_unoccluded_area_is_what_an_unoccluded_figure_shows(photographs):
    """The area counted from the polygons matches the painted pixels of a figure in the open, up to outlines."""
    rng = np.random.default_rng(1)
    for module, length in DRAWERS:
        figure = module.draw(rng, View(1.2, 0.2, 120 / length, (160.0, 180.0)), 120.0)
        board = blank_canvas(photographs, 240, 320)
        board.paint(0, figure, rng)
        visible = (board.finish()[1] > 0).sum()
        assert visible == pytest.approx(generator.unoccluded_area(figure), rel=0.12)


def test_barely_visible_figures_are_difficult(drawn):
    """Every instance below the smallest visible area is difficult, and most instances are not."""
    assert all(i.difficult for i in drawn.instances if i.area < generator.MIN_VISIBLE_PIXELS)
    share = np.mean([i.difficult for i in drawn.instances])
    assert 0 < share < 0.25


def test_a_fixed_silhouette_does_not_solve_the_data_set(drawn):
    """The mean mask of a category, pasted into the true box, overlaps moderately: pose, view and occlusion matter."""
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


def test_pictures_are_readable_and_exposed(drawn):
    """Files have the annotated size and are neither black nor white."""
    for image in drawn.images:
        with Picture.open(drawn.image_path(image)) as picture:
            assert picture.size == (image.width, image.height)
            assert 15 < np.asarray(picture).mean() < 240


@pytest.mark.parametrize(("width", "height"), [(96, 96), (97, 131), (500, 96)])
def test_any_size_can_be_drawn(photographs, width, height):
    """Small, odd and elongated pictures come out at the requested size."""
    for seed in range(4):
        result = scene.draw(np.random.default_rng(seed), width, height, photographs)
        assert result.picture.shape == (height, width, 3)
        assert result.shape_ids.shape == (height, width)


def test_filtering_categories_changes_annotations_not_pictures(tmp_path):
    """Figures of other categories are still drawn, are not annotated and are counted."""
    settings = settings_for(6)
    everything = puppets.generate(settings, "train", 0, tmp_path / "all")
    cars = puppets.generate(settings.model_copy(update={"categories": ("car",)}), "train", 0, tmp_path / "cars")
    assert digests(tmp_path / "all") == digests(tmp_path / "cars")
    expected = [i.segmentation for i in everything.instances if i.category_id == car.CATEGORY.id]
    assert [i.segmentation for i in cars.instances] == expected
    assert cars.counts["other_categories"] > 0
