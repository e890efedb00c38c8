"""RoI pooling averages interpolated values, like torchvision's `roi_align`."""

import importlib
import inspect

import numpy as np
import pytest
import torch

import hypercolumns.backbones.vision  # noqa: F401 - makes torchvision importable
from hypercolumns.regions.interpolation import interpolation_matrix
from hypercolumns.regions.pooling import axis_weights, pool, pooling_matrix

# The function behind `torchvision.ops.roi_align`, whose own compilation takes minutes.
ROI_ALIGN = inspect.unwrap(importlib.import_module("torchvision.ops.roi_align")._roi_align)

STRIDE = 16
HEIGHT, WIDTH = 9, 13
IMAGE = (WIDTH * STRIDE, HEIGHT * STRIDE)


@pytest.fixture
def maps() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(5, HEIGHT, WIDTH)).astype(np.float32)


@pytest.fixture
def boxes() -> np.ndarray:
    rng = np.random.default_rng(1)
    corners = np.sort(rng.uniform(0, 1, (40, 2, 2)), axis=1) * IMAGE
    return corners.reshape(-1, 4)


@pytest.mark.parametrize(("cells", "samples"), [(1, 1), (1, 6), (2, 3), (7, 2)])
def test_pooling_equals_roi_align(maps: np.ndarray, boxes: np.ndarray, cells: int, samples: int) -> None:
    ours = pool(maps, boxes, IMAGE, cells, samples)
    rois = torch.cat([torch.zeros(len(boxes), 1), torch.tensor(boxes, dtype=torch.float32)], dim=1)
    theirs = ROI_ALIGN(torch.tensor(maps)[None], rois, 1 / STRIDE, cells, cells, samples, True)
    np.testing.assert_allclose(ours, theirs.flatten(2).transpose(1, 2).numpy(), atol=1e-5)


@pytest.mark.parametrize("target", [1, 4, 9, 50])
def test_one_sample_per_cell_of_the_whole_image_gives_the_interpolation_operator(target: int) -> None:
    ours = pooling_matrix([[0, 0, *IMAGE]], IMAGE, (HEIGHT, WIDTH), target, 1).toarray()
    kronecker = np.kron(interpolation_matrix(HEIGHT, target), interpolation_matrix(WIDTH, target))
    np.testing.assert_allclose(ours, kronecker, atol=1e-6)


def test_rows_sum_to_one_even_beyond_the_image() -> None:
    boxes = [[-30, -30, 40, 50], [180, 100, 300, 200], [50, 50, 50, 50], [400, 400, 500, 500]]
    operator = pooling_matrix(boxes, IMAGE, (HEIGHT, WIDTH), 3, 2)
    assert operator.shape == (len(boxes) * 9, HEIGHT * WIDTH)
    assert operator.data.min() >= 0
    np.testing.assert_allclose(operator.sum(axis=1), 1, atol=1e-6)


def test_coarse_cells_are_means_of_fine_cells(maps: np.ndarray, boxes: np.ndarray) -> None:
    """The value of a cell is the mean of its samples, so 2 x 2 cells of 3 samples average to one cell of 6."""
    fine = pool(maps, boxes, IMAGE, 2, 3).mean(axis=1)
    np.testing.assert_allclose(fine, pool(maps, boxes, IMAGE, 1, 6)[:, 0], atol=1e-5)


def test_no_boxes_give_no_rows(maps: np.ndarray) -> None:
    assert pool(maps, np.zeros((0, 4)), IMAGE, 2, 2).shape == (0, 4, 5)


@pytest.mark.parametrize(("cells", "samples"), [(1, 5), (4, 2), (20, 1)])
def test_the_operator_is_the_product_of_two_axes(boxes: np.ndarray, cells: int, samples: int) -> None:
    """The operator of a box is the Kronecker product of its axes, inside and outside the image."""
    moved = np.concatenate([boxes, boxes + 70, boxes - 70])
    x = axis_weights(moved[:, 0], moved[:, 2], IMAGE[0], WIDTH, cells, samples)
    y = axis_weights(moved[:, 1], moved[:, 3], IMAGE[1], HEIGHT, cells, samples)
    operator = pooling_matrix(moved, IMAGE, (HEIGHT, WIDTH), cells, samples).toarray()
    np.testing.assert_allclose(np.concatenate([np.kron(*axes) for axes in zip(y, x, strict=True)]), operator, atol=1e-6)
