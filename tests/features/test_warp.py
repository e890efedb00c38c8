"""Warped boxes equal torch's antialiased interpolation, and outside the photograph they have the fill colour."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from hypercolumns.features import warp as warping

FILL = (0.5, 0.4, 0.3)


def warp(photo: torch.Tensor, boxes: list[tuple], size: int, fill: tuple[float, float, float]) -> torch.Tensor:
    """Warp boxes of one photograph."""
    return warping.warp([photo.numpy()] * len(boxes), np.array(boxes, dtype=np.float64), size, fill)


@pytest.fixture(scope="module")
def photo() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8))


@pytest.mark.parametrize("size", [1, 7, 64, 227])
@pytest.mark.parametrize(
    "box", [(0, 0, 160, 120), (10, 20, 110, 60), (100, 5, 101, 119), (3, 4, 67, 68), (0, 100, 9, 109)]
)
def test_boxes_with_integer_coordinates_equal_interpolate(photo: torch.Tensor, box: tuple, size: int) -> None:
    x0, y0, x1, y1 = box
    crop = photo[y0:y1, x0:x1].permute(2, 0, 1)[None].double() / 255
    expected = functional.interpolate(crop, (size, size), mode="bilinear", antialias=True, align_corners=False)
    torch.testing.assert_close(warp(photo, [box], size, FILL).double(), expected, rtol=0, atol=1e-6)


def test_pixels_outside_the_photograph_count_as_the_fill(photo: torch.Tensor) -> None:
    """A box across the border equals the same box in a photograph that is padded with the fill."""
    fill = (102 / 255, 51 / 255, 153 / 255)
    margin = 30
    larger = (torch.tensor(fill) * 255).to(torch.uint8).repeat(120 + 2 * margin, 160 + 2 * margin, 1)
    larger[margin:-margin, margin:-margin] = photo
    boxes = [(-20.3, -7.9, 50.2, 60.0), (120.5, 90.1, 185.0, 149.9), (-29, -29, 189, 149), (-10, 5, -2.5, 30)]
    moved = [tuple(v + margin for v in box) for box in boxes]
    torch.testing.assert_close(warp(photo, boxes, 33, fill), warp(larger, moved, 33, fill), rtol=0, atol=1e-6)


@pytest.mark.parametrize("box", [(-50.5, -60, -10, -3), (300, 10, 400, 20), (10, 120, 40, 180.5), (159.9, 0, 162, 900)])
def test_locations_far_outside_the_photograph_are_exactly_the_fill(photo: torch.Tensor, box: tuple) -> None:
    warped = warp(photo, [box], 8, FILL)
    outside = warped[..., -1] if box[0] < 160 < box[2] else warped
    assert torch.equal(outside, torch.tensor(FILL).view(1, 3, *[1] * (outside.ndim - 2)).expand_as(outside))


def test_boxes_between_pixels_follow_a_linear_ramp() -> None:
    """Linear resampling of a linear image gives its values at the centres of the locations."""
    ramp = torch.arange(200, dtype=torch.uint8).view(1, -1, 1).expand(50, -1, 3).contiguous()
    x0, x1 = 20.3, 31.7
    expected = (x0 + (torch.arange(40) + 0.5) / 40 * (x1 - x0) - 0.5) / 255
    row = warp(ramp, [(x0, 10.25, x1, 30.5)], 40, FILL)[0, 0, 20]
    torch.testing.assert_close(row[3:-3], expected[3:-3], rtol=0, atol=1e-6)


def test_boxes_do_not_influence_each_other(photo: torch.Tensor) -> None:
    boxes = [(1.5, 2.5, 30, 40), (-5, -5, 170, 130), (80, 3, 80.4, 3.3)]
    together = warp(photo, boxes, 16, FILL)
    alone = torch.cat([warp(photo, [box], 16, FILL) for box in boxes])
    assert torch.equal(together, alone)
