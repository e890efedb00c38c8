"""Features of the boxes in one photograph."""

import numpy as np

from hypercolumns.annotations.model import Image
from hypercolumns.detection.features import describe
from hypercolumns.parameters import DetectionParameters


def test_no_boxes_give_no_rows_of_the_usual_width() -> None:
    """A small photograph may have no background left to mine for hard negatives."""
    maps = {name: np.random.default_rng(0).random((c, 6, 8)).astype(np.float16) for name, c in (("a", 3), ("b", 5))}
    settings = DetectionParameters(cells=2)
    image = Image(1, "a.jpg", 80, 60)
    features = describe(maps, image, np.array([[5.0, 5, 30, 40], [0, 0, 80, 60]]), settings)
    empty = describe(maps, image, np.zeros((0, 4)), settings)
    assert features.shape == (2, 4 * (3 + 5) + 5 + 7)  # both layers in 2 x 2 cells, context, geometry
    assert empty.shape == (0, features.shape[1])
    assert np.isfinite(features).all()
