"""Labels lie inside the canvas and beside their objects, and do not cover one another while there is room."""

import time

import numpy as np
import pytest

from hypercolumns.drawing.labels import Label, place_labels


def crowd(seed, count=40):
    """Boxes, label sizes and a canvas; half of the crowds lie in one corner, and some boxes reach beyond the canvas."""
    rng = np.random.default_rng(seed)
    canvas = rng.integers(20, 600, 2)
    spread = canvas * rng.choice([0.2, 1.1])
    corners = rng.uniform(-10, spread, (count, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(0, spread * rng.choice([0.05, 0.5]), (count, 2))], axis=1)
    sizes = rng.uniform([10, 8], [120, 25], (count, 2))
    return boxes, sizes, tuple(canvas.tolist())


def overlap(a, b):
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    return max(width, 0) * max(height, 0)


def gap(label, box):
    """Distance between a label and a box."""
    x0, y0, x1, y1 = box
    dx = max(x0 - label.x - label.width, label.x - x1, 0)
    dy = max(y0 - label.y - label.height, label.y - y1, 0)
    return np.hypot(dx, dy)


def pairs_overlap(labels):
    return [overlap(a, b) for i, a in enumerate(labels) for b in labels[:i]]


@pytest.mark.parametrize("seed", range(40))
def test_labels_of_any_crowd_are_inside_the_canvas(seed):
    boxes, sizes, (width, height) = crowd(seed)
    labels = place_labels(boxes, sizes, (width, height))
    assert len(labels) == len(boxes)
    for label, size in zip(labels, sizes, strict=True):
        assert (label.width, label.height) == (min(size[0], width), min(size[1], height))
        assert 0 <= label.x <= width - label.width
        assert 0 <= label.y <= height - label.height


@pytest.mark.parametrize("seed", range(40))
def test_a_leader_joins_a_label_with_its_object_if_they_do_not_touch(seed):
    boxes, sizes, canvas = crowd(seed)
    visible = np.clip(boxes, 0, [*canvas, *canvas])
    labels = place_labels(boxes, sizes, canvas)
    for label, box in zip(labels, visible, strict=True):
        assert (label.leader is None) == (gap(label, box) < 1e-6)
        if label.leader:
            x0, y0, x1, y1 = label.leader
            assert label.x <= x0 <= label.x + label.width
            assert label.y <= y0 <= label.y + label.height
            assert box[0] <= x1 <= box[2]
            assert box[1] <= y1 <= box[3]


def test_some_crowds_need_leaders():
    """Otherwise the test above would hold without any."""
    assert any(label.leader for seed in range(40) for label in place_labels(*crowd(seed)))


@pytest.mark.parametrize("seed", range(10))
def test_with_room_labels_touch_their_objects_and_no_other_label(seed):
    """Each object has a cell of the canvas with room for its label."""
    rng = np.random.default_rng(seed)
    cells = np.stack(np.meshgrid(np.arange(6) * 100, np.arange(6) * 60), axis=-1).reshape(-1, 2)
    corners = cells + rng.uniform(0, [60, 30], (36, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(2, [40, 30], (36, 2))], axis=1)
    labels = place_labels(boxes, rng.uniform([20, 8], [80, 15], (36, 2)), (600, 360))
    assert max(pairs_overlap(labels)) < 1e-6
    assert all(gap(label, box) < 1e-6 for label, box in zip(labels, boxes, strict=True))


@pytest.mark.parametrize("seed", range(10))
def test_a_crowd_in_a_corner_of_a_large_canvas_has_no_overlapping_labels(seed):
    boxes = crowd(seed)[0] / 20
    labels = place_labels(boxes, [(60, 12)] * len(boxes), (800, 800))
    assert max(pairs_overlap(labels)) < 1e-3
    assert max(gap(label, box) for label, box in zip(labels, boxes, strict=True)) < 400


def test_without_room_labels_are_spread_over_the_canvas():
    """Sixteen labels on room for four: no place is left empty while another is covered by all."""
    labels = place_labels([(40, 20, 44, 24)] * 16, [(50, 20)] * 16, (100, 40))
    count = np.zeros((40, 100), dtype=int)
    for label in labels:
        count[round(label.y) : round(label.y + label.height), round(label.x) : round(label.x + label.width)] += 1
    assert count.min() >= 1
    assert count.max() <= 8


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        pytest.param((20, 30, 60, 50), (20, 20), id="above"),
        pytest.param((20, 0, 60, 90), (20, 0), id="inside, at the upper edge of a large object"),
        pytest.param((20, 2, 50, 12), (20, 12), id="below a small object at the upper edge"),
        pytest.param((90, 50, 100, 60), (70, 40), id="moved to the left at the right edge"),
    ],
)
def test_a_single_label_is_where_it_is_expected(box, expected):
    (label,) = place_labels([box], [(30, 10)], (100, 100))
    assert (label.x, label.y) == expected


def test_a_label_does_not_hide_a_small_object():
    """The place above the large object is taken by a small one."""
    large, small = (20, 40, 80, 90), (22, 32, 30, 38)
    first, second = place_labels([large, small], [(30, 10)] * 2, (100, 100))
    assert not (first.y < small[3] and first.y + 10 > small[1] and first.x < small[2] and first.x + 30 > small[0])
    assert gap(second, small) == 0


def test_labels_are_the_same_each_time():
    assert place_labels(*crowd(3)) == place_labels(*crowd(3))


def test_three_hundred_labels_are_placed_in_less_than_two_seconds():
    boxes, sizes, canvas = crowd(5, 300)
    start = time.process_time()
    place_labels(boxes, sizes, canvas)
    assert time.process_time() - start < 2


def test_no_objects_have_no_labels():
    assert place_labels([], [], (10, 10)) == []


@pytest.mark.parametrize(
    ("boxes", "sizes", "complaint"),
    [([(0, 0, 1, 1)], [], "1 boxes and 0 sizes"), ([(0, 0, np.nan, 1)], [(1, 1)], "finite")],
)
def test_unusable_arguments_are_refused(boxes, sizes, complaint):
    with pytest.raises(ValueError, match=complaint):
        place_labels(boxes, sizes, (10, 10))


def test_a_label_away_from_its_object_hides_no_object():
    """Thirty small objects in the middle of a large canvas: labels that do not touch theirs lie around the crowd."""
    corners = np.random.default_rng(0).uniform(150, 230, (30, 2))
    boxes = np.concatenate([corners, corners + 4], axis=1)
    away = [label for label in place_labels(boxes, [(60, 12)] * 30, (400, 400)) if label.leader]
    assert len(away) > 5
    objects = [Label(x0, y0, x1 - x0, y1 - y0) for x0, y0, x1, y1 in boxes]
    assert max(overlap(label, thing) for label in away for thing in objects) < 1e-6
