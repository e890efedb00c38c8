"""Candidates drawn for learning are measured against masks where there are any, and against boxes elsewhere."""

import numpy as np
import pytest
from numpy.typing import NDArray

from hypercolumns.parameters import ProposalParameters
from hypercolumns.proposals.candidates import Candidates
from hypercolumns.proposals.generate import measure, sample
from hypercolumns.proposals.superpixels import Superpixels
from tests.proposals.scenes_for_proposals import draw

Figures = list[NDArray[np.bool_]]
Boxes = list[tuple[float, float, float, float]]


def box_of(figure: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Tight box x0, y0, x1, y1 of a figure (height, width)."""
    rows, columns = np.nonzero(figure)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def filled(box: tuple[float, ...]) -> NDArray[np.bool_]:
    """Mask (80, 100) of a box of whole pixels."""
    x0, y0, x1, y1 = map(int, box)
    mask = np.zeros((80, 100), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def iou(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Intersection over union of two masks."""
    return float((first & second).sum() / (first | second).sum())


DISC, BAR = draw(0)[1]


@pytest.mark.parametrize(
    ("figures", "boxes"),
    [([DISC, BAR], []), ([DISC], [box_of(BAR)]), ([], [box_of(DISC), box_of(BAR)])],
    ids=["masks", "mixed", "boxes"],
)
def test_overlaps_equal_those_of_pixels(
    image: NDArray[np.uint8],
    superpixels: Superpixels,
    candidates: Candidates,
    settings: ProposalParameters,
    figures: Figures,
    boxes: Boxes,
) -> None:
    """All candidates are drawn, so their overlaps can be computed from their pixels."""
    regions = candidates.members[:, superpixels.labels]
    expected = [
        max([iou(r, figure) for figure in figures] + [iou(filled(box_of(r)), filled(box)) for box in boxes])
        for r in regions
    ]
    _, overlaps = sample(measure(image, settings), figures, boxes, len(regions), np.random.default_rng(0))
    np.testing.assert_allclose(overlaps, expected, rtol=1e-6)
