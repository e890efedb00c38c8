"""Overlays: what is drawn, where, and what stays as it was."""

import time

import cv2
import numpy as np
import pytest

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import Part
from hypercolumns.drawing.colours import palette
from hypercolumns.drawing.overlay import Figure, draw_overlay


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def disc(height, width, x, y, radius):
    rows, columns = np.mgrid[:height, :width]
    return (columns - x) ** 2 + (rows - y) ** 2 <= radius**2


def figure(mask, label="", **fields):
    code = masks.encode(mask)
    return Figure(label, masks.box(code), code, **fields)


def grown(mask, pixels):
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * pixels + 1,) * 2)).astype(bool)


def test_only_masks_and_their_outlines_change():
    photograph = noise(120, 160)
    discs = [disc(120, 160, 40, 40, 25), disc(120, 160, 110, 80, 30)]
    before = photograph.copy()
    picture = draw_overlay(photograph, [figure(m) for m in discs])
    assert picture.shape == photograph.shape
    assert picture.dtype == np.uint8
    assert np.array_equal(photograph, before)
    changed = (picture != photograph).any(axis=2)
    assert not changed[~grown(discs[0] | discs[1], 3)].any()
    assert changed[discs[0]].mean() > 0.95
    assert changed[discs[1]].mean() > 0.95


def test_a_label_changes_a_rectangle_beside_its_object_only():
    photograph = noise(200, 300)
    mask = disc(200, 300, 150, 120, 30)
    plain, labelled = (draw_overlay(photograph, [figure(mask, label)]) for label in ("", "person 0.95"))
    rows, columns = np.nonzero((plain != labelled).any(axis=2))
    assert rows.min() > 60
    assert 85 <= rows.max() <= 95, "ends where the object begins"
    assert 110 < columns.min() < 125
    assert columns.max() < 220


def small_boxes(count, height, width):
    corners = np.random.default_rng(0).uniform(0, [width - 9, height - 9], (count, 2))
    return [(x, y, x + 9, y + 9) for x, y in corners.tolist()]


def test_the_last_of_many_objects_have_no_labels_so_that_half_of_the_picture_stays_visible():
    photograph, boxes = np.full((300, 400, 3), 128, np.uint8), small_boxes(400, 300, 400)
    plain = draw_overlay(photograph, [Figure("", box) for box in boxes])
    labelled = draw_overlay(photograph, [Figure("person 0.95", box) for box in boxes])
    assert 0.35 < (labelled != plain).any(axis=2).mean() < 0.6
    without_first = draw_overlay(photograph, [Figure("person 0.95" if k else "", box) for k, box in enumerate(boxes)])
    assert (without_first != labelled).any(), "the first has a label"
    shown_half = draw_overlay(photograph, [Figure("person 0.95" if k < 200 else "", b) for k, b in enumerate(boxes)])
    assert np.array_equal(shown_half, labelled), "the last have none"


def test_fifty_objects_have_labels_however_small_the_picture():
    photograph, boxes = np.full((90, 120, 3), 128, np.uint8), small_boxes(50, 90, 120)
    with_all, without_last = (
        draw_overlay(photograph, [Figure("person" if k < n else "", box) for k, box in enumerate(boxes)])
        for n in (50, 49)
    )
    assert (with_all != without_last).any()


@pytest.mark.parametrize(("height", "width"), [(375, 500), (3000, 4000)])
def test_a_thousand_objects_are_drawn_in_less_than_two_seconds(height, width):
    photograph = np.zeros((height, width, 3), np.uint8)
    figures = [Figure(f"person {k / 1000:.2f}", box) for k, box in enumerate(small_boxes(1000, height, width))]
    start = time.process_time()
    draw_overlay(photograph, figures)
    assert time.process_time() - start < 2


def test_an_object_has_its_colour_and_neighbours_have_others():
    """On grey, the middle of a mask is a mixture with the colour of its place in the list."""
    photograph = np.full((60, 400, 3), 128, np.uint8)
    spots = [disc(60, 400, 20 + 40 * k, 30, 14) for k in range(10)]
    picture = draw_overlay(photograph, [figure(m) for m in spots]).astype(float)
    for k, colour in enumerate(palette(10)):
        assert picture[30, 20 + 40 * k] == pytest.approx(0.55 * 128 + 0.45 * np.array(colour), abs=1)
    centres = picture[30, 20::40]
    assert np.linalg.norm(np.diff(centres, axis=0), axis=1).min() > 20


