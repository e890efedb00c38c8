"""Features of boxes of one photograph."""

import numpy as np

from hypercolumns.annotations.model import Image
from hypercolumns.detection.features import describe
from hypercolumns.parameters import DetectionParameters


def test_no_box_has_no_features_of_the_usual_width() -> None:
    """A small photograph may have no background left to look for hard negatives in."""
    maps = {name: np.random.default_rng(0).random((c, 6, 8)).astype(np.float16) for name, c in (("a", 3), ("b", 5))}
    image = Image(1, "a.jpg", 80, 60)
    some = describe(maps, image, np.array([[5.0, 5, 30, 40], [0, 0, 80, 60]]), DetectionParameters())
    none = describe(maps, image, np.zeros((0, 4)), DetectionParameters())
    assert none.shape == (0, some.shape[1])
