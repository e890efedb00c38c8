"""The operator behind hypercolumns, samples and scores is torch's bilinear interpolation."""

import numpy as np
import pytest
import torch

from hypercolumns.regions.interpolation import (
    interpolation_matrix,
    linear_weights,
    location_centres,
    operator,
    support,
)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 7), (13, 9), (50, 50), (112, 60)])
def test_the_operator_equals_torch_interpolate(height: int, width: int) -> None:
    block = torch.randn(2, 3, height, width, dtype=torch.float64, generator=torch.manual_seed(0))
    expected = torch.nn.functional.interpolate(block, (50, 50), mode="bilinear", align_corners=False).numpy()
    rows, columns = interpolation_matrix(height, 50), interpolation_matrix(width, 50)
    np.testing.assert_allclose(rows @ block.numpy() @ columns.T, expected, atol=1e-12)
    flat = block.numpy().reshape(6, -1)
    np.testing.assert_allclose((operator(height, width, 50) @ flat.T).T.reshape(expected.shape), expected, atol=1e-6)


@pytest.mark.parametrize("source", [1, 5, 7, 64])
def test_rows_are_weights_that_sum_to_one(source: int) -> None:
    matrix = interpolation_matrix(source, 50)
    assert matrix.min() >= 0
    np.testing.assert_allclose(matrix.sum(axis=1), 1)
    assert (matrix > 0).sum(axis=1).max() <= 2
    np.testing.assert_allclose(operator(source, source, 50).sum(axis=1), 1, rtol=1e-6)


def test_positions_beyond_the_outer_centres_take_the_nearest_value() -> None:
    np.testing.assert_array_equal(linear_weights(np.array([-1.0, 0.0, 1.0, 2.0]), 3) @ [1, 5, 9], [1, 1, 9, 9])
    np.testing.assert_allclose(linear_weights(np.array([0.5]), 2) @ [1, 3], [2])


def test_support_spans_the_columns_with_entries() -> None:
    assert support(np.array([[0, 0, 1, 0, 0], [0, 0, 0, 2, 0.0]])) == slice(2, 4)


def test_location_centres_lie_in_the_middle_of_equal_parts_of_the_box() -> None:
    x, y = location_centres(np.array([10.0, 0.0, 20.0, 50.0]), 5)
    assert x.tolist() == [11, 13, 15, 17, 19]
    assert y.tolist() == [5, 15, 25, 35, 45]