@pytest.mark.parametrize("order", [1, -1])
def test_a_small_object_lies_on_a_large_one_whatever_their_order(order):
    photograph = np.full((100, 100, 3), 128, np.uint8)
    large, small = disc(100, 100, 50, 50, 45), disc(100, 100, 50, 50, 12)
    colours = palette(2)[::order]
    picture = draw_overlay(photograph, [figure(large), figure(small)][::order])
    assert picture[50, 50] == pytest.approx(0.55 * 128 + 0.45 * np.array(colours[1]), abs=1)
    assert picture[50, 15] == pytest.approx(0.55 * 128 + 0.45 * np.array(colours[0]), abs=1)


@pytest.mark.parametrize(("score", "opacity"), [(1.0, 1), (7.0, 1), (0.5, 0.7), (0.0, 0.4), (-3.0, 0.4)])
def test_masks_parts_and_boxes_of_low_scores_are_faint(score, opacity):
    """What a figure changes is mixed with what lies below it, a larger mask included, which keeps its colour."""
    photograph = noise(120, 300)
    below = figure(disc(120, 300, 80, 60, 50))
    small = disc(120, 300, 120, 60, 30)
    part = Part("head", masks.encode(small & disc(120, 300, 120, 50, 20)))

    def drawn(score):
        scored = figure(small, parts=(part,), score=score, colour=(9, 200, 90))
        return draw_overlay(photograph, [below, scored, Figure("", (200, 20, 280, 118), score=score)]).astype(float)

    before, full = draw_overlay(photograph, [below]), drawn(1.0)
    np.testing.assert_allclose(drawn(score), before + opacity * (full - before), atol=1)


def test_the_label_of_an_object_of_low_score_is_as_strong_as_any():
    photograph, box = noise(120, 300), (100.0, 60.0, 160.0, 100.0)
    unlabelled, labelled, certain = (
        draw_overlay(photograph, [Figure(label, box, score=score)])
        for label, score in (("", 0.1), ("person", 0.1), ("person", 1.0))
    )
    plate = (labelled != unlabelled).any(axis=2)
    assert plate.sum() > 300
    assert (labelled == certain)[plate].mean() > 0.9


@pytest.mark.parametrize("ground", [0, 255])
def test_an_outline_shows_on_black_and_on_white(ground):
    photograph = np.full((200, 200, 3), ground, np.uint8)
    picture = draw_overlay(photograph, [figure(disc(200, 200, 100, 100, 60))]).astype(int)
    profile = picture[100, 30:60].max(axis=1)
    assert np.abs(profile - ground).max() > 100


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 300), (300, 1), (8, 8), (90, 120), (3000, 4000)])
def test_pictures_of_any_size_are_drawn(height, width):
    photograph = noise(height, width)
    whole = np.ones((height, width), dtype=bool)
    keypoints = np.array([[0.5, 0.5, 1.0], [width, height, 1.0]])
    picture = draw_overlay(photograph, [figure(whole, "person 0.95", keypoints=keypoints, skeleton=((1, 2),))] * 2)
    assert picture.shape == photograph.shape
    assert (picture != photograph).any()


@pytest.mark.parametrize(("height", "width"), [(90, 120), (375, 500), (3000, 4000)])
def test_text_is_legible_on_the_picture_as_a_whole_and_at_its_full_size(height, width):
    photograph = np.full((height, width, 3), 128, np.uint8)
    box = (0.3 * width, 0.5 * height, 0.7 * width, 0.9 * height)
    with_label, without = (draw_overlay(photograph, [Figure(label, box)]) for label in ("person", ""))
    rows, columns = np.nonzero((with_label != without).any(axis=2))
    plate_height, plate_width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert plate_height >= 9
    assert 0.025 * height <= plate_height < 0.2 * height
    assert plate_width < 0.6 * width


def test_other_scripts_are_not_question_marks():
    photograph = np.full((100, 100, 3), 128, np.uint8)
    pictures = [draw_overlay(photograph, [Figure(label, (20, 50, 90, 90))]) for label in ("é", "中", "?", "??")]
    assert not any(np.array_equal(a, b) for a in pictures[:2] for b in pictures[2:])
    assert not np.array_equal(*pictures[:2])


@pytest.mark.parametrize("shape", [(50, 70), (50, 70, 1)])
def test_a_grey_photograph_becomes_rgb(shape):
    grey = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    mask = disc(50, 70, 30, 25, 10)
    expected = draw_overlay(np.repeat(grey.reshape(50, 70, 1), 3, axis=2), [figure(mask, "a")])
    assert np.array_equal(draw_overlay(grey, [figure(mask, "a")]), expected)
    assert np.array_equal(draw_overlay(grey, [])[..., 2], grey.reshape(50, 70))


def keypoint_picture(keypoints, skeleton=((1, 2),)):
    """A black picture of an object without a visible mask, and what its keypoints change."""
    photograph = np.zeros((100, 100, 3), np.uint8)
    box = (200.0, 200.0, 210.0, 210.0)
    drawn = draw_overlay(photograph, [Figure("", box, None, np.array(keypoints, dtype=float), skeleton)])
    return drawn.any(axis=2)


def test_keypoints_are_dots_with_lines_between_them():
    drawn = keypoint_picture([(20, 50, 0.9), (80, 50, 0.8)])
    assert drawn[50, 20:81].all()
    assert not drawn[:44].any()
    assert not keypoint_picture([(20, 50, 0.9), (80, 50, 0.8)], skeleton=())[50, 40:60].any()


@pytest.mark.parametrize("absent", [(80, 50, 0), (0, 0, 0.9), (0, 0, 0), (np.nan, 50, 0.9), (80, np.inf, 0.9)])
def test_an_absent_keypoint_and_its_lines_are_not_drawn(absent):
    drawn = keypoint_picture([(20, 50, 0.9), absent])
    assert drawn[50, 20]
    assert not drawn[:, 30:].any()
    assert not drawn[:40].any()


@pytest.mark.parametrize("far", [(150, 50), (-30, -70), (1e5, 50), (-1e30, 1e30)])
def test_a_keypoint_outside_the_picture_is_not_drawn_but_lines_to_it_are(far):
    drawn = keypoint_picture([(50, 50, 1.0), (*far, 1.0)])
    assert drawn.any()
    border = np.concatenate([drawn[0], drawn[-1], drawn[:, 0], drawn[:, -1]])
    assert border.any()


def test_parts_have_shades_of_the_colour_of_their_object_that_differ():
    photograph = np.full((100, 200, 3), 128, np.uint8)
    mask = disc(100, 200, 50, 50, 40) | disc(100, 200, 150, 50, 40)
    left, right = mask.copy(), mask.copy()
    left[:, 100:], right[:, :100] = False, False
    parts = (Part("head", masks.encode(left)), Part("tail", masks.encode(right)))
    picture = draw_overlay(photograph, [figure(mask, parts=parts)]).astype(int)
    head, tail = picture[50, 50], picture[50, 150]
    assert np.abs(head - tail).max() > 40
    assert np.argmax(head) == np.argmax(tail) == np.argmax(palette(1)[0])


def test_an_object_without_a_mask_or_with_an_empty_one_is_a_box():
    photograph = np.full((60, 80, 3), 128, np.uint8)
    for mask in (None, masks.empty(60, 80)):
        picture = draw_overlay(photograph, [Figure("", (10, 10, 50, 40), mask)])
        changed = (picture != photograph).any(axis=2)
        assert changed[10, 10:50].all()
        assert changed[10:40, 49].all()
        assert not changed[15:35, 15:45].any()


def test_a_picture_is_the_same_each_time():
    photograph = noise(200, 200)
    figures = [figure(disc(200, 200, 20 + 3 * k, 40 + 2 * k, 5 + k), f"thing {k}") for k in range(40)]
    assert np.array_equal(draw_overlay(photograph, figures), draw_overlay(photograph, figures))


@pytest.mark.parametrize(
    ("photograph", "figures", "complaint"),
    [
        (np.zeros((5, 5, 4), np.uint8), [], r"\(5, 5, 4\)"),
        (np.zeros((5, 5, 3)), [], "float64"),
        (np.zeros((0, 5, 3), np.uint8), [], r"\(0, 5, 3\)"),
        (np.zeros((5, 5, 3), np.uint8), [Figure("cat", (0, 0, 1, 1), masks.empty(5, 6))], "mask of 'cat'"),
        (np.zeros((5, 5, 3), np.uint8), [Figure("cat", (0, 0, np.nan, 1))], "box or score of 'cat'"),
        (np.zeros((5, 5, 3), np.uint8), [Figure("cat", (0, 0, 1, 1), score=np.nan)], "box or score of 'cat'"),
        (np.zeros((5, 5, 3), np.uint8), [Figure("cat", (0, 0, 1, 1), None, np.zeros(6))], "Keypoints of 'cat'"),
    ],
)
def test_unusable_arguments_are_refused(photograph, figures, complaint):
    with pytest.raises(ValueError, match=complaint):
        draw_overlay(photograph, figures)
